"""Rules with what each has done lately, and one rule with its day and its events."""

from pathlib import Path

from support.console_router import VIEWER, watched_router
from support.console_visit import visiting

from router.datatypes import Secret
from router.journal.connection import Connection


async def test_a_rule_is_found_and_says_what_it_nearly_matched(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        listed = await visit.get("/console/rules?text=region&destination=&mode=")
        assert "1 rule of generation" in listed.text
        assert "Three issues or more." in listed.text
        assert "a.yaml:6" in listed.text
        assert "No rule matches" in (await visit.get("/console/rules?mode=shadow")).text

        shown = (await visit.get("/console/rules/call-quality")).text
        assert 'when: data.issues >= 3 && data.region in ["us1", "us2"]' in shown
        assert "data.issues = 2" in shown  # a near miss
        assert 'data.region = "ie1"' in shown  # another
        assert "Looked for in 4 events" in shown

        unknown = await visit.get("/console/rules/call-qualitty")
        assert unknown.status == 404
        assert 'did you mean "call-quality"?' in unknown.text
