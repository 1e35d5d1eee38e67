"""Group commit: items that arrive during a write leave together in the next one.

There is one writer and one write at a time. An idle writer writes at once. Under load small groups
are paced, at most one in each ``interval``, because a write costs Redis the same whatever is in
it; a group of ``enough`` is not delayed.

Each caller waits for the write that contains its item and gets that write's result. The wait is
bounded: over ``max_waiting`` an item is rejected. When Redis does not confirm a write, all waiting items
fail with it, because the next write would probably fail too, only later. After any other error each item
of the group is written by itself, so that one that cannot be written fails its own caller only.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NoReturn, TypeVar

from router.errors import JournalUnavailableError, OverloadedError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(Generic[Item, Result]):
    __slots__ = ("future", "item", "weight")

    def __init__(self, item: Item, weight: int, future: "asyncio.Future[Result]") -> None:
        self.item = item
        self.weight = weight
        self.future = future


class GroupCommit(Generic[Item, Result]):
    """Combines items into calls of ``write``.

    Args:
        write: Writes the items of one group and returns a result for each. Raises
            JournalUnavailableError if they did not become durable.
        interval: Seconds from the start of one write to the next.
        enough: Returns the weight of a group that is not delayed.
        max_waiting: The largest weight of all items that are not durable yet.
        max_group: Returns the largest weight of a group. A heavier item is a group by itself.
        monotonic: The clock.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        interval: float,
        enough: Callable[[], int] = lambda: 1,
        max_waiting: int,
        max_group: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._write = write
        self._interval = interval
        self._enough = enough
        self._max_waiting = max_waiting
        self._max_group = max_group
        self._monotonic = monotonic
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._wake = asyncio.Event()
        self._is_enough = asyncio.Event()
        self._queued = 0
        self._earliest = 0.0
        self.waiting = 0
        """The weight of all items that are not durable yet, those of the current write included."""

    async def commit(self, item: Item, weight: int = 1) -> Result:
        """Return the result of ``item`` once it is durable.

        Raises:
            OverloadedError: Too many items wait; this one was rejected.
            JournalUnavailableError: The item may not have become durable.
        """
        if self.waiting + weight > self._max_waiting and self.waiting:
            raise OverloadedError(
                f"{self.waiting} events wait for Redis, at most {self._max_waiting}"
            )
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(item, weight, future))
        self.waiting += weight
        self._queued += weight
        self._wake.set()
        if self._queued >= self._enough():
            self._is_enough.set()
        return await future

    async def run(self) -> NoReturn:
        """Write groups until cancelled; all items that wait then fail."""
        try:
            while True:
                await self._wake.wait()
                await self._pace(self._earliest - self._monotonic())
                await self._write_group(self._next_group())
                if not self._queue:
                    self._wake.clear()
        finally:
            self._fail(self._drain(), "the process is stopping")

    async def _pace(self, pause: float) -> None:
        """Wait for ``pause`` seconds, or until a group is large enough."""
        if pause <= 0 or self._is_enough.is_set():
            return
        try:
            async with asyncio.timeout(pause):
                await self._is_enough.wait()
        except TimeoutError:
            pass

    def _next_group(self) -> list[_Waiting[Item, Result]]:
        group: list[_Waiting[Item, Result]] = []
        weight, most = 0, self._max_group()
        while self._queue and (not group or weight + self._queue[0].weight <= most):
            waiting = self._queue.popleft()
            weight += waiting.weight
            self._queued -= waiting.weight
            if waiting.future.done():  # the caller was cancelled, so it was promised nothing
                self.waiting -= waiting.weight
            else:
                group.append(waiting)
        if self._queued < self._enough():
            self._is_enough.clear()
        return group

    async def _write_group(self, group: list[_Waiting[Item, Result]]) -> None:
        if not group:
            return
        self._earliest = self._monotonic() + self._interval
        try:
            results = await self._write([waiting.item for waiting in group])
        except JournalUnavailableError as error:
            self._fail([*group, *self._drain()], str(error))
        except Exception as error:  # noqa: BLE001 - each item has its own result
            await self._write_alone(group, error)
        except BaseException:
            self._fail(group, "the write was cancelled")
            raise
        else:
            for waiting, result in zip(group, results, strict=True):
                self.waiting -= waiting.weight
                if not waiting.future.done():
                    waiting.future.set_result(result)

    async def _write_alone(self, group: list[_Waiting[Item, Result]], error: Exception) -> None:
        """Write each item by itself after an unexpected error, which then fails one caller only."""
        if len(group) == 1:
            self.waiting -= group[0].weight
            if not group[0].future.done():
                group[0].future.set_exception(error)
            return
        logger.error(
            "group not written; its items are written one by one",
            extra={"count": len(group), "reason": f"{type(error).__name__}: {error}"},
        )
        for waiting in group:
            await self._write_group([waiting])

    def _drain(self) -> list[_Waiting[Item, Result]]:
        rest = list(self._queue)
        self._queue.clear()
        self._queued = 0
        return rest

    def _fail(self, group: list[_Waiting[Item, Result]], reason: str) -> None:
        for waiting in group:
            self.waiting -= waiting.weight
            if not waiting.future.done():
                waiting.future.set_exception(JournalUnavailableError(reason))
