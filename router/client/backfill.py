"""Sends a file of events to a router: fast, in order of acceptance, and without a gap.

Several batches are in flight at once. A line counts as sent only when all lines before it were
accepted. A run that resumes there leaves nothing out; it sends again what was in flight, and the
router drops these duplicates by the events' identities.

A batch is retried after 429, 503 or no answer, when the router's ``Retry-After`` says so. Any other
error cannot pass: it stops the run, and its message names the line. So does a router that has answered
nothing yet, because its URL is probably wrong.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from router.client.answer_text import describe_failure
from router.client.json_lines import Batch, FileCheckpoint, Line, body_of
from router.client.send import Endpoint, SendResult, post
from router.clock import Clock
from router.destinations.transport.http_status import retry_after_seconds
from router.errors import only_error

_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT_SECONDS: Final = 30
_TIMEOUT: Final = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
_FIRST_BACKOFF: Final = 0.5
_MAX_BACKOFF: Final = 30.0
_ELEMENT: Final = re.compile(r"\$\[(\d+)\]")
"""The index of an event in the JSON path of the router's error."""


class StoppedError(Exception):
    """Raised when the run cannot continue. ``line`` is the line at fault; 0 if it is none."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class BackfillProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a file has been sent."""

    checkpoint: FileCheckpoint = FileCheckpoint()
    """The line to which all lines were accepted or skipped."""
    accepted: int = 0
    """Events that the router accepted."""
    quarantined: int = 0
    """Events that the router accepted into quarantine."""
    skipped: int = 0
    """Lines that are not events and were left out."""
    retried: int = 0
    """Requests that were sent again."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast to send, and how long to retry."""

    concurrency: int = 4
    """Batches in flight at once."""
    rate: float = 0.0
    """Events per second; 0 for as fast as the router accepts them."""
    retry_seconds: float = 300.0
    """How long one batch is retried."""


class _Accepted(msgspec.Struct):
    accepted: int = 0
    quarantined: int = 0


class _Error(msgspec.Struct):
    message: str = ""
    path: str = ""


class _Rejected(msgspec.Struct):
    error: _Error


class Backfill:
    """One run over a file.

    Args:
        target: The router.
        pace: How fast to send, and how long to retry.
        clock: Time and chance.
        on_progress: Called when the checkpoint has advanced.
        on_skip: Called with a line that is not an event and the router's reason; the line is left
            out. None to stop the run there instead.
        on_retry: Called with the reason before a batch is sent again.

    """

    def __init__(
        self,
        target: Endpoint,
        pace: Pace,
        clock: Clock,
        *,
        on_progress: Callable[[BackfillProgress], None],
        on_skip: Callable[[Line, str], None] | None = None,
        on_retry: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._target = target
        self._pace = pace
        self._clock = clock
        self._on_progress = on_progress
        self._on_skip = on_skip
        self._on_retry = on_retry
        self.has_answered = False
        """Whether the router has answered anything."""
        self.sent = BackfillProgress()
        """The progress so far, also after an error."""

    async def run(self, source: Iterable[Batch]) -> BackfillProgress:
        """Send all batches.

        Raises:
            StoppedError: The run cannot continue; ``sent`` is the progress until then.

        """
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                asyncio.TaskGroup() as tasks,
            ):
                in_flight: deque[asyncio.Task[Batch | StoppedError]] = deque()
                due = self._clock.monotonic()
                for batch in source:
                    if len(in_flight) >= self._pace.concurrency:
                        self._advance(await in_flight.popleft())
                    due = await self._wait_until(due, len(batch))
                    in_flight.append(tasks.create_task(self._send_whole(session, batch)))
                while in_flight:
                    self._advance(await in_flight.popleft())
        except BaseExceptionGroup as group:
            stopped = only_error(group, StoppedError)
            if stopped is None:
                raise
            raise stopped from None
        return self.sent

    async def _wait_until(self, due: float, events: int) -> float:
        """Wait until ``due``; return the time at which the next batch is due at the rate."""
        if self._pace.rate <= 0:
            return due
        await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
        return max(due, self._clock.monotonic() - 1.0) + events / self._pace.rate

    def _advance(self, batch: Batch | StoppedError) -> None:
        """Advance the checkpoint over a batch that was sent; all earlier batches were sent too."""
        if isinstance(batch, StoppedError):
            raise batch
        checkpoint = FileCheckpoint(line=batch[-1].number, offset=batch[-1].end)
        self.sent = msgspec.structs.replace(self.sent, checkpoint=checkpoint)
        self._on_progress(self.sent)

    async def _send_whole(
        self, session: aiohttp.ClientSession, batch: Batch
    ) -> Batch | StoppedError:
        try:
            await self._send(session, batch)
        except StoppedError as error:
            return error
        return batch

    async def _send(self, session: aiohttp.ClientSession, batch: Batch) -> None:
        rest = batch
        while rest:
            result = await self._post_until_final(session, rest)
            if result.accepted:
                self._count(result)
                return
            rest = await self._without_fault(session, rest, result)

    async def _post_until_final(self, session: aiohttp.ClientSession, batch: Batch) -> SendResult:
        """POST a batch until a response is final. Raises StoppedError if none comes in time."""
        until = self._clock.monotonic() + self._pace.retry_seconds
        backoff = _FIRST_BACKOFF
        body = body_of(batch)
        while True:
            try:
                result = await post(session, self._target, body, is_batch=True)
            except (aiohttp.ClientError, OSError) as error:
                reason, retry_after = (
                    describe_failure(self._target.url, error, _TIMEOUT_SECONDS),
                    None,
                )
                if not self.has_answered:
                    raise StoppedError(f"{self._target.shown}: {reason}") from None
            else:
                self.has_answered = True
                if result.status not in _RETRIED:
                    return result
                message = _error_of(result).message
                reason = f"{result.status} {message}" if message else result.text
                retry_after = retry_after_seconds(result.retry_after, now=self._clock.now())
            pause = backoff * (0.5 + self._clock.chance()) if retry_after is None else retry_after
            if self._clock.monotonic() + pause > until:
                raise StoppedError(f"{self._target.shown}: {reason}")
            self.sent = msgspec.structs.replace(self.sent, retried=self.sent.retried + 1)
            self._on_retry(reason)
            await asyncio.sleep(pause)
            backoff = min(2 * backoff, _MAX_BACKOFF)

    async def _without_fault(
        self, session: aiohttp.ClientSession, batch: Batch, result: SendResult
    ) -> Batch:
        """Return the part of a rejected batch that is still to be sent. Raises StoppedError."""
        error = _error_of(result)
        if result.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and len(batch) > 1:
            await self._send(session, batch[: len(batch) // 2])
            return batch[len(batch) // 2 :]
        element = _ELEMENT.match(error.path)
        fault = batch[min(int(element[1]), len(batch) - 1)] if element else None
        if fault is None and len(batch) == 1 and result.status in {400, 413}:
            fault = batch[0]
        if fault is None and result.status == HTTPStatus.BAD_REQUEST:
            # The array is not JSON, and the error names no element: the line at fault is found by
            # sending each line alone.
            for line in batch:
                await self._send(session, (line,))
            return ()
        at = f" at {error.path}" if error.path else ""
        if fault is None and not error.message:
            raise StoppedError(f"{self._target.shown}: {result.text}")
        reason = f"{error.message or result.text}{at}"
        if fault is None:
            raise StoppedError(f"{self._target.shown}: {result.status} {reason}")
        if self._on_skip is None:
            raise StoppedError(reason, fault.number)
        self._on_skip(fault, reason)
        self.sent = msgspec.structs.replace(self.sent, skipped=self.sent.skipped + 1)
        return tuple(line for line in batch if line is not fault)

    def _count(self, result: SendResult) -> None:
        try:
            counted = msgspec.json.decode(result.body, type=_Accepted)
        except (msgspec.DecodeError, UnicodeDecodeError):
            counted = _Accepted()
        self.sent = msgspec.structs.replace(
            self.sent,
            accepted=self.sent.accepted + counted.accepted,
            quarantined=self.sent.quarantined + counted.quarantined,
        )


def _error_of(result: SendResult) -> _Error:
    try:
        return msgspec.json.decode(result.body, type=_Rejected).error
    except msgspec.DecodeError:
        return _Error()
