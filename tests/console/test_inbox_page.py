"""Captured messages: the newest first, each as text or in a frame that runs nothing."""

from pathlib import Path

import msgspec
from support.console_router import RULES, VIEWER
from support.console_visit import visiting
from support.lanes import message
from support.running import running, settings_for, worker_of

from router.alerts import Preview
from router.console.inbox import KEPT, Inbox
from router.datatypes import Secret
from router.runtime.roles import Roles


def test_an_inbox_keeps_the_last_messages() -> None:
    inbox = Inbox()
    for number in range(KEPT + 5):
        delivery = msgspec.structs.replace(message(number), destination=f"to-{number % 2}")
        inbox.add(delivery, Preview((("subject", str(number)),), "", "text/plain"), at=1.0)

    assert (inbox.captured, len(inbox.messages())) == (KEPT + 5, KEPT)
    assert [each.subject for each in inbox.messages("to-0")[:2]] == ["204", "202"]
    assert (inbox.find(5), inbox.destinations) == (None, ["to-0", "to-1"])


async def test_a_captured_message_is_shown_beside_its_request(
    redis_url: Secret, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    settings = settings_for(redis_url, viewer_token=Secret(VIEWER))
    inbox = Inbox()
    worker = msgspec.structs.replace(worker_of(tmp_path, settings), inbox=inbox)
    async with (
        running(settings, Roles(port=0, ingress=True, worker=worker)) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        assert "Nothing was captured yet" in (await visit.get("/console/inbox")).text
        html = Preview((("subject", "<i>"),), "plain", "text/plain", "<p>as read</p>")
        inbox.add(msgspec.structs.replace(message(1), destination="chat"), html, at=1.0)
        text = Preview((("url", "https://a.example"),), '{"a": "<i>"}', "application/json")
        inbox.add(message(2), text, at=2.0)

        page = await visit.get("/console/inbox")
        assert ('"a": "<i>"' in page.text, "<i>" in page.body) == (True, False)
        assert "chat" in (await visit.get("/console/inbox?destination=chat&message=1")).text
        framed = await visit.get("/console/inbox/1/message")
        assert framed.body == "<p>as read</p>"
        assert framed.headers["Content-Security-Policy"].startswith("sandbox;")
        assert (await visit.get("/console/inbox/3/message")).status == 404
