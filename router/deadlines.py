"""Deadlines that are all equally long, at the price of one timer.

``asyncio.timeout`` sets a timer of the loop and takes it back each time, which is a tenth of what a
request costs that is answered in a millisecond. Those that are equally long end in the order in
which they began: a timer for the oldest is enough.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any


class Deadline:
    """``with`` raises TimeoutError, as ``asyncio.timeout`` does, for a body that takes too long."""

    __slots__ = ("_cancelling", "_is_over", "_task", "at", "has_ended")

    def __init__(self, task: "asyncio.Task[Any]", at: float) -> None:
        self._task = task
        self._cancelling = task.cancelling()
        self._is_over = False
        self.at = at
        self.has_ended = False

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.has_ended = True
        if not self._is_over:
            return
        # Others may have cancelled the task too: then it is their doing, and goes on.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Break off the body, if it is still under way."""
        if not self.has_ended:
            self._is_over = True
            self._task.cancel()


class Deadlines:
    """Each is ``seconds`` from its beginning."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: deque[Deadline] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Deadline:
        """One for the task that calls, from now."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is for a task")
        loop = asyncio.get_running_loop()
        begun = Deadline(task, loop.time() + self._seconds)
        while self._begun and self._begun[0].has_ended:
            self._begun.popleft()
        self._begun.append(begun)
        if self._timer is None:
            self._timer = loop.call_at(begun.at, self._ring)
        return begun

    def _ring(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._begun and (self._begun[0].has_ended or self._begun[0].at <= now):
            self._begun.popleft().expire()
        if self._begun:
            self._timer = loop.call_at(self._begun[0].at, self._ring)
