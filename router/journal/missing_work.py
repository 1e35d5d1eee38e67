"""Work that the ledger counts as pending and of which Redis has nothing.

An operator's ``DEL``, a foreign program or a partial restore may remove one kind of key and leave the
others. The epoch is still there, and no job fails, because none is left. The ledger knows: what it
counts as stored must be somewhere.

A check reads the ledger, the stored work and the ledger again, because they are no transaction. It
suspects a kind only if its count was the same twice and nothing of it is stored. A kind is missing
when ``_CHECKS`` checks in a row suspect it with the same count.
"""

import asyncio
import itertools
import logging
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from router.errors import JournalUnavailableError
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.ledger import Ledger
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_CHECKS: Final = 3
_INTERVAL: Final = 2.5
"""Seconds between two checks: missing work is known after eight seconds at most."""


def stored_by_ledger(counters: Ledger) -> dict[str, int]:
    """Return how many records of each kind must be stored, by the ledger."""
    expected = {
        "events": counters.pending,
        "grouped alerts": counters.waiting,
        "quarantine": counters.malformed
        + counters.quarantined
        + sum(each.quarantined for each in counters.destinations.values())
        - counters.quarantine_replayed
        - counters.quarantine_discarded,
    }
    for name, counts in counters.destinations.items():
        expected[f"deliveries:{name}"] = counts.pending
        expected[f"dead letters:{name}"] = counts.dead
    return expected


def suspects(
    before: Mapping[str, int], stored: Mapping[str, int], after: Mapping[str, int]
) -> dict[str, int]:
    """Return the kinds of which nothing is stored, and how many records they should have.

    Args:
        before: The ledger's counts before ``stored`` was read.
        stored: How many records, sets or batches of each kind there are.
        after: The ledger's counts after it.
    """
    return {
        kind: count
        for kind, count in before.items()
        if count > 0 and after.get(kind) == count and stored.get(kind) == 0
    }


class MissingWork:
    """Compares the ledger with what is stored, every few seconds.

    Args:
        connection: A connection to Redis.
        metrics: Shows what is missing.
    """

    def __init__(self, connection: Connection, metrics: Metrics) -> None:
        self._connection = connection
        self._gauge = metrics.work_missing
        self._suspected: dict[str, int] = {}
        self._checks: dict[str, int] = {}
        self._reported: set[str] = set()

    async def watch(self) -> NoReturn:
        """Check until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                await self.check()
            except JournalUnavailableError as error:
                logger.debug("stored work not compared", extra={"reason": str(error)})

    async def check(self) -> None:
        """Check once. Raises JournalUnavailableError."""
        before = stored_by_ledger(await ledger.read(self._connection))
        found: dict[str, int] = {}
        if any(count > 0 for count in before.values()):
            stored = await self._stored(before)
            if any(stored[kind] == 0 < before[kind] for kind in before):
                after = stored_by_ledger(await ledger.read(self._connection))
                found = suspects(before, stored, after)
        self._note(found)

    def _note(self, found: dict[str, int]) -> None:
        self._checks = {
            kind: self._checks.get(kind, 0) + 1 if self._suspected.get(kind) == count else 1
            for kind, count in found.items()
        }
        self._suspected = found
        missing = {kind for kind, checks in self._checks.items() if checks >= _CHECKS}
        for kind in self._reported - missing:
            self._gauge.labels(kind).set(0)
            logger.info("missing work settled", extra={"kind": kind})
        for kind in missing:
            self._gauge.labels(kind).set(found[kind])
            if kind not in self._reported:
                logger.error(
                    "work missing from Redis: the ledger counts records of which none is stored",
                    extra={"kind": kind, "records": found[kind]},
                )
        self._reported = missing

    async def _stored(self, expected: Mapping[str, int]) -> dict[str, int]:
        pipeline = self._connection.redis.pipeline(transaction=True)
        commands = [_count(pipeline, *kind.partition(":")[::2]) for kind in expected]
        counts: list[int] = await self._connection.ask(pipeline.execute())
        following = iter(counts)
        return {
            kind: sum(itertools.islice(following, number))
            for kind, number in zip(expected, commands, strict=True)
        }


def _count(pipeline: Any, kind: str, destination: str) -> int:
    """Add the commands that count what is stored of a kind; return how many."""
    match kind:
        case "events":
            pipeline.zcard(keys.BATCHES)
        case "grouped alerts":
            pipeline.zcard(keys.TIMERS)
        case "quarantine":
            pipeline.hlen(keys.QUARANTINE)
        case "deliveries":
            pipeline.zcard(keys.open_sets(destination))
            pipeline.hlen(keys.waiting_deliveries(destination))
            return 2
        case _:
            pipeline.hlen(keys.dead_letters(destination))
    return 1
