"""Destinations: their state, what operators do to them, and what viewers may not."""

from pathlib import Path

from support.console_router import OPERATOR, VIEWER, watched_router
from support.console_visit import visiting

from router.clock import Clock
from router.datatypes import Secret
from router.journal.audit import Audit, AuditFilter
from router.journal.connection import Connection


async def test_a_destination_is_paused_and_resumed_by_an_operator(
    redis_url: Secret, connection: Connection, clock: Clock, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as operator,
        visiting(router.url, VIEWER) as viewer,
    ):
        assert "noc" in (await operator.get("/console/destinations")).text
        paused = await operator.post(
            "/console/destinations/noc", ("do", "pause"), ("reason", "<b>they move</b>")
        )
        assert "Paused noc: its deliveries wait until it is resumed." in paused.text
        assert "<b>they move</b>" in paused.text
        assert "&lt;b&gt;they move" in paused.body

        seen = await viewer.get("/console/destinations/noc")
        assert "<b>they move</b>" in seen.text
        assert "Resume" not in seen.text
        refused = await viewer.post("/console/destinations/noc", ("do", "resume"))
        assert refused.status == 403

        again = await operator.post("/console/destinations/noc", ("do", "pause"))
        assert "already paused" in again.text
        resumed = await operator.post(
            "/console/destinations/noc", ("do", "resume"), ("back", "list")
        )
        assert "Resumed noc." in resumed.text
        assert resumed.url.path == "/console/destinations"
        retried = await operator.post("/console/destinations/noc", ("do", "retry-now"))
        assert "0 deliveries to noc are due now." in retried.text
        assert (await operator.get("/console/destinations/nocc")).status == 404

        tested = await operator.post("/console/destinations/noc", ("do", "test"))
        assert "noc has received the test message, in" in tested.text
        again = await operator.post("/console/destinations/noc", ("do", "test"))
        assert "a test message was sent a moment ago" in again.text
        failed = await operator.post("/console/destinations/chat", ("do", "test"))
        assert "chat has not received the test message: connection refused" in failed.text

        page = await Audit(connection, clock).page(AuditFilter(), limit=10)
        done = [(each.entry.action, each.entry.via) for each in page.items]
        assert ("paused", "console") in done
        assert ("resumed", "console") in done
        assert ("tested", "console") in done
