"""Deadlines of equal length that share one event loop timer.

``asyncio.timeout`` schedules and cancels a timer each time, a tenth of the cost of a request that is
answered in a millisecond. Deadlines of equal length expire in the order in which they began, so one
timer for the oldest is enough.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any


class Deadline:
    """A context manager that raises TimeoutError for a body that takes too long.

    It behaves as ``asyncio.timeout`` does: the task is cancelled, and the cancellation becomes a
    TimeoutError.
    """

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
        # Another caller may have cancelled the task too; its cancellation must propagate.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel the body if it is still running."""
        if not self.has_ended:
            self._is_over = True
            self._task.cancel()


class Deadlines:
    """Deadlines that each expire ``seconds`` after they begin."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: deque[Deadline] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Deadline:
        """Return a deadline for the current task that starts now.

        Raises RuntimeError outside of a task.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a running task")
        loop = asyncio.get_running_loop()
        begun = Deadline(task, loop.time() + self._seconds)
        while self._begun and self._begun[0].has_ended:
            self._begun.popleft()
        self._begun.append(begun)
        if self._timer is None:
            self._timer = loop.call_at(begun.at, self._expire_due)
        return begun

    def _expire_due(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._begun and (self._begun[0].has_ended or self._begun[0].at <= now):
            self._begun.popleft().expire()
        if self._begun:
            self._timer = loop.call_at(self._begun[0].at, self._expire_due)
