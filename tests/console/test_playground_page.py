"""The playground without a script: findings, verdicts and messages of a form; nothing is saved."""

from pathlib import Path

from support.console_router import RULES, VIEWER, event, idle_router, watched_router
from support.console_visit import visiting

from router.datatypes import Secret
from router.events.masks import NO_MASKS
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.journal.connection import Connection

PATH = "/console/playground"
RULE = RULES[RULES.index("rules:") :]


async def test_a_viewer_tries_a_rule_with_the_last_event(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        begun = await visit.get(f"{PATH}?rule=call-quality")
        assert "The last one of its type" in begun.text
        assert "- name: call-quality" in begun.text
        newest = await EventHistory(connection, NO_MASKS).page(EventFilter(), limit=1)
        reference = newest.items[0].reference
        of_event = await visit.get(f"{PATH}?event={reference}")
        assert "- name: call-quality" in of_event.text
        assert "not in history any more" in (await visit.get(f"{PATH}?event=0")).text
        assert "webhook_url" not in (await visit.get(f"{PATH}?file=a.yaml")).text
        assert (await visit.get(f"{PATH}?file=../a.yaml")).status == 404

        body = event(1, {"issues": 4, "region": "us1", "name": "<b>x</b>"}).decode()
        draft = (("rules", RULE), ("event", body))
        matched = await visit.post(PATH, *draft)
        assert "1 rule of 1 matches, 2 messages" in matched.text
        assert "data.issues = 4" in matched.text
        message = await visit.post(f"{PATH}/message", *draft, ("show", "call-quality chat"))
        assert message.headers["Content-Security-Policy"].startswith("sandbox;")
        assert "&lt;b&gt;x&lt;/b&gt;" in message.body
        absent = await visit.post(f"{PATH}/message", *draft, ("show", "call-quality mail"))
        assert absent.status == 404

        broken = await visit.post(PATH, ("rules", RULE.replace(">= 3", ">= ")), ("event", body))
        assert "1 error: the rules would not be loaded" in broken.text
        assert "playground.yaml:5:" in broken.text
        assert "4 KiB" in (await visit.post(PATH, ("rules", "#" * 70_000))).text
        saved = await visit.post(f"{PATH}/download", *draft)
        assert saved.headers["Content-Disposition"] == 'attachment; filename="playground.yaml"'
        assert saved.body == RULE
        assert (tmp_path / "a.yaml").read_text() == RULES


async def test_a_process_without_rules_tries_a_text_of_its_own(redis_url: Secret) -> None:
    async with idle_router(redis_url) as router, visiting(router.url, VIEWER) as visit:
        begun = (await visit.get(PATH)).text
        assert "This process has no rules folder" in begun
        sample = await visit.post(PATH, ("rules", RULE), ("event", "{}"), ("sample", "yes"))
        assert "conference_sid" in sample.text
        assert "2 errors: the rules would not be loaded" in sample.text
