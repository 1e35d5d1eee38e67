"""Records for operators what came of the requests to each source: counts and refusals.

Nothing is written while a request waits: it costs an addition to a count in memory, and a refusal
another element of a list that has a limit. About once a second all of it goes to Redis in one round
trip (``router/journal/source_log.py``). While Redis is away the counts grow and the lists keep their
newest refusals; the count of all refusals says how many are not shown. An addition whose reply was lost is
written again under the same number, by which Redis adds it once.
"""

import asyncio
from collections import deque
from typing import Final, NoReturn

from aiohttp import web

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.ingress.refusal_hints import next_step
from router.ingress.responses import RequestRejectedError
from router.journal.source_log import (
    REFUSALS_LIMIT,
    RefusedRequest,
    SourceAddition,
    SourceLog,
)
from router.outage_log import OUTAGES
from router.printable import one_printable_line, shortened

INTERVAL: Final = 1.0
"""Seconds between two additions."""
UNKNOWN: Final = "unknown"
"""The source of requests to paths below ``/in/`` that belong to none."""
_SOURCES_AT_ONCE: Final = 20
"""Sources in a round trip, each with at most ``REFUSALS_LIMIT`` refusals of at most 2 KB."""
_MAX_SENTENCE: Final = 700
"""Characters of a reason or a hint."""
_MAX_WORD: Final = 200
"""Characters of every other text."""


class SourceRecord:
    """Counts requests in memory and adds the counts to those of all processes.

    Args:
        log: The counts of all processes.
        clock: Time and ids.
    """

    def __init__(self, log: SourceLog, clock: Clock) -> None:
        self._log = log
        self._now = clock.now
        self._process = clock.new_id()
        self._number = 0
        self._counted: dict[str, _Counted] = {}
        self._unwritten: list[SourceAddition] = []
        self._writing = asyncio.Lock()

    def accepted(self, source: str, events: int, quarantined: int, skipped: int = 0) -> None:
        """Count a request that was accepted.

        Args:
            source: The name of the source, which is one of the configuration.
            events: Events that are durable.
            quarantined: Items that are in quarantine.
            skipped: Items that the source leaves out.
        """
        counted = self._of(source)
        counted.accepted += events
        counted.quarantined += quarantined
        counted.skipped += skipped
        counted.accepted_at = self._now()

    def refused(self, source: str, refusal: RefusedRequest) -> None:
        """Count a request that was refused.

        Args:
            source: The name of the source, which is one of the configuration, or ``UNKNOWN``.
            refusal: Why; see ``refused_request``.
        """
        counted = self._of(source)
        counted.refused += 1
        counted.refused_at = refusal.at
        counted.refusals.append(refusal)

    async def run(self) -> NoReturn:
        """Add what was counted every second until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.flush()

    async def flush(self) -> None:
        """Add what was counted since the last time; it is kept if Redis is unavailable."""
        async with self._writing:
            try:
                # Those of a time that failed first, so that an outage keeps one list of them.
                await self._write()
                self._take()
                await self._write()
            except JournalUnavailableError as error:
                OUTAGES.warning(
                    "counts of sources not written; retried", extra={"reason": str(error)}
                )

    def _of(self, source: str) -> "_Counted":
        counted = self._counted.get(source)
        if counted is None:
            counted = self._counted[source] = _Counted()
        return counted

    async def _write(self) -> None:
        while self._unwritten:
            await self._log.add(self._process, self._unwritten[:_SOURCES_AT_ONCE])
            del self._unwritten[:_SOURCES_AT_ONCE]

    def _take(self) -> None:
        counted, self._counted = self._counted, {}
        if counted:
            self._number += 1
            self._unwritten = [each.addition(name, self._number) for name, each in counted.items()]


class _Counted:
    """The counts of a source since the last addition."""

    __slots__ = (
        "accepted",
        "accepted_at",
        "quarantined",
        "refusals",
        "refused",
        "refused_at",
        "skipped",
    )

    def __init__(self) -> None:
        self.accepted = self.quarantined = self.skipped = self.refused = 0
        self.accepted_at = self.refused_at = 0.0
        self.refusals: deque[RefusedRequest] = deque(maxlen=REFUSALS_LIMIT)

    def addition(self, source: str, number: int) -> SourceAddition:
        """Return the counts as an addition of that number."""
        return SourceAddition(
            source=source,
            number=number,
            accepted=self.accepted,
            quarantined=self.quarantined,
            skipped=self.skipped,
            refused=self.refused,
            accepted_at=self.accepted_at,
            refused_at=self.refused_at,
            refusals=tuple(self.refusals),
        )


def refused_request(
    source: str,
    request: web.BaseRequest,
    rejection: RequestRejectedError,
    *,
    at: float,
    client: str,
) -> RefusedRequest:
    """Return the record of a request that was refused. The query is left out: it may have a token.

    Args:
        source: The name of the source.
        request: The request.
        rejection: Its response.
        at: Unix time in seconds.
        client: The address of the sender, behind the trusted proxies.
    """
    reason = f"{rejection.path}: {rejection.message}" if rejection.path else rejection.message
    hint = "; ".join(filter(None, (rejection.detail, next_step(source, rejection.code))))
    return RefusedRequest(
        at=at,
        status=rejection.status.value,
        code=rejection.code,
        reason=_text(reason, _MAX_SENTENCE),
        hint=_text(hint, _MAX_SENTENCE),
        client=_text(client, _MAX_WORD),
        path=_text(request.path, _MAX_WORD),
        method=_text(request.method, _MAX_WORD),
    )


def _text(text: str, limit: int) -> str:
    # Escaped, because a lone surrogate could not be stored.
    return shortened(one_printable_line(text), limit)
