"""Render diagnostics for a terminal.

The format is that of compilers: the message, the position, the line with a caret below it, and a
hint.
"""

from collections.abc import Sequence
from typing import Final

from router.errors import Diagnostic, Level
from router.printable import columns_of
from router.quantities import counted

_WIDTH: Final = 100
"""Columns of a line that are shown; a longer line is cut around the caret."""
_BEFORE: Final = 60
"""Columns before the caret that remain in a cut line."""
_TAB: Final = "    "

_LABELS: Final = {Level.ERROR: "1;31", Level.WARNING: "1;33"}
"""The terminal codes for red and yellow."""
_BLUE: Final = "1;34"
_BOLD: Final = "1"


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """Return all diagnostics and a line that counts them, without terminal control characters."""
    blocks = [_render(diagnostic, color=color) for diagnostic in diagnostics]
    return "\n\n".join([*blocks, _count(diagnostics)])


def _count(diagnostics: Sequence[Diagnostic]) -> str:
    files = counted(len({diagnostic.file for diagnostic in diagnostics}), "file")
    warnings = sum(diagnostic.level is Level.WARNING for diagnostic in diagnostics)
    errors = len(diagnostics) - warnings
    counts = [counted(errors, "error")] if errors or not warnings else []
    counts += [counted(warnings, "warning")] if warnings else []
    return f"{' and '.join(counts)} in {files}"


def _render(diagnostic: Diagnostic, *, color: bool) -> str:
    paint = _paint if color else _plain
    gutter = " " * len(str(diagnostic.line or ""))
    bar = paint("|", _BLUE)
    label = paint(diagnostic.level, _LABELS[diagnostic.level])
    lines = [f"{label}{paint(f': {printable(diagnostic.message)}', _BOLD)}"]
    location = (
        f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}"
        if diagnostic.line
        else diagnostic.file
    )
    lines.append(f"{gutter}{paint('-->', _BLUE)} {printable(location)}")
    if diagnostic.source:
        shown, indent, length = _window(diagnostic)
        lines.append(f"{gutter} {bar}")
        lines.append(f"{paint(str(diagnostic.line), _BLUE)} {bar} {shown}")
        lines.append(f"{gutter} {bar} {indent}{paint('^' * length, _LABELS[diagnostic.level])}")
    if diagnostic.hint:
        lines.append(f"{gutter} {paint('=', _BLUE)} {printable(diagnostic.hint)}")
    return "\n".join(lines)


def _window(diagnostic: Diagnostic) -> tuple[str, str, int]:
    """Return the line as shown, the spaces before the caret, and the caret's length."""
    before = printable(diagnostic.source[: diagnostic.column - 1])
    marked = printable(diagnostic.source[diagnostic.column - 1 :][: diagnostic.length])
    after = printable(diagnostic.source[diagnostic.column - 1 + diagnostic.length :])
    if len(before) > _BEFORE and len(before + marked + after) > _WIDTH:
        before = "…" + before[-_BEFORE:]
    shown = before + marked + after
    if len(shown) > _WIDTH:
        shown = shown[:_WIDTH] + "…"
    length = max(1, min(columns_of(marked), _WIDTH + 1 - len(before)))
    return shown, " " * columns_of(before), length


def printable(text: str) -> str:
    """Return ``text`` with control characters escaped, because a terminal would execute them."""
    return "".join(map(_safe_character, text))


def _safe_character(character: str) -> str:
    if character == "\t":
        return _TAB
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def _plain(text: str, _code: str) -> str:
    return text
