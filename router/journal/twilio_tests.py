"""The latest test events of Twilio sinks, whose ids an operator gives back to Twilio.

A sink is validated by sending Twilio the ``test_id`` of the test event. Any process may have
received that event, so the ids are stored in one place.
"""

from typing import Final

import msgspec

from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import report, text_of

TESTS_LIMIT: Final = 100
_MAX_LENGTH: Final = 200
"""Characters of an id that are stored."""


class _StoredTest(msgspec.Struct, frozen=True, array_like=True):
    test_id: str
    account_sid: str


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(_StoredTest).decode


class SinkTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test event."""

    test_id: str
    account_sid: str
    received_at: float
    """Unix time in seconds; the first time, if the event was repeated."""


class SinkTests:
    """Stores the newest ``TESTS_LIMIT`` tests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, test: SinkTest) -> None:
        """Store a test. Idempotent. Raises JournalUnavailableError."""
        stored = _StoredTest(test.test_id[:_MAX_LENGTH], test.account_sid[:_MAX_LENGTH])
        call = _RECORD(
            _RecordKeys(keys.TWILIO_TESTS),
            _RecordArguments(binary(_encode(stored)), int(test.received_at * 1000), TESTS_LIMIT),
        )
        await self._connection.run(call)

    async def latest(self) -> list[SinkTest]:
        """Return the stored tests, newest first. Raises JournalUnavailableError."""
        members: list[tuple[bytes, float]] = await self._connection.ask(
            self._connection.redis.zrevrange(keys.TWILIO_TESTS, 0, -1, withscores=True)
        )
        tests = []
        for member, at_ms in members:
            try:
                stored = _decode(member)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                report("sink test", text_of(member), str(error))
                continue
            tests.append(
                SinkTest(
                    test_id=stored.test_id,
                    account_sid=stored.account_sid,
                    received_at=at_ms / 1000,
                )
            )
        return tests


class _RecordKeys(ScriptKeys, frozen=True):
    tests: str


class _RecordArguments(PackedArguments, frozen=True):
    test: msgspec.Raw
    at_ms: int
    limit: int


_RECORD: Final = Script("record_test", _RecordKeys, _RecordArguments)
