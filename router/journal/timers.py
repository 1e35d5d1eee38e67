"""A timer's life: set with the work that it results from, fired once, finished.

It is a journal record as a batch is: a key without TTL, a member of the open timers, and an arq job
that is due at the timer's time. It needs no other record when it is due, so rules may change in the
meantime. The features of rules (rules/state) say what timers there are.
"""

from typing import Any, Final

import msgspec

from router.clock import Clock
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.job_queue import EarlierBatch, JobQueue
from router.journal.keys import TimerId
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.records import RecordReader, version_of_timer
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.rules.state.features import TIMERS
from router.rules.state.timer import Timer

_encode: Final = msgspec.msgpack.encode
_decoder: Any = msgspec.msgpack.Decoder(TIMERS)
_reader: Final[RecordReader[Timer]] = RecordReader(
    "timer", _decoder.decode, version=version_of_timer
)


def fixed_id(timer: Timer) -> TimerId | None:
    """Return the id of a timer that a step must find by its state; None for any id."""
    return TimerId(timer.fixed_id) if timer.fixed_id else None


class BegunTimer(msgspec.Struct, frozen=True):
    """A timer that is due."""

    timer: Timer
    earlier: EarlierBatch | None = None
    """The oldest batch that was accepted before it was due, and that is not evaluated."""


class Timers:
    """The journal's side of timers."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._set_ms = clock.journal_ms

    async def begin(self, timer_id: TimerId, token: LeaseToken = NO_TOKEN) -> BegunTimer | None:
        """Return a timer that is set; None if it has fired or was cancelled, and its job is over.

        Raises:
            JournalUnavailableError: Redis did not answer in time.
            LeaseLostError: The lease with this token has expired.
            NewerRecordError: A newer router set the timer.
            RecordError: The timer cannot be decoded.
            WrongTypeError: Its key has another type.
        """
        queue = JobQueue(self._connection, keys.TIMER_QUEUE)
        begun = await queue.begin_timer(
            timer_id, token, keys.timer(timer_id), set_ms=self._set_ms()
        )
        return None if begun is None else BegunTimer(_reader.read(begun[0]), begun[1])

    async def set(self, timer: Timer) -> bool:
        """Set a timer with a fixed id that no event and no timer causes, due now, unless it is set.

        Returns:
            False if it is set.

        Raises:
            JournalUnavailableError: It may or may not be set. Setting it again is safe.
        """
        timer_id = TimerId(timer.fixed_id)
        is_new: int = await self._connection.run(
            _SET_TIMER(
                _SetTimerKeys(keys.timer(timer_id), job=keys.job(timer_id)),
                _SetTimerArguments(
                    id=timer_id,
                    record=binary(_encode(timer)),
                    job_record=binary(jobs.payload(jobs.TIMER, int(timer.due_at * 1000))),
                    set_ms=self._set_ms(),
                    wake_channel=keys.wake_channel(keys.TIMER_QUEUE),
                ),
            )
        )
        return bool(is_new)

    async def record(self, timer_id: TimerId) -> bytes:
        """Return the record of a timer as it is, or as Redis dumps it if it is no string.

        Raises JournalUnavailableError.
        """
        redis, key = self._connection.redis, keys.timer(timer_id)
        is_text = await self._connection.ask(redis.type(key)) == b"string"
        found = await self._connection.ask(redis.get(key) if is_text else redis.dump(key))
        return found or b""


class _SetTimerKeys(ScriptKeys, frozen=True):
    record: str
    timers: str = keys.TIMERS
    queue: str = keys.TIMER_QUEUE
    job: str = ""


class _SetTimerArguments(PackedArguments, frozen=True):
    id: str
    record: msgspec.Raw
    job_record: msgspec.Raw
    set_ms: int
    wake_channel: str


_SET_TIMER: Final = Script("set_timer", _SetTimerKeys, _SetTimerArguments)
