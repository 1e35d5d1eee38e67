"""The tests of Twilio sinks that came in last: their ids are what Twilio wants to hear back.

A sink is validated by telling Twilio the ``test_id`` of the test event that it sent. Whichever
process received that event, the operator finds its id in one place.
"""

from typing import Final

import msgspec

from router.journal import keys
from router.journal.connection import Connection, Script

TESTS_LIMIT: Final = 100
_LONGEST: Final = 200

_RECORD = Script("record_test")
_encode = msgspec.msgpack.encode


class SinkTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test event."""

    test_id: str
    account_sid: str
    received_at: float
    """Unix time in seconds; of a repeat, the first time."""


class SinkTests:
    """What came in, the newest ``TESTS_LIMIT`` of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, test: SinkTest) -> None:
        """Remember a test; again, and nothing changes. Raises JournalUnavailableError."""
        member = _encode([test.test_id[:_LONGEST], test.account_sid[:_LONGEST]])
        await self._connection.run(
            _RECORD, [keys.TWILIO_TESTS], [member, int(test.received_at * 1000), TESTS_LIMIT]
        )

    async def latest(self) -> list[SinkTest]:
        """The newest first. Raises JournalUnavailableError."""
        kept: list[tuple[bytes, float]] = await self._connection.ask(
            self._connection.redis.zrevrange(keys.TWILIO_TESTS, 0, -1, withscores=True)
        )
        tests = []
        for member, at_ms in kept:
            test_id, account_sid = msgspec.msgpack.decode(member, type=tuple[str, str])
            tests.append(
                SinkTest(test_id=test_id, account_sid=account_sid, received_at=at_ms / 1000)
            )
        return tests
