"""Draws one snapshot after the other until a key or a signal ends it."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from router.errors import JournalUnavailableError
from router.top.screen import ScreenSize, View, render
from router.top.snapshot import TopSnapshot
from router.top.terminal import TerminalScreen

_QUIT: Final = frozenset(b"qQ\x03\x04")
"""q, Ctrl-C where it sends no signal, and the end of input."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READ_SECONDS: Final = 5.0


class LiveView:
    """The view of a terminal.

    Args:
        screen: The terminal.
        keys: The descriptor of keys.
        read: Reads a snapshot.
        interval: Seconds between two snapshots.
    """

    def __init__(
        self,
        screen: TerminalScreen,
        keys: int,
        read: Callable[[], Awaitable[TopSnapshot]],
        *,
        interval: float,
    ) -> None:
        self._screen = screen
        self._keys = keys
        self._read = read
        self._view = View(interval=interval)
        self._quits = asyncio.Event()

    async def run(self) -> None:
        """Show it until q, SIGINT, SIGTERM or SIGHUP. An unavailable Redis is shown, and asked again."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._quits.set)
        loop.add_signal_handler(signal.SIGWINCH, self._draw)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        if os.isatty(self._keys):
            loop.add_reader(self._keys, self._on_key)
        with self._screen.entered():
            self._draw()
            try:
                async with asyncio.TaskGroup() as group:
                    refreshing = group.create_task(self._refresh_repeatedly())
                    await self._quits.wait()
                    refreshing.cancel()
            finally:
                loop.remove_reader(self._keys)

    async def _refresh_repeatedly(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    snapshot = await self._read()
                self._view = msgspec.structs.replace(self._view, snapshot=snapshot, error="")
            except (JournalUnavailableError, TimeoutError) as failed:
                error = str(failed) or "no answer in time"
                self._view = msgspec.structs.replace(self._view, error=error)
            self._draw()
            await asyncio.sleep(self._view.interval)

    def _draw(self) -> None:
        try:
            columns, rows = self._screen.size()
            self._screen.draw(render(self._view, ScreenSize(columns, rows)))
        except OSError:  # the terminal was closed
            self._quits.set()

    def _suspend(self) -> None:
        self._screen.suspend()
        self._draw()

    def _on_key(self) -> None:
        try:
            typed = os.read(self._keys, 64)
        except OSError:
            typed = b""
        if not typed or _QUIT & frozenset(typed):
            self._quits.set()
