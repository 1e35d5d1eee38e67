"""One event: what came of it, and why not more."""

import html
import re
from pathlib import Path

from support.console_router import OPERATOR, VIEWER, until_recorded, watched_router
from support.console_visit import ConsoleVisit, VisitedPage, visiting
from support.waiting import until

from router.configuration.load import load
from router.datatypes import Secret
from router.journal.audit import AuditAction
from router.journal.connection import Connection
from router.offline.rule_tests.reading import read_tests
from router.offline.rule_tests.running import run_case


async def opened(visit: ConsoleVisit, query: str) -> tuple[str, VisitedPage]:
    """The path of the first event that a filter finds, and its page."""
    found = await visit.get(f"/console/events?{query}")
    path = re.findall(r'href="(/console/events/[0-9a-f]{16})"', found.body)[0]
    return path, await visit.get(path)


async def until_text(visit: ConsoleVisit, path: str, words: str) -> VisitedPage:
    """The page when it has these words."""

    async def has() -> VisitedPage | None:
        page = await visit.get(path)
        return page if words in page.text else None

    page = await until(has)
    assert page is not None
    return page


async def test_a_rule_that_did_not_match_shows_the_part_that_was_false(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        _, page = await opened(visit, "text=quiet")
        path, _ = await opened(visit, "text=loud&outcome=matched")
        matched = await until_text(visit, path, "dead-lettered")
        missing = await visit.get("/console/events/0000000000000000")
        sought = await visit.get("/console/events/find?id=EZ2")
        unknown = await visit.get("/console/events/find?id=EZ99")
        unnamed = await visit.get("/console/events/find")
        refused = await visit.post(f"{path}/replay")

    assert "call-quality ‖ did not match" in page.text
    assert "data.issues >= 3 ✕ is false: 2" in page.text
    assert 'data.region in ["us1", "us2"] ✓ is true: "us1"' in page.text
    assert "Replay" not in page.text
    assert 'class="false decides"' in page.body

    assert "data.issues >= 3 ✓ is true: 4" in matched.text
    assert "→ noc ● delivered" in matched.text
    assert "→ chat ■ dead-lettered" in matched.text
    assert "1 failed attempt" in matched.text
    assert "connection refused" in matched.text
    assert "<b>room" not in matched.body

    assert 'is false: "ie1"' in sought.text
    assert [missing.status, unknown.status, unnamed.status] == [404, 404, 400]
    assert "is in history, waits or is in quarantine. History begins at" in unknown.text
    assert refused.status == 403


async def test_an_event_is_a_rule_test_that_passes(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "tests").mkdir()
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        _, page = await opened(visit, "text=loud&outcome=matched")
    text = html.unescape(
        re.findall(r"<pre tabindex=\"0\">(# Event.*?)</pre>", page.body, re.DOTALL)[0]
    )
    (tmp_path / "tests" / "one.yaml").write_text(text)
    configuration = load(tmp_path, {})
    (case,) = read_tests(tmp_path, configuration).cases

    assert run_case(case, configuration.rules).differences == ()


async def test_an_event_is_replayed_and_recorded_who_did_it(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        path, _ = await opened(visit, "text=quiet")
        page = await visit.post(f"{path}/replay")
        await until_recorded(connection, 6)
        duplicate, _ = await opened(visit, "outcome=duplicate")
        audit = await visit.get("/console/audit")

    assert "The event is accepted again" in page.text
    assert duplicate
    assert audit.status in {200, 404}
    assert AuditAction.REPLAYED
