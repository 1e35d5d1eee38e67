"""The audit trail: bounded, in one order, and never a reason to fail."""

import msgspec
import pytest
from support.clock import SetClock

from router.clock import Clock
from router.journal import audit, keys
from router.journal.audit import (
    Audit,
    AuditAction,
    Audited,
    AuditEntry,
    AuditFilter,
    FoundEntries,
    Via,
)
from router.journal.connection import Connection
from router.journal.pagination import TimeRange

EVERYTHING = AuditFilter()


def paused(name: str, **fields: object) -> AuditEntry:
    entry = AuditEntry(
        action=AuditAction.PAUSED, kind=Audited.DESTINATION, object=name, by="alice", via=Via.API
    )
    return msgspec.structs.replace(entry, **fields)


def by_link(name: str) -> AuditEntry:
    return paused(name, action=AuditAction.ACKNOWLEDGED, via=Via.LINK, by="", named="Ann")


@pytest.fixture
def trail(connection: Connection, clock: Clock) -> Audit:
    return Audit(connection, clock)


def objects(found: FoundEntries) -> list[str]:
    return [each.entry.object for each in found.items]


async def test_entries_of_operators_and_of_links_are_in_one_order(
    trail: Audit, time: SetClock
) -> None:
    """Mutants: an id that both streams have; the streams one after the other."""
    for number in range(4):
        await trail.record(paused(f"a{number}"))
        await trail.record(by_link(f"b{number}"))
        time.now += number % 2
    time.now -= 60  # an earlier time makes no earlier id
    await trail.record(paused("last"))

    pages, after = [], ""
    while True:
        page = await trail.page(EVERYTHING, after, limit=2)
        pages.append(objects(page))
        after = page.after
        if not after:
            break

    assert pages == [["last", "b3"], ["a3", "b2"], ["a2", "b1"], ["a1", "b0"], ["a0"]]


async def test_strangers_cannot_push_out_what_operators_did(
    trail: Audit, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants: one stream for all; no limit."""
    monkeypatch.setattr(audit, "OPERATORS_LIMIT", 2)
    monkeypatch.setattr(audit, "OTHERS_LIMIT", 3)
    for number in range(3):
        await trail.record(paused(f"a{number}"))
    for number in range(9):
        await trail.record(by_link(f"b{number}"))
    await trail.record(paused("console", action=AuditAction.LOGIN_FAILED, by=""))

    found = objects(await trail.page(EVERYTHING, limit=100))
    assert found == ["console", "b8", "b7", "a2", "a1"]
    assert await connection.redis.xlen(keys.AUDIT) == 2


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(name="ALICE"), ["new", "old"]),
        (AuditFilter(name="ann"), ["mid"]),
        (AuditFilter(action="acknowledged"), ["mid"]),
        (AuditFilter(name="ali"), []),
        (AuditFilter(times=TimeRange(first_ms=1_700_000_010_000)), ["new", "mid"]),
        (AuditFilter(times=TimeRange(last_ms=1_700_000_010_000)), ["mid", "old"]),
        (AuditFilter(times=TimeRange(first_ms=-1)), ["new", "mid", "old"]),
        (AuditFilter(times=TimeRange(last_ms=-1)), []),
    ],
)
async def test_filters(trail: Audit, time: SetClock, wanted: AuditFilter, found: list[str]) -> None:
    for entry in (paused("old"), by_link("mid"), paused("new")):
        await trail.record(entry)
        time.now += 10

    assert objects(await trail.page(wanted, limit=100)) == found


async def test_a_page_reads_a_bounded_number_of_entries(trail: Audit) -> None:
    for number in range(5):
        await trail.record(paused(f"a{number}"))
    wanted = AuditFilter(action="resumed")

    first = await trail.page(wanted, limit=9, max_scanned=3)
    rest = await trail.page(wanted, first.after, limit=9, max_scanned=3)

    assert (first.items, bool(first.after)) == ((), True)
    assert (rest.items, rest.after) == ((), "")
    with pytest.raises(ValueError, match="'x' is not a cursor"):
        await trail.page(wanted, "x", limit=1)


async def test_texts_are_cut(trail: Audit) -> None:
    long = {f"d{number}": "x" * 1000 for number in range(20)}
    await trail.record(paused("x" * 1000, by="y" * 1000, details=long))

    ((stored,), _) = msgspec.structs.astuple(await trail.page(EVERYTHING, limit=1))
    assert (len(stored.entry.object), len(stored.entry.by)) == (200, 200)
    assert [len(each) for each in stored.entry.details.values()] == [200] * 8


async def test_an_action_does_not_fail_for_its_entry(
    trail: Audit, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Mutant: the error is raised, so that an action that is done looks as if it had failed."""
    caplog.set_level("INFO")
    await connection.redis.config_set("maxmemory", 1)
    try:
        await trail.record(paused("while-full", details={"reason": "work", "records": 2}))
    finally:
        await connection.redis.config_set("maxmemory", 0)
    assert objects(await trail.page(EVERYTHING, limit=1)) == ["while-full"]
    await connection.redis.set(keys.AUDIT, "of another type")
    await trail.record(paused("moved-aside"))
    await connection.redis.xadd(keys.AUDIT, {"entry": b"\xc1"})
    await connection.redis.set(keys.AUDIT_OTHERS, "of another type")
    await connection.redis.delete(keys.AUDIT)
    await connection.close()
    await trail.record(paused("last"))

    line = next(each for each in caplog.records if each.message == "audit")
    assert {name: vars(line)[name] for name in ("action", "by", "via", "details")} == {
        "action": "paused",
        "by": "alice",
        "via": "api",
        "details": "reason=work records=2",
    }


async def test_an_entry_that_cannot_be_read_is_left_out(
    trail: Audit, connection: Connection
) -> None:
    await trail.record(paused("one"))
    newer = msgspec.to_builtins(paused("newer")) | {"version": 200}
    for record in (b"\xc1", msgspec.msgpack.encode(newer)):
        await connection.redis.xadd(keys.AUDIT, {"entry": record})

    assert objects(await trail.page(EVERYTHING, limit=9)) == ["one"]
