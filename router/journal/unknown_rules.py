"""Features of rules that set timers and that a process does not know: marks in Redis.

Processes of two generations of rules may run side by side. A worker that meets a timer of a rule or
feature that its own rules do not have marks it and puts the timer back. A worker whose rules have
the feature deletes the mark repeatedly. ``router.worker.mark_watch`` has the rest of the protocol,
which is that of ``orphaned_deliveries``.

The name of a feature is ``<rule>/<key of the feature>``; neither part has a slash.
"""

from collections.abc import Callable

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection


def feature_name(rule: str, key: str) -> str:
    """Return the name under which a feature of a rule is marked."""
    return f"{rule}/{key}"


class UnknownRules:
    """Sets, reads and deletes marks. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._new_id = clock.new_id

    async def claim(self, is_known: Callable[[str], bool]) -> dict[str, str]:
        """Delete the marks of features that this process knows; return the other marks by name."""
        redis = self._connection.redis
        found: dict[bytes, bytes] = await self._connection.ask(redis.hgetall(keys.UNKNOWN_RULES))
        marks = {
            name.decode(errors="replace"): mark.decode(errors="replace")
            for name, mark in found.items()
        }
        known = [name for name in marks if is_known(name)]
        if known:
            await self._connection.ask(redis.hdel(keys.UNKNOWN_RULES, *known))
        return {name: mark for name, mark in marks.items() if name not in known}

    async def mark(self, name: str) -> bool:
        """Mark a feature; return False if it is marked already."""
        redis = self._connection.redis
        return bool(
            await self._connection.ask(redis.hsetnx(keys.UNKNOWN_RULES, name, self._new_id()))
        )

    async def wake_others(self) -> None:
        """Let all workers poll the timers, so that they know when those put back are due."""
        channel = keys.wake_channel(keys.TIMER_QUEUE)
        await self._connection.ask(self._connection.redis.publish(channel, ""))

    async def has_mark(self, name: str, mark: str) -> bool:
        """Return whether a feature still has this mark."""
        redis = self._connection.redis
        found = await self._connection.ask(redis.hget(keys.UNKNOWN_RULES, name))
        return bool(found == mark.encode())

    async def delete(self, name: str) -> None:
        """Delete the mark of a feature of which no timer is left."""
        await self._connection.ask(self._connection.redis.hdel(keys.UNKNOWN_RULES, name))
