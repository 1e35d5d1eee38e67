"""Messages about calls, participants, messages, errors and tasks, from the rule to the message."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.golden import golden

from router.alerts import Alert, Delivery, delivery_id
from router.configuration.load import load
from router.destinations.contract import Links
from router.destinations.rendering.email_body import html_part, text_part
from router.destinations.rendering.event_facts import event_facts, values_read
from router.destinations.rendering.json_body import Format, alert_body
from router.destinations.rendering.slack_blocks import message
from router.destinations.rendering.summary import decode, facts, summary
from router.destinations.rendering.templates import TemplateTarget
from router.events.decode import decode_strictly
from router.worker.evaluation.fan_out import raise_alert

DESTINATION = "destinations: {noc: {http: {url: http://127.0.0.1:1/}}}\n"
AT = 1_767_225_600.0
ACCOUNT, CALL = "AC00000000000000000000000000000001", "CA00000000000000000000000000000001"
INSIGHTS = "com.twilio.voice.insights"
PAYLOAD = {
    "resource_sid": CALL,
    "service_sid": "PN00000000000000000000000000000001",
    "error_code": "11200",
    "more_info": {"Msg": "Got HTTP 502 response", "url": "https://app.example.com/voice"},
}

EVENTS: dict[str, dict[str, Any]] = {
    "call": {
        "type": f"{INSIGHTS}.call-summary.complete",
        "when": "data.carrier_edge.metrics.inbound.jitter.avg > 30 && data.answered_by == 'machine_start'",
        "data": {
            "call_sid": CALL,
            "account_sid": ACCOUNT,
            "call_type": "carrier",
            "call_state": "completed",
            "answered_by": "machine_start",
            "duration": 63,
            "connect_duration": 58,
            "from": {"caller": "+442079461234", "carrier": "Example Mobile", "country_code": "GB"},
            "to": {"callee": "sip:bob@pbx.example.com", "connection": "sip"},
            "properties": {
                "direction": "inbound",
                "disconnected_by": "caller",
                "pdd_ms": 901,
                "last_sip_response_num": 200,
            },
            "carrier_edge": {
                "properties": {"media_region": "us1", "edge_location": "ashburn"},
                "metrics": {
                    "inbound": {
                        "jitter": {"avg": 41.2345, "max": 88},
                        "packets_loss_percentage": 2.1,
                    }
                },
            },
            "tags": ["high_jitter"],
        },
    },
    "participant": {
        "type": f"{INSIGHTS}.conference-participant-summary.complete",
        "when": "data.quality_issues > 0 && data.outbound_time_in_queue >= 0",
        "data": {
            "participant_sid": "CP00000000000000000000000000000001",
            "label": "advisor",
            "conference_sid": "CF00000000000000000000000000000001",
            "call_sid": CALL,
            "account_sid": ACCOUNT,
            "from": "client:alice",
            "to": "+15551230001",
            "call_direction": "outbound",
            "call_type": "client",
            "call_status": "completed",
            "duration_seconds": 1800,
            "participant_region": "us1",
            "conference_region": "ie1",
            "outbound_time_in_queue": 3,
            "quality_issues": 2,
        },
    },
    "call-metrics": {
        "type": f"{INSIGHTS}.call-metrics.gateway",
        "when": "data.sip_edge.interval.packets_loss_percentage > 5",
        "data": {
            "call_sid": CALL,
            "account_sid": ACCOUNT,
            "edge": "sip_edge",
            "direction": "inbound",
            "sip_edge": {
                "codec_name": "pcmu",
                "interval": {"packets_loss_percentage": 7.4, "jitter": {"avg": 12, "max": 31}},
                "metadata": {"region": "us1", "edge_location": "ashburn"},
            },
        },
    },
    "message": {
        "type": "com.twilio.messaging.message.undelivered",
        "when": "data.errorCode == 30007",
        "data": {
            "messageSid": "SM00000000000000000000000000000001",
            "accountSid": ACCOUNT,
            "from": "+15551230001",
            "to": "+442079461234",
            "messageStatus": "UNDELIVERED",
            "errorCode": 30007,
            "mcc": "310",
            "mnc": "090",
        },
    },
    "error-log": {
        "type": "com.twilio.error-logs.error.logged",
        "when": "data.level == 'ERROR'",
        "data": {
            "sid": "NO00000000000000000000000000000001",
            "account_sid": ACCOUNT,
            "level": "ERROR",
            "product_name": "Programmable Voice",
            "error_code": "11200",
            "correlation_sid": CALL,
            "payload": msgspec.json.encode(PAYLOAD).decode(),
        },
    },
    "task": {
        "type": "com.twilio.taskrouter.task.canceled",
        "when": "data.payload.task_age > 120",
        "data": {
            "account_sid": ACCOUNT,
            "payload": {
                "workspace_sid": "WS00000000000000000000000000000001",
                "workspace_name": "Flex Task Assignment",
                "task_sid": "WT00000000000000000000000000000001",
                "task_queue_name": "Support",
                "task_age": 312,
                "task_priority": 1,
                "task_assignment_status": "canceled",
                "task_canceled_reason": "hangup",
            },
        },
    },
}


def raised(folder: Path, event: dict[str, Any], keys: str = "", **data: Any) -> Alert:
    """The alert of a rule with these keys, about an event."""
    rule = f"rules:\n  - {{name: r, events: [{event['type']}], send_to: [noc]}}\n"
    rule = rule.replace("}", f', when: "{event["when"]}"{keys}}}')
    (folder / "a.yaml").write_text(DESTINATION + rule)
    content = {
        "specversion": "1.0",
        "id": "EZ1",
        "source": ACCOUNT,
        "type": event["type"],
        "time": "2026-01-01T00:00:00Z",
        "data": {**event["data"], **data},
    }
    (received,) = decode_strictly(msgspec.json.encode(content), received_at=AT, max_events=1)
    return raise_alert(received, content, load(folder, {}).rules.rules[0], now=AT)


def shown(alert: Alert) -> dict[str, str]:
    return {fact.label: fact.value for fact in facts(alert, decode(alert))}


def delivery_of(alert: Alert) -> Delivery:
    return Delivery(id=delivery_id(alert.id, "noc"), destination="noc", alert=alert)


@pytest.mark.parametrize("name", EVENTS)
def test_a_mail_names_what_the_event_is_about(name: str, tmp_path: Path) -> None:
    alert = raised(tmp_path, EVENTS[name])
    line = summary(alert, TemplateTarget.TEXT).text
    text = text_part(delivery_of(alert), line, decode(alert), Links())
    assert text == golden(f"facts-{name}.txt", text)


@pytest.mark.parametrize("name", EVENTS)
def test_slack_names_what_the_event_is_about(name: str, tmp_path: Path) -> None:
    alert = raised(tmp_path, EVENTS[name])
    line = summary(alert, TemplateTarget.SLACK)
    sent = message(delivery_of(alert), line, decode(alert), Links())
    seen = msgspec.json.format(msgspec.json.encode(sent), indent=2).decode() + "\n"
    assert seen == golden(f"facts-{name}-slack.json", seen)
    for block in sent["attachments"][0]["blocks"]:
        assert len(block.get("fields", ())) <= 10


@pytest.mark.parametrize("name", EVENTS)
def test_no_message_has_a_whole_number(name: str, tmp_path: Path) -> None:
    alert = raised(tmp_path, EVENTS[name])
    event = decode(alert)
    line = summary(alert, TemplateTarget.TEXT).text
    whole = html_part(delivery_of(alert), line, event, Links())
    whole += text_part(delivery_of(alert), line, event, Links())
    assert "+442079461234" not in whole
    assert "+15551230001" not in whole
    assert "alice" not in whole


def test_fields_of_a_rule_are_facts_and_replace_others(tmp_path: Path) -> None:
    keys = (
        ", fields: {Answered by: data.answered_by, from: data.from.caller, Account: null,"
        """ X: 'data["x"]'}"""
    )
    alert = raised(tmp_path, EVENTS["call"], keys)
    found = shown(alert)

    assert found["Answered by"] == "machine_start"
    assert found["from"] == "+442079461234"
    assert not {"From", "Account", "X"} & found.keys()
    body = msgspec.json.decode(alert_body(delivery_of(alert), Format.JSON, Links()).content)
    assert body["alert"]["fields"] == {"Answered by": "machine_start", "from": "+442079461234"}


def test_an_http_body_has_the_fields_of_the_rule(tmp_path: Path) -> None:
    keys = ", fields: {Answered by: data.answered_by, Tags: data.tags, Source: null}"
    delivery = delivery_of(raised(tmp_path, EVENTS["call"], keys))
    body = alert_body(delivery, Format.JSON, Links()).content
    seen = msgspec.json.format(body, indent=2).decode() + "\n"
    assert seen == golden("facts-call-http.json", seen)


def test_a_field_without_a_value_leaves_the_fact_of_its_name(tmp_path: Path) -> None:
    alert = raised(tmp_path, EVENTS["call"], """, fields: {SIP response: 'data["x"].y'}""")
    assert shown(alert)["SIP response"] == "200"


def test_a_rule_can_ask_for_whole_numbers(tmp_path: Path) -> None:
    alert = raised(tmp_path, EVENTS["call"], ", numbers: whole")
    assert shown(alert)["From"] == "+442079461234 · Example Mobile · GB"
    assert shown(alert)["To"] == "sip:bob@pbx.example.com · sip"


def test_a_number_that_the_condition_reads_is_masked_too(tmp_path: Path) -> None:
    event = {
        "type": "com.example.call",
        "when": "data.caller == '+442079461234' && data.legs.all(leg, leg.to != '')",
        "data": {"caller": "+442079461234", "legs": [{"to": f"+1555123000{n}"} for n in range(9)]},
    }
    alert = raised(tmp_path, event)
    assert shown(alert)["Values"] == (
        "data.caller = +4420…1234 · data.legs[*].to = "
        "+155…0000, +155…0001, +155…0002, +155…0003, +155…0004"
    )


def test_what_a_window_measures_is_read_too(tmp_path: Path) -> None:
    keys = (
        ", measure: {value: data.properties.pdd_ms, avg: {above: 5000}, within: 10m,"
        " by: [data.trust.verified_caller.verified]}"
    )
    alert = raised(tmp_path, EVENTS["call"], keys)
    assert alert.reads == (
        "data.answered_by",
        "data.carrier_edge.metrics.inbound.jitter.avg",
        "data.properties.pdd_ms",
        "data.trust.verified_caller.verified",
    )


def test_hostile_text_in_each_field_is_one_short_line(tmp_path: Path) -> None:
    event = EVENTS["participant"]
    hostile = "a\nb\u202e<!channel>" * 500
    alert = raised(
        tmp_path, event, label=hostile, call_sid=hostile, conference_region={"a": [hostile]}, to=5
    )
    for fact in facts(alert, decode(alert)):
        assert fact.value.isprintable()
        assert len(fact.value) <= 300


@pytest.mark.parametrize("name", ["from", "From", "Caller", "phonenumber"])
def test_a_party_that_a_rule_reads_is_masked_however_a_sender_spells_its_field(name: str) -> None:
    (fact,) = values_read(
        {"data": {name: "client-7"}}, (f"data.{name}",), frozenset(), whole_numbers=False
    )
    assert fact.value == f"data.{name} = c…"


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        (
            "com.twilio.voice.status-callback.call.completed",
            {
                "sid": CALL,
                "request": {
                    "method": "POST",
                    "parameters": {
                        "From": "+442079461234",
                        "CallStatus": "failed",
                        "CallDuration": "49",
                    },
                },
            },
        ),
        (
            "com.twilio.voice.call-status-callback.failed",
            {
                "CallSid": CALL,
                "From": "+442079461234",
                "CallStatus": "failed",
                "CallDuration": "49",
            },
        ),
    ],
)
def test_a_callback_about_a_call_names_it_in_a_stream_and_in_a_form(
    event_type: str, data: dict[str, Any]
) -> None:
    found = event_facts({"data": data}, event_type, whole_numbers=False).facts
    assert {fact.label: fact.value for fact in found} == {
        "Call": CALL,
        "From": "+4420…1234",
        "State": "failed",
        "Duration": "49 s",
    }
