"""Attempt what waits for a destination now: the receiver is well again, and an operator says so."""

from typing import Final

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys

PAGE: Final = 1000
"""Sets that one transaction makes due."""


async def retry_now(connection: Connection, clock: Clock, destination: str) -> int:
    """Make the sets that wait for their next attempt due now, and let each worker try its circuit.

    Rate and concurrency of the destination apply as always, and its pause. Sets of digests are sent at
    their time. Idempotent.

    Returns:
        How many sets are due now that were not.

    Raises:
        JournalUnavailableError: Some of them may be due now.
    """
    queue = keys.deliver_queue(destination)
    moved = skipped = 0
    is_last = False
    while not is_last:
        call = _RETRY_NOW(
            _RetryNowKeys(keys.open_sets(destination), queue),
            _RetryNowArguments(
                set_ms=clock.journal_ms(),
                offset=skipped,
                count=PAGE,
                digest_prefix=keys.DIGEST_SET,
                wake_channel=keys.wake_channel(queue),
                message=keys.RETRY_NOW.decode(),
            ),
        )
        found, due = await connection.run(call)
        moved += due
        skipped += found - due
        is_last = found < PAGE
    return moved


class _RetryNowKeys(ScriptKeys, frozen=True):
    open_sets: str
    queue: str


class _RetryNowArguments(PackedArguments, frozen=True):
    set_ms: int
    offset: int
    count: int
    digest_prefix: str
    wake_channel: str
    message: str


_RETRY_NOW: Final = Script("retry_now", _RetryNowKeys, _RetryNowArguments)
