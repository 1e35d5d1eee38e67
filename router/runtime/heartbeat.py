"""Show that the event loop of a process runs: to the parent process, and to systemd.

A process that is stuck still exists, so its end cannot show it. With several processes behind one port, the
kernel gives most requests of a health check to the other ones. A process therefore sends a sign at regular
times by its own event loop, and the parent or systemd kills it when none comes.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

PARENT_SECONDS: Final = 1.0
"""Time between two signs to the parent process."""


class Heartbeat(msgspec.Struct, frozen=True):
    """A sign that is sent at regular times."""

    send: Callable[[], None]
    """Sends one; it must neither block nor raise."""
    every_seconds: float


class Heartbeats:
    """The signs of a process."""

    def __init__(self, beats: Sequence[Heartbeat]) -> None:
        self._beats = beats
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def start(self) -> None:
        """Send each sign now and from now on. Called in the event loop that they are about."""
        for index in range(len(self._beats)):
            self._beat(index)

    def stop(self) -> None:
        """Send no more."""
        for timer in self._timers.values():
            timer.cancel()

    def _beat(self, index: int) -> None:
        beat = self._beats[index]
        beat.send()
        later = asyncio.get_running_loop().call_later
        self._timers[index] = later(beat.every_seconds, self._beat, index)


def to_parent(descriptor: int) -> Heartbeat:
    """Return the sign to the parent: a byte on the socket with this descriptor."""
    os.set_blocking(descriptor, False)

    def send() -> None:
        # The socket is full if the parent is stuck, and closed if it has ended.
        with contextlib.suppress(OSError):
            os.write(descriptor, b"1")

    return Heartbeat(send, PARENT_SECONDS)
