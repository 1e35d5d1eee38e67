"""Admission: events are rejected while Redis is unsound or nearly full.

Ingress rejects events above 80 % of maxmemory, so that the workers have room for what is queued: an
event becomes several deliveries. The memory of history does not count. Between two checks of Redis it
counts the bytes that it writes itself (``router.journal.memory_budget``).

A process is ready if an event could be accepted now: each check of Redis writes to it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from router.errors import ConfigurationError, JournalUnavailableError, OverloadedError
from router.journal.connection import Connection
from router.journal.history_segments import history_bytes
from router.journal.memory_budget import MemoryBudget
from router.journal.store_check import StoreCheck, StoreProbe
from router.journal.store_watch import StoreWatch

logger = logging.getLogger(__name__)

HIGH_WATERMARK: Final = 0.8
"""Share of maxmemory above which events are rejected."""
_POLL_INTERVAL: Final = 2.0
_OVERHEAD: Final = 4
"""Redis rounds the size of a string up, by a quarter at most (jemalloc's size classes)."""
_FULL: Final = (
    f"Redis uses more than {HIGH_WATERMARK:.0%} of its maxmemory; wait until the workers have drained"
    " it, discard dead letters, or raise maxmemory"
)
_FRESH_SECONDS: Final = 1.0
"""How long a check answers for: probes of load balancers and scrapes ask more often."""
_UNKNOWN: Final = StoreCheck(refusal="Redis was not asked yet")


class AdmissionControl:
    """Decides from the state of Redis whether events are accepted.

    Args:
        connection: A connection to Redis.
        probe: Checks Redis.
        watch: Compares each check with the one before.
        strict: Reject events while Redis may lose them; if False, only log it.
    """

    def __init__(
        self, connection: Connection, probe: StoreProbe, watch: StoreWatch, *, strict: bool
    ) -> None:
        self._connection = connection
        self._probe = probe
        self._watch = watch
        self._strict = strict
        self._budget = MemoryBudget(connection, watermark=HIGH_WATERMARK)
        self._is_full = False
        self._last = _UNKNOWN
        self._asked_at = float("-inf")
        self._checking = asyncio.Lock()
        self._soon = asyncio.Event()
        self._durability_problems: tuple[str, ...] = ()
        self._sources: list[Callable[[], str | None]] = []
        self.draining = False
        """Whether the process is stopping. It still accepts events, and reports itself not ready."""
        self.accepted = watch.accepted
        """The count of accepted events that commits compare."""
        self.accepted.subscribe(on_missing=self._soon.set, on_turn=self._forget_answer)

    async def check_store(self) -> None:
        """Check Redis once, at start. A Redis that is unavailable is no error: it may come back.

        Raises:
            ConfigurationError: The URL does not fit Redis; or Redis may lose events or could never
                store one, and ``strict`` forbids that.
        """
        await self._refresh()
        if self._last.is_url_wrong:
            raise ConfigurationError(self._last.refusal)
        if self._strict and self._durability_problems:
            raise ConfigurationError(
                f"this Redis may lose events: {'; '.join(self._durability_problems)}"
                " (set ROUTER_DURABILITY=relaxed to accept that)"
            )
        if self._strict and self._last.is_setup:
            raise ConfigurationError(
                f"{self._last.refusal} (set ROUTER_DURABILITY=relaxed to start and wait for that)"
            )

    async def watch(self) -> NoReturn:
        """Check Redis every two seconds, for ``check``; at once if a commit found events missing."""
        while True:
            self._soon.clear()
            try:
                async with asyncio.timeout(_POLL_INTERVAL):
                    await self._soon.wait()
            except TimeoutError:
                pass
            await self._refresh()

    def check(self) -> None:
        """Admit events, as of the last check of Redis.

        Raises:
            OverloadedError: Events are rejected for now.
        """
        reason = self._rejection_reason()
        if reason is not None:
            raise OverloadedError(reason)

    @property
    def memory_used_ratio(self) -> float:
        """Used memory / maxmemory, as of the last check and this process's writes since."""
        return self._budget.used_ratio

    @property
    def batch_bytes(self) -> int:
        """The most bytes of events in one batch."""
        return self._budget.unit_bytes

    async def reserve(self, size_bytes: int) -> None:
        """Count bytes of events that are about to be written, and refresh its memory in use if they are many.

        Raises:
            JournalUnavailableError: There is no room for them, or Redis did not answer.
        """
        size_bytes += size_bytes // _OVERHEAD
        if self._budget.needs_refresh(size_bytes):
            await self._budget.refresh()
            await self._note_fullness()
            if size_bytes > self._budget.room_bytes:
                raise JournalUnavailableError(_FULL)
        self._budget.write(size_bytes)

    def add_source(self, not_ready_reason: Callable[[], str | None]) -> None:
        """Report the process not ready while a source of events does: a stream that is not read."""
        self._sources.append(not_ready_reason)

    async def not_ready_reason(self) -> str | None:
        """Return why the process is not ready, with the next step; None if it is.

        Asks Redis, unless the last answer is a second old at most and no commit differs from it.
        """
        if self.draining:
            return "the process is stopping"
        await self.store_refusal()
        reason = self._rejection_reason() or self._last.refusal
        return reason or next(filter(None, (source() for source in self._sources)), None)

    async def store_refusal(self) -> str:
        """Return why Redis takes no writes; ``""`` if it does. Asks it as ``not_ready_reason``."""
        async with self._checking:
            now = asyncio.get_running_loop().time()
            if now - self._asked_at > _FRESH_SECONDS:
                await self._check_store()
                self._asked_at = now
        return self._last.refusal

    def _forget_answer(self) -> None:
        self._asked_at = float("-inf")

    def _rejection_reason(self) -> str | None:
        if self._last.is_replica:
            return self._last.refusal
        if self._is_full:
            return _FULL
        if self._strict and self._durability_problems:
            return f"Redis may lose events: {'; '.join(self._durability_problems)}"
        return None

    async def _refresh(self) -> None:
        async with self._checking:
            await self._check_store()

    async def _check_store(self) -> None:
        acknowledged = self._watch.accepted.highest
        check = await self._probe.check()
        self._note_refusal(check.refusal)
        self._last = check
        if check.facts is not None and not check.is_replica:
            self._watch.observe(check.facts, acknowledged)
        if check.info:
            self._budget.update(check.info)
            await self._note_fullness()
            self._note_durability(check.durability_problems)

    def _note_refusal(self, refusal: str) -> None:
        if refusal and refusal != self._last.refusal:
            logger.warning("Redis takes no events", extra={"reason": refusal})
        elif self._last.refusal and not refusal and self._last is not _UNKNOWN:
            logger.info("Redis takes events")

    async def _note_fullness(self) -> None:
        if self._budget.used_ratio > HIGH_WATERMARK:
            # No event is rejected for history, which makes room (worker/history_retention.py).
            with contextlib.suppress(JournalUnavailableError):
                self._budget.reclaim(await history_bytes(self._connection))
        is_full = self._budget.needed_ratio > HIGH_WATERMARK
        if is_full != self._is_full:
            self._is_full = is_full
            logger.warning(
                "admission stopped: Redis nearly full" if is_full else "admission resumed",
                extra={"watermark": HIGH_WATERMARK},
            )

    def _note_durability(self, problems: tuple[str, ...]) -> None:
        if problems != self._durability_problems:
            self._durability_problems = problems
            for problem in problems:
                logger.warning("Redis durability problem found", extra={"reason": problem})
