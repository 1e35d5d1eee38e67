"""The audit trail as a page: who, what, when and from where."""

from pathlib import Path

from support.console_router import OPERATOR, VIEWER, watched_router
from support.console_visit import visiting

from router.clock import system_clock
from router.datatypes import Secret
from router.journal.audit import Audit, AuditAction, Audited, AuditEntry, Via
from router.journal.connection import Connection

XSS = '"><script>alert(1)</script>\u202e'


async def test_actions_are_listed_and_filtered_and_lead_to_what_was_acted_on(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    trail = Audit(connection, system_clock())
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        for entry in (
            AuditEntry(
                action=AuditAction.ACKNOWLEDGED,
                kind=Audited.ALERT,
                object="ak_1/x",
                named=XSS,
                via=Via.LINK,
                address="192.0.2.7",
            ),
            AuditEntry(
                action=AuditAction.PAUSED,
                kind=Audited.DESTINATION,
                object=XSS,
                by="alice",
                named="bo",
                via=Via.API,
                details={"reason": XSS},
            ),
            AuditEntry(action="danced", kind="moon", by="alice", via="telepathy"),
        ):
            await trail.record(entry)

        page = await visit.get("/console/audit")
        assert "danced moon" in page.text
        assert "alice as bo paused destination" in page.text
        assert "a token without a name logged in role: viewer console 127.0.0.1" in page.text
        assert "<script>" not in page.body.replace("<script src", "")
        assert "\u202e" not in page.body
        assert 'href="/console/alerts/ak_1%2Fx"' in page.body

        by_name = await visit.get("/console/audit?name=ALICE&action=paused&newer_than=1d")
        assert "danced" not in by_name.text
        assert "alice as bo paused destination" in by_name.text
        first = await visit.get("/console/audit?limit=1")
        (older,) = first.links("Older")
        assert "alice as bo" in (await visit.get(older)).text
        for query, said in (
            ("name=carol", "Nothing matches the filter"),
            ("action=x", "Action: is 'x', expected one of silenced"),
            ("after=x", "After: 'x' is not a cursor"),
            ("colour=x", "Unknown query parameter 'colour'"),
        ):
            assert said in (await visit.get(f"/console/audit?{query}")).text, query


async def test_what_the_console_does_is_on_it(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        page = await visit.get("/console/alerts")
        key = page.body.split('name="select" value="')[1].split('"')[0]
        await visit.post("/console/alerts", ("do", "acknowledge"), ("select", key))

        listed = await visit.get("/console/audit?action=acknowledged")
        assert f"acknowledged alert {key} rule: call-quality console 127.0.0.1" in listed.text
