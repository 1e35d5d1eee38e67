"""What came to a router since a moment, whatever the clocks of the machines say."""

import pytest
from support.clock import SetClock

from router.client import twilio_watch
from router.client.twilio_watch import IngressWatch
from router.clock import system_clock
from router.journal.connection import Connection
from router.journal.source_log import RefusedRequest, SourceAddition, SourceLog
from router.journal.twilio_tests import SinkTest, SinkTests


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_watch, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(twilio_watch, "FLUSH_SECONDS", 0.05)


async def record(connection: Connection, test_id: str, account: str = "AC1") -> None:
    test = SinkTest(test_id=test_id, account_sid=account, received_at=1.0)
    await SinkTests(connection).record(test)


async def refuse(connection: Connection, number: int, code: str, source: str = "twilio") -> None:
    refusal = RefusedRequest(at=float(number), status=403, code=code, reason="why")
    addition = SourceAddition(source=source, number=number, refused=1, refusals=[refusal])
    await SourceLog(connection, SetClock().clock()).add("process", [addition])


async def test_only_a_new_test_of_the_account_counts(connection: Connection) -> None:
    """The router's clock may be behind: the old test is not told by its time."""
    await record(connection, "old")
    watch = IngressWatch(connection, system_clock(), "AC1")
    await watch.begin()
    before = await watch.new_test()
    await record(connection, "of another account", "AC2")
    other = await watch.new_test()
    await record(connection, "new")

    assert (before, other, await watch.new_test()) == ("", "", "new")
    assert await IngressWatch(connection, system_clock(), "").new_test() != ""


async def test_only_a_new_refusal_of_twilios_requests_counts(connection: Connection) -> None:
    await refuse(connection, 1, "old")
    watch = IngressWatch(connection, system_clock(), "AC1")
    await watch.begin()
    await refuse(connection, 2, "of another source", "events")
    before = await watch.await_refusal()
    await refuse(connection, 3, "new")

    found = await watch.await_refusal()
    assert before is None
    assert found is not None
    assert found.code == "new"


async def test_a_test_event_of_the_command_comes_to_this_redis_or_does_not(
    connection: Connection,
) -> None:
    watch = IngressWatch(connection, system_clock(), "AC1")
    await record(connection, "mine", "another id")

    assert await watch.await_test("mine")
    assert not await watch.await_test("not mine")
