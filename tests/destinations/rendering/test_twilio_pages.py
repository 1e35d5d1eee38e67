"""Links to Twilio's pages, which no event can make lead elsewhere."""

from typing import Any

import pytest

from router.destinations.rendering.twilio_pages import LINKS_LIMIT, twilio_pages

CALL = "CA00000000000000000000000000000001"
CONSOLE = "https://www.twilio.com/console"
WORKSPACE, TASK = "WS00000000000000000000000000000001", "WT00000000000000000000000000000001"


@pytest.mark.parametrize(
    ("data", "pages"),
    [
        ({"call_sid": CALL}, {"Call in Twilio": f"{CONSOLE}/voice/calls/logs/{CALL}"}),
        (
            {"messageSid": CALL.replace("CA", "SM"), "errorCode": 30007},
            {
                "Message in Twilio": f"{CONSOLE}/sms/logs/{CALL.replace('CA', 'SM')}",
                "Error code in Twilio": "https://www.twilio.com/docs/api/errors/30007",
            },
        ),
        (
            {"error_code": "11200", "payload": f'{{"resource_sid": "{CALL}"}}'},
            {
                "Call in Twilio": f"{CONSOLE}/voice/calls/logs/{CALL}",
                "Error code in Twilio": "https://www.twilio.com/docs/api/errors/11200",
            },
        ),
        (
            {"payload": {"workspace_sid": WORKSPACE, "task_sid": TASK}},
            {"Task in Twilio": f"{CONSOLE}/taskrouter/workspaces/{WORKSPACE}/tasks/{TASK}"},
        ),
        ({"sid": CALL}, {"Call in Twilio": f"{CONSOLE}/voice/calls/logs/{CALL}"}),
        (
            {"Sid": CALL.replace("CA", "NO"), "Payload": {"error_code": "11200"}},
            {
                "Log entry in Twilio": f"{CONSOLE}/runtime/debugger/{CALL.replace('CA', 'NO')}",
                "Error code in Twilio": "https://www.twilio.com/docs/api/errors/11200",
            },
        ),
        ({"payload": {"task_sid": TASK}}, {}),
        ({"call_sid": f"{CALL}/../../evil"}, {}),
        ({"call_sid": f"{CALL}\n"}, {}),
        ({"call_sid": CALL.replace("CA", "CF")}, {}),
        ({"call_sid": [CALL]}, {}),
        ({"error_code": "../evil", "errorCode": True}, {}),
        ({"error_code": "١١٢٠٠"}, {}),
        ({}, {}),
    ],
)
def test_a_page_is_linked_if_its_sid_is_one(data: dict[str, Any], pages: dict[str, str]) -> None:
    assert dict(twilio_pages({"data": data}, "com.twilio.voice.insights.x")) == pages


def test_a_page_is_that_of_twilios_own_events_only() -> None:
    assert twilio_pages({"data": {"call_sid": CALL}}, "com.example.call") == []


def test_a_message_has_few_links() -> None:
    data = {
        "call_sid": CALL,
        "conference_sid": CALL.replace("CA", "CF"),
        "messageSid": CALL.replace("CA", "SM"),
        "error_code": 30007,
    }
    assert len(twilio_pages({"data": data}, "com.twilio.x")) == LINKS_LIMIT
