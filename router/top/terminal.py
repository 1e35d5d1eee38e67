"""A terminal in its alternate screen, without echo, that is as it was when the block ends.

Source of the sequences: ECMA-48, and "XTerm Control Sequences" for private modes (``?1049`` the alternate
screen, ``?25`` the cursor, ``?7`` automatic wrap).
"""

import contextlib
import os
import signal
import termios
import tty
from collections.abc import Iterator, Sequence
from typing import Any, Final

from router.top.screen import Line, Style, StyledText

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_REST: Final = "\x1b[J"


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

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Use the alternate screen until the block ends, however it does."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def size(self) -> os.terminal_size:
        """Return the size now."""
        return os.get_terminal_size(self._output)

    def draw(self, lines: Sequence[Line]) -> None:
        """Replace what is shown."""
        drawn = f"{_CLEAR_LINE}\r\n".join(
            painted(line, has_color=self._has_color) for line in lines
        )
        self._write(f"{_HOME}{drawn}{_CLEAR_LINE}{_CLEAR_REST}")

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
        self._is_entered = True
        self._write(_ENTER)

    def _leave(self) -> None:
        if not self._is_entered:
            return
        self._is_entered = False
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._write(_LEAVE)
        if self._mode is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._mode)

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._output, data) :]


def painted(line: Line, *, has_color: bool) -> str:
    """Return a line with its styles as control sequences (pure). Without colour, headings stay reversed."""
    return "".join(_painted(piece, has_color=has_color) for piece in line)


def _painted(piece: StyledText, *, has_color: bool) -> str:
    is_color = piece.style not in {Style.PLAIN, Style.BOLD, Style.HEADING}
    if not piece.text or piece.style is Style.PLAIN or (is_color and not has_color):
        return piece.text
    return f"\x1b[{piece.style.value}m{piece.text}\x1b[0m"
