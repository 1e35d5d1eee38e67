"""A terminal in its alternate screen, without echo, that is as it was when the block ends.

A terminal whose output is not read (Ctrl-S, a lost SSH connection) takes a few kilobytes and then no more.
Nothing waits for it: a picture is written as far as there is room, the rest when there is, and of the
pictures that come meanwhile only the last one.

Source of the sequences: ECMA-48, and "XTerm Control Sequences" for private modes (``?1049`` the alternate
screen, ``?25`` the cursor, ``?7`` automatic wrap).
"""

import asyncio
import contextlib
import os
import select
import signal
import termios
import time
import tty
from collections.abc import Iterator, Sequence
from typing import Any, Final

from router.top.screen import Line, Style, StyledText

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_REST: Final = "\x1b[J"
_CANCEL: Final = b"\x18"
"""CAN: ends a control sequence of which only a part was written."""
_MAX_COLUMNS: Final = 1000
_MAX_ROWS: Final = 500
"""Bounds of a picture: a terminal may say that it has 65,535 of each."""
_LEAVE_SECONDS: Final = 0.5
"""How long the last sequence may wait for room."""


class TerminalScreen:
    """The screen of a terminal.

    Args:
        output: The descriptor to draw on, a terminal.
        keys: The descriptor of keys; it may be no terminal, and then has none.
        has_color: Whether to use colours.
    """

    def __init__(self, output: int, keys: int, *, has_color: bool) -> None:
        self._output = output
        self._keys = keys
        self._has_color = has_color
        self._is_entered = False
        self._mode: list[Any] | None = None
        self._descriptor = output
        self._begun = b""
        """The rest of the picture that is being written."""
        self._following = b""
        """The picture to write after it."""

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Use the alternate screen until the block ends, however it does."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def size(self) -> os.terminal_size:
        """Return the size now, or the largest that is drawn; 80 by 24 if the terminal does not know."""
        columns, rows = os.get_terminal_size(self._output)
        return os.terminal_size((min(columns or 80, _MAX_COLUMNS), min(rows or 24, _MAX_ROWS)))

    def draw(self, lines: Sequence[Line]) -> None:
        """Replace what is shown. Raises OSError if the terminal is gone."""
        drawn = f"{_CLEAR_LINE}\r\n".join(
            painted(line, has_color=self._has_color) for line in lines
        )
        self._following = _bytes(f"{_HOME}{drawn}{_CLEAR_LINE}{_CLEAR_REST}")
        self._write_on()

    def suspend(self) -> None:
        """Leave the screen, stop the process as Ctrl-Z does, and enter again when it continues."""
        self._leave()
        previous = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, previous)
        self._enter()

    def _enter(self) -> None:
        if os.isatty(self._keys):
            self._mode = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys, termios.TCSANOW)
        self._descriptor = _opened_again(self._output)
        self._is_entered = True
        self._begun = _bytes(_ENTER)
        self._write_on()

    def _leave(self) -> None:
        if not self._is_entered:
            return
        self._is_entered = False
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._write_last(_bytes(_LEAVE))
        self._begun = self._following = b""
        if self._descriptor != self._output:
            self._wait_for_room(is_wanted=False)
            os.close(self._descriptor)
            self._descriptor = self._output
        if self._mode is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSANOW, self._mode)

    def _write_on(self) -> None:
        """Write as much as there is room for; the loop calls again when there is more."""
        while data := self._begun or self._following:
            if not self._begun:
                self._following = b""
            try:
                self._begun = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                self._begun = data
                break
        self._wait_for_room(is_wanted=bool(self._begun))

    def _wait_for_room(self, *, is_wanted: bool) -> None:
        if self._descriptor == self._output:
            return  # it blocks, so that all was written
        loop = asyncio.get_running_loop()
        if is_wanted:
            loop.add_writer(self._descriptor, self._on_room)
        else:
            loop.remove_writer(self._descriptor)

    def _on_room(self) -> None:
        try:
            self._write_on()
        except OSError:  # the next picture finds the terminal gone
            self._begun = self._following = b""
            self._wait_for_room(is_wanted=False)

    def _write_last(self, data: bytes) -> None:
        """Write a sequence instead of the rest of a picture, unless there is no room for it."""
        data = _CANCEL + data if self._begun else data
        ends = time.monotonic() + _LEAVE_SECONDS
        while data and (left := ends - time.monotonic()) > 0:
            _, has_room, _ = select.select((), (self._descriptor,), (), left)
            if has_room:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._descriptor, data) :]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _opened_again(output: int) -> int:
    """Return a descriptor of the same terminal that never blocks; ``output`` if it has no name here.

    The flag belongs to what was opened, which the shell has too: its own descriptor must not get it.
    """
    try:
        return os.open(os.ttyname(output), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return output


def painted(line: Line, *, has_color: bool) -> str:
    """Return a line with its styles as control sequences (pure). Without colour, headings stay reversed."""
    return "".join(_painted(piece, has_color=has_color) for piece in line)


def _painted(piece: StyledText, *, has_color: bool) -> str:
    is_color = piece.style not in {Style.PLAIN, Style.BOLD, Style.HEADING}
    if not piece.text or piece.style is Style.PLAIN or (is_color and not has_color):
        return piece.text
    return f"\x1b[{piece.style.value}m{piece.text}\x1b[0m"
