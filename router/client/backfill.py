"""Sends a file of events to a router: fast, in order of acceptance, and without a gap.

Batches are under way side by side, but a place counts as reached only when everything before it
was accepted; so whoever starts again there leaves nothing out, and what was under way is sent a
second time, for the router to drop by its identity. What may pass by itself (429, 503, no
answer) is tried again as the router asks; what cannot pass stops the run and names its line.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from router.client.json_lines import Batch, FileCheckpoint, Line, body_of
from router.client.send import Endpoint, SendResult, post
from router.clock import Clock
from router.destinations.transport.http_status import retry_after_seconds

_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 30.0
_ELEMENT: Final = re.compile(r"\$\[(\d+)\]")


class StoppedError(Exception):
    """The run cannot go on. ``line`` is the one at fault, 0 where it is none of them."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class BackfillProgress(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of a file so far."""

    place: FileCheckpoint = FileCheckpoint()
    accepted: int = 0
    quarantined: int = 0
    skipped: int = 0
    """Lines that are no events, left out."""
    again: int = 0
    """Requests that were sent again."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast, and for how long to try."""

    at_once: int = 4
    """Requests under way."""
    rate: float = 0.0
    """Events a second; 0 for as fast as the router takes them."""
    patience: float = 300.0
    """Seconds for which one batch is tried."""


class _Answer(msgspec.Struct):
    accepted: int = 0
    quarantined: int = 0


class _Error(msgspec.Struct):
    message: str = ""
    path: str = ""


class _Refused(msgspec.Struct):
    error: _Error


class Backfill:
    """One run. ``on_skip`` is told of lines that are no events; without it they stop the run."""

    def __init__(
        self,
        target: Endpoint,
        pace: Pace,
        clock: Clock,
        *,
        on_progress: Callable[[BackfillProgress], None],
        on_skip: Callable[[Line, str], None] | None = None,
    ) -> None:
        self._target = target
        self._pace = pace
        self._clock = clock
        self._on_progress = on_progress
        self._on_skip = on_skip
        self.sent = BackfillProgress()

    async def run(self, source: Iterable[Batch]) -> BackfillProgress:
        """Send all of it. Raises StoppedError; ``sent`` then says how far it came."""
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                asyncio.TaskGroup() as group,
            ):
                under_way: deque[asyncio.Task[Batch | StoppedError]] = deque()
                due = self._clock.monotonic()
                for batch in source:
                    if len(under_way) >= self._pace.at_once:
                        self._reached(await under_way.popleft())
                    due = await self._wait_until(due, len(batch))
                    under_way.append(group.create_task(self._send_whole(session, batch)))
                while under_way:
                    self._reached(await under_way.popleft())
        except* StoppedError as stopped:
            raise _first(stopped) from None
        return self.sent

    async def _wait_until(self, due: float, events: int) -> float:
        """Wait for the moment ``due``; the next one follows from the rate."""
        if self._pace.rate <= 0:
            return due
        await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
        return max(due, self._clock.monotonic() - 1.0) + events / self._pace.rate

    def _reached(self, batch: Batch | StoppedError) -> None:
        if isinstance(batch, StoppedError):  # all that came before it has been reached by now
            raise batch
        place = FileCheckpoint(line=batch[-1].number, offset=batch[-1].end)
        self.sent = msgspec.structs.replace(self.sent, place=place)
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
            answer = await self._answer(session, rest)
            if answer.accepted:
                self._count(answer)
                return
            rest = await self._without_fault(session, rest, answer)

    async def _answer(self, session: aiohttp.ClientSession, batch: Batch) -> SendResult:
        """The first answer that is final. Raises StoppedError when none comes."""
        until = self._clock.monotonic() + self._pace.patience
        backoff = _FIRST_BACKOFF
        body = body_of(batch)
        while True:
            try:
                answer = await post(session, self._target, body, is_batch=True)
            except (aiohttp.ClientError, TimeoutError) as error:
                reason, asked = str(error) or "no answer", None
            except ValueError as error:
                raise StoppedError(f"{self._target.place}: {error}") from None
            else:
                if answer.status not in _TRY_AGAIN:
                    return answer
                reason = f"{answer.status} {_said(answer).message}"
                asked = retry_after_seconds(answer.retry_after, now=self._clock.now())
            pause = backoff * (0.5 + self._clock.chance()) if asked is None else asked
            if self._clock.monotonic() + pause > until:
                raise StoppedError(f"{self._target.place}: {reason}")
            self.sent = msgspec.structs.replace(self.sent, again=self.sent.again + 1)
            await asyncio.sleep(pause)
            backoff = min(2 * backoff, _LONGEST_BACKOFF)

    async def _without_fault(
        self, session: aiohttp.ClientSession, batch: Batch, answer: SendResult
    ) -> Batch:
        """What of ``batch`` is still to be sent after a refusal. Raises StoppedError."""
        said = _said(answer)
        if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and len(batch) > 1:
            await self._send(session, batch[: len(batch) // 2])
            return batch[len(batch) // 2 :]
        element = _ELEMENT.match(said.path)
        fault = batch[min(int(element[1]), len(batch) - 1)] if element else None
        if fault is None and len(batch) == 1 and answer.status in {400, 413}:
            fault = batch[0]
        if fault is None and answer.status == HTTPStatus.BAD_REQUEST:
            # The array as a whole is no JSON: one by one, the line at fault is found.
            for line in batch:
                await self._send(session, (line,))
            return ()
        reason = f"{said.message or answer.body[:200]}{f' at {said.path}' if said.path else ''}"
        if fault is None:
            raise StoppedError(f"{self._target.place}: {answer.status} {reason}")
        if self._on_skip is None:
            raise StoppedError(reason, fault.number)
        self._on_skip(fault, reason)
        self.sent = msgspec.structs.replace(self.sent, skipped=self.sent.skipped + 1)
        return tuple(line for line in batch if line is not fault)

    def _count(self, answer: SendResult) -> None:
        try:
            counted = msgspec.json.decode(answer.body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            counted = _Answer()
        self.sent = msgspec.structs.replace(
            self.sent,
            accepted=self.sent.accepted + counted.accepted,
            quarantined=self.sent.quarantined + counted.quarantined,
        )


def _said(answer: SendResult) -> _Error:
    try:
        return msgspec.json.decode(answer.body, type=_Refused).error
    except msgspec.DecodeError:
        return _Error()


def _first(group: BaseExceptionGroup[StoppedError]) -> StoppedError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
