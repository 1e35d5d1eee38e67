"""Findings as people read them in a terminal, and as programs read them.

The terminal form is the one that compilers have taught: what is wrong, where, the line itself
with a caret below, what would be right.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

from router.errors import Diagnostic, Level

_WIDTH: Final = 100
"""Columns of a line of the file that are shown; longer ones are cut around the caret."""
_BEFORE: Final = 60
"""Columns before the caret that a cut line keeps."""
_TAB: Final = "    "

_LABELS: Final = {Level.ERROR: "1;31", Level.WARNING: "1;33"}
"""Red and yellow."""
_BLUE: Final = "1;34"
_BOLD: Final = "1"


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """All diagnostics, and a last line that counts them. Safe to print, whatever the files hold."""
    blocks = [_render(diagnostic, color=color) for diagnostic in diagnostics]
    return "\n\n".join([*blocks, _count(diagnostics)])


def _count(diagnostics: Sequence[Diagnostic]) -> str:
    files = plural(len({diagnostic.file for diagnostic in diagnostics}), "file")
    warnings = sum(diagnostic.level is Level.WARNING for diagnostic in diagnostics)
    errors = len(diagnostics) - warnings
    counts = [plural(errors, "error")] if errors or not warnings else []
    counts += [plural(warnings, "warning")] if warnings else []
    return f"{' and '.join(counts)} in {files}"


def _render(diagnostic: Diagnostic, *, color: bool) -> str:
    paint = _paint if color else _plain
    gutter = " " * len(str(diagnostic.line or ""))
    bar = paint("|", _BLUE)
    label = paint(diagnostic.level, _LABELS[diagnostic.level])
    lines = [f"{label}{paint(f': {printable(diagnostic.message)}', _BOLD)}"]
    place = (
        f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}"
        if diagnostic.line
        else diagnostic.file
    )
    lines.append(f"{gutter}{paint('-->', _BLUE)} {printable(place)}")
    if diagnostic.source:
        shown, indent, length = _window(diagnostic)
        lines.append(f"{gutter} {bar}")
        lines.append(f"{paint(str(diagnostic.line), _BLUE)} {bar} {shown}")
        lines.append(f"{gutter} {bar} {indent}{paint('^' * length, _LABELS[diagnostic.level])}")
    if diagnostic.hint:
        lines.append(f"{gutter} {paint('=', _BLUE)} {printable(diagnostic.hint)}")
    return "\n".join(lines)


def _window(diagnostic: Diagnostic) -> tuple[str, str, int]:
    """The line of the file cut to what can be shown, the space before the caret, its length."""
    before = printable(diagnostic.source[: diagnostic.column - 1])
    marked = printable(diagnostic.source[diagnostic.column - 1 :][: diagnostic.length])
    after = printable(diagnostic.source[diagnostic.column - 1 + diagnostic.length :])
    if len(before) > _BEFORE and len(before + marked + after) > _WIDTH:
        before = "…" + before[-_BEFORE:]
    shown = before + marked + after
    if len(shown) > _WIDTH:
        shown = shown[:_WIDTH] + "…"
    length = max(1, min(_columns(marked), _WIDTH + 1 - len(before)))
    return shown, " " * _columns(before), length


def printable(text: str) -> str:
    """Without what a terminal would run_on_signal: a file's text is not to be trusted with that."""
    return "".join(map(_safe_character, text))


def _safe_character(character: str) -> str:
    if character == "\t":
        return _TAB
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def _columns(text: str) -> int:
    """How wide a terminal shows a text."""
    combining = sum(unicodedata.combining(character) > 0 for character in text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - combining


def plural(count: int, noun: str) -> str:
    """``1 rule``, ``2 rules``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def _plain(text: str, _code: str) -> str:
    return text
