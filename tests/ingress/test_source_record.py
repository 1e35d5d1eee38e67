"""Requests are counted without a wait, and added to the counts of all processes once."""

import asyncio
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from support.clock import SetClock
from support.cutting import Cutting
from support.waiting import until

from router.clock import Clock
from router.ingress import source_record
from router.ingress.responses import RequestRejectedError
from router.ingress.source_record import SourceRecord, refused_request
from router.journal.connection import Connection
from router.journal.source_log import REFUSALS_LIMIT, RefusedRequest, SourceLog


@pytest.fixture
def log(connection: Connection, clock: Clock) -> SourceLog:
    return SourceLog(connection, clock)


@pytest.fixture
def record(log: SourceLog, clock: Clock) -> SourceRecord:
    return SourceRecord(log, clock)


def refusal(at: float) -> RefusedRequest:
    return RefusedRequest(at=at, status=403, code="wrong_signature", reason="it is wrong")


async def test_what_was_counted_is_added_once_a_second(
    record: SourceRecord, log: SourceLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_record, "INTERVAL", 0.01)
    record.accepted("crm", 3, 1, skipped=2)
    record.accepted("crm", 1, 0)
    record.refused("crm", refusal(5.0))

    async def is_added() -> bool:
        counts = (await log.counts(["crm"]))["crm"]
        return (counts.accepted, counts.quarantined, counts.skipped, counts.refused) == (4, 1, 2, 1)

    async with asyncio.TaskGroup() as group:
        running = group.create_task(record.run())
        await until(is_added)
        running.cancel()
    assert (await log.refusals(["crm"]))["crm"] == [refusal(5.0)]


async def test_a_storm_is_bounded_and_counted(record: SourceRecord, log: SourceLog) -> None:
    """Mutant: a list without a limit."""
    for number in range(5 * REFUSALS_LIMIT):
        record.refused("crm", refusal(float(number)))
    assert sum(len(each.refusals) for each in record._counted.values()) == REFUSALS_LIMIT

    await record.flush()

    assert (await log.counts(["crm"]))["crm"].refused == 5 * REFUSALS_LIMIT
    shown = (await log.refusals(["crm"]))["crm"]
    assert [shown[0].at, shown[-1].at] == [499.0, 400.0]


@pytest.mark.parametrize("happens", [False, True], ids=["lost before", "reply lost"])
async def test_what_could_not_be_written_is_written_once(
    connection: Connection, log: SourceLog, clock: Clock, *, happens: bool
) -> None:
    """Mutants: dropped after a failure; a new number for the second attempt."""
    cut = Cutting(connection, 1, happens=happens)
    record = SourceRecord(SourceLog(cut, clock), clock)
    record.accepted("crm", 1, 0)
    await record.flush()
    record.accepted("crm", 10, 0)
    record._log = log
    await record.flush()

    assert (await log.counts(["crm"]))["crm"].accepted == 11


async def test_a_killed_process_loses_what_it_had_not_written(
    record: SourceRecord, log: SourceLog, clock: Clock
) -> None:
    record.accepted("crm", 1, 0)
    await record.flush()
    record.accepted("crm", 1, 0)
    del record
    after_restart = SourceRecord(log, clock)
    after_restart.accepted("crm", 1, 0)
    await after_restart.flush()

    assert (await log.counts(["crm"]))["crm"].accepted == 2


async def test_many_sources_go_in_several_round_trips(record: SourceRecord, log: SourceLog) -> None:
    names = [f"source-{number}" for number in range(50)]
    for name in names:
        record.accepted(name, 1, 0)
    await record.flush()

    assert {each.accepted for each in (await log.counts(names)).values()} == {1}
    assert record._counted == {}


REJECTION = RequestRejectedError(
    HTTPStatus.FORBIDDEN,
    "wrong_signature",
    "the signature is wrong",
    path="$.id",
    detail="the URL that was verified: https://router.example.com/twilio",
)


def test_a_refusal_has_no_query(time: SetClock) -> None:
    request = make_mocked_request("POST", "/in/crm?access_token=hunter2")

    found = refused_request("crm", request, REJECTION, at=time.now, client="192.0.2.7")

    assert found == RefusedRequest(
        at=time.now,
        status=403,
        code="wrong_signature",
        reason="$.id: the signature is wrong",
        hint="the URL that was verified: https://router.example.com/twilio",
        client="192.0.2.7",
        path="/in/crm",
        method="POST",
    )


async def test_any_text_of_a_sender_can_be_stored(
    record: SourceRecord, log: SourceLog, time: SetClock
) -> None:
    """Mutant: texts as they are. A lone surrogate has no encoding, and would stop all counts."""
    request: web.BaseRequest = make_mocked_request("POST", "/in/" + "x" * 9000)
    message = "\ud800\x1b[2J\u202e" + "y" * 9000
    rejection = RequestRejectedError(HTTPStatus.BAD_REQUEST, "bad", message, detail=message)

    record.refused("crm", refused_request("crm", request, rejection, at=time.now, client="\udcff"))
    await record.flush()

    (found,) = (await log.refusals(["crm"]))["crm"]
    assert found.reason.startswith(r"\ud800\x1b[2J\u202eyyy")
    assert found.client == r"\udcff"
    assert all(len(text) < 750 for text in (found.reason, found.hint, found.path))
