"""Deadlines of equal length that share one event loop timer.

``asyncio.timeout`` schedules and cancels a timer each time, a tenth of the cost of a request that is
answered in a millisecond. Deadlines of equal length expire in the order in which they began, so one
timer for the oldest is enough.

The time for which the event loop itself stood is not the peer's: the virtual machine was moved, or
another process had the processor. A reply may lie in the socket, unread. A deadline that passed
meanwhile is therefore extended once, by the time for which the loop stood, and by its own length at most.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Final

_STOOD: Final = 0.05
"""Seconds by which a timer must be late to show that the event loop stood."""


class Deadline:
    """A context manager that raises TimeoutError for a body that takes too long.

    It behaves as ``asyncio.timeout`` does: the task is cancelled, and the cancellation becomes a
    TimeoutError.
    """

    __slots__ = ("_cancelling", "_is_over", "_task", "at", "has_ended", "is_extended")

    def __init__(self, task: "asyncio.Task[Any]", at: float) -> None:
        self._task = task
        self._cancelling = task.cancelling()
        self._is_over = False
        self.at = at
        self.is_extended = False
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
        begun = Deadline(task, asyncio.get_running_loop().time() + self._seconds)
        while self._begun and self._begun[0].has_ended:
            self._begun.popleft()
        self._begun.append(begun)
        if self._timer is None:
            self._set_timer(begun.at)
        return begun

    def _expire_due(self, timer_at: float) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        if (stood := now - timer_at) > _STOOD:
            self._extend_to(now + min(stood, self._seconds))
        while self._begun and (self._begun[0].has_ended or self._begun[0].at <= now):
            self._begun.popleft().expire()
        if self._begun:
            self._set_timer(self._begun[0].at)

    def _extend_to(self, at: float) -> None:
        for deadline in self._begun:
            if deadline.at >= at:
                return  # and so are all later ones
            if not deadline.is_extended:
                deadline.is_extended = True
                deadline.at = at

    def _set_timer(self, at: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(at, self._expire_due, at)
