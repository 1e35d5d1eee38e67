"""What waits for a destination that was removed from the rules.

Two processes may run different rules for a while, so one that does not know a destination may not
decide alone that nobody does. It sets a mark; whoever delivers there takes it away, again and
again. Only a mark that one process has watched, untouched, for long enough lets it give up what
waits, and the mark is compared once more in the transaction that does so.

No times of different machines are compared, and a time in which Redis was away does not count: the
watch then begins anew.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection, Script, ScriptCall
from router.journal.deliveries import DeadLetter, Deliveries
from router.journal.keys import SetId

REASON: Final = "destination removed"

_ABANDON = Script("abandon")
_PAGE: Final = 100
_encode = msgspec.msgpack.encode


class OrphanMark(msgspec.Struct, frozen=True):
    """A destination that this process does not know, and the mark on it."""

    destination: str
    mark: str


class OrphanedDeliveries:
    """The journal's side of it. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, deliveries: Deliveries, clock: Clock) -> None:
        self._connection = connection
        self._deliveries = deliveries
        self._now = clock.now
        self._new_id = clock.new_id

    async def claim(self, destinations: Sequence[str]) -> None:
        """Take the marks of destinations away: this process delivers there."""
        if destinations:
            await self._connection.ask(self._connection.redis.hdel(keys.ORPHANED, *destinations))

    async def mark_unknown(self, known: frozenset[str]) -> list[OrphanMark]:
        """The destinations beside ``known`` for which something waits; each has a mark then."""
        books = await ledger.read(self._connection)
        waiting = [
            name
            for name, counts in books.destinations.items()
            if counts.pending > 0 and name not in known
        ]
        removed = []
        for name in waiting:
            redis = self._connection.redis
            await self._connection.ask(redis.hsetnx(keys.ORPHANED, name, self._new_id()))
            mark = await self._connection.ask(redis.hget(keys.ORPHANED, name))
            if mark is not None:
                removed.append(OrphanMark(name, mark.decode()))
        return removed

    async def abandon(self, removed: OrphanMark) -> int:
        """Give up all that waits there; how many deliveries. Stops where the mark is not the same."""
        given_up = 0
        passed = 0
        while True:
            sets: list[bytes] = await self._connection.ask(
                self._connection.redis.zrange(
                    keys.open_sets(removed.destination), passed, passed + _PAGE - 1
                )
            )
            for member in sets:
                moved = await self._abandon(removed, SetId(member.decode()))
                if moved < 0:
                    return given_up
                given_up += moved
                # One that is held stays where it is.
                passed += moved == 0
            if len(sets) < _PAGE:
                return given_up

    async def _abandon(self, removed: OrphanMark, set_id: SetId) -> int:
        name = removed.destination
        now = self._now()
        letters: list[str | bytes] = []
        for delivery in await self._deliveries.begin(set_id, name):
            letter = DeadLetter(delivery=delivery, reason=REASON, died_at=now)
            letters += [delivery.id, _encode(letter)]
        queue = keys.deliver_queue(name)
        call = ScriptCall(
            _ABANDON,
            [
                keys.ORPHANED,
                keys.lease(set_id),
                keys.delivery_set(set_id),
                keys.open_sets(name),
                keys.dead_letters(name),
                keys.dead_letter_index(name),
                keys.LEDGER,
                keys.job(set_id),
                queue,
            ],
            [name, removed.mark, set_id, int(now * 1000), ledger.dead(name), *letters],
        )
        return int(await self._connection.run(call.script, call.keys, call.arguments))
