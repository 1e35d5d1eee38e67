"""The event loop of a command: Ctrl-C cancels what it waits for, and is never lost.

``asyncio.run`` cancels the main task from within the signal's handler, also while that task runs. Its next
``asyncio.timeout`` then counts the cancellation as earlier than its own, and swallows it if its time is up at
once. redis-py asks with a time of zero whether a connection has data, so that a command went on after Ctrl-C.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end, and return its result.

    Raises:
        KeyboardInterrupt: SIGINT came; ``main`` was cancelled and has ended. A second one ends it at once.
    """
    with asyncio.Runner() as runner:
        if threading.current_thread() is not threading.main_thread():
            return runner.run(main)
        interrupts = _Interrupts(runner.get_loop())
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.default_int_handler:  # ignored, for example, in the background
            return runner.run(main)
        signal.signal(signal.SIGINT, interrupts.on_signal)
        try:
            return runner.run(interrupts.guard(main))
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            raise KeyboardInterrupt from None
        finally:
            signal.signal(signal.SIGINT, before)


class _Interrupts:
    """Cancels a task upon SIGINT by a callback of the event loop, when no task runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self.count = 0
        """Signals that have come."""

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._cancel)

    async def guard(self, main: Coroutine[Any, Any, T]) -> T:
        self._task = asyncio.current_task()
        if self.count:  # the callback was called before this task began
            main.close()
            raise asyncio.CancelledError
        return await main

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
