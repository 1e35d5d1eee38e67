"""Reports of workers about destinations: the circuit that is open for the longest time, the last error."""

from support.clock import SetClock

from router.clock import Clock
from router.journal import destination_keys
from router.journal.connection import Connection
from router.journal.destination_health import (
    CircuitRecord,
    DestinationHealth,
    LastError,
    ReportedHealth,
)

CLOSED = CircuitRecord(0, 0)


def circuit(state: int, time: SetClock, seconds: float) -> CircuitRecord:
    return CircuitRecord(state, int((time.now + seconds) * 1000))


async def test_the_circuit_that_is_open_for_the_longest_time_is_shown(
    connection: Connection, clock: Clock, time: SetClock
) -> None:
    """One that nothing has tried for a minute after its time is left out, and so is a closed one."""
    health = DestinationHealth(connection, clock)
    await health.report("one", {"mail": circuit(1, time, 0), "slack": CLOSED}, {})
    longest = circuit(2, time, 60)
    await health.report("two", {"mail": longest}, {})
    await health.report("three", {"mail": circuit(2, time, 5)}, {})
    assert (await health.read(["mail"]))["mail"].circuit == longest
    assert 3600 < await connection.redis.ttl(destination_keys.circuits("mail")) <= 3660

    await health.report("two", {"mail": CLOSED}, {})
    assert (await health.read(["mail"]))["mail"].circuit == circuit(2, time, 5)
    time.now += 70
    assert await health.read(["mail", "slack"]) == {
        "mail": ReportedHealth(),
        "slack": ReportedHealth(),
    }


async def test_the_last_error_is_stored_for_days(connection: Connection, clock: Clock) -> None:
    health = DestinationHealth(connection, clock)
    error = LastError(at=2.0, reason="HTTP 404: unarchive #voice", status=404, response="no")
    await health.report("one", {}, {"mail": LastError(at=1.0, reason="HTTP 500")})
    await health.report("two", {}, {"mail": error})

    assert (await health.read(["mail"]))["mail"] == ReportedHealth(CLOSED, error)
    assert await connection.redis.ttl(destination_keys.last_error("mail")) == 8 * 86_400


async def test_reports_that_cannot_be_read_are_none(connection: Connection, clock: Clock) -> None:
    await connection.redis.hset(destination_keys.circuits("mail"), "one", b"\xc1")
    await connection.redis.hset(destination_keys.circuits("mail"), "two", b"\x92\x09\x01")
    await connection.redis.set(destination_keys.last_error("mail"), b"\xc1")
    await connection.redis.set(destination_keys.circuits("slack"), b"")
    await connection.redis.rpush(destination_keys.last_error("slack"), b"")

    found = await DestinationHealth(connection, clock).read(["mail", "slack"])
    assert found == {"mail": ReportedHealth(), "slack": ReportedHealth()}
