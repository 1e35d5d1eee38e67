"""Diagnostics in a terminal, for any content of the files."""

import pytest

from router.configuration.diagnostics import render_diagnostics
from router.errors import Diagnostic

DIAGNOSTIC = Diagnostic(
    file="rules/a.yaml",
    line=12,
    column=5,
    message='unknown key "severty"',
    hint='did you mean "severity"?',
    source="    severty: warning",
    length=7,
)


def lines_of(**changes: object) -> list[str]:
    attributes = {name: getattr(DIAGNOSTIC, name) for name in DIAGNOSTIC.__struct_fields__}
    return render_diagnostics([Diagnostic(**{**attributes, **changes})]).splitlines()


def test_a_diagnostic_shows_its_line_with_a_caret_below() -> None:
    assert lines_of() == [
        'error: unknown key "severty"',
        "  --> rules/a.yaml:12:5",
        "   |",
        "12 |     severty: warning",
        "   |     ^^^^^^^",
        '   = did you mean "severity"?',
        "",
        "1 error in 1 file",
    ]


def test_a_diagnostic_about_a_whole_file_shows_no_line() -> None:
    assert lines_of(line=0, column=0, source="", hint="") == [
        'error: unknown key "severty"',
        "--> rules/a.yaml",
        "",
        "1 error in 1 file",
    ]


def test_diagnostics_are_counted() -> None:
    other = Diagnostic(file="rules/b.yaml", line=0, column=0, message="the file is empty")
    assert render_diagnostics([DIAGNOSTIC, DIAGNOSTIC, other]).endswith("\n\n3 errors in 2 files")


@pytest.mark.parametrize(
    ("source", "column", "length", "shown", "caret"),
    [
        ("\tkey: x", 2, 3, "    key: x", "    ^^^"),
        ("会議: x", 1, 2, "会議: x", "^^^^"),
        ("a\u0301b", 3, 1, "a\u0301b", " ^"),
        ("a\x1b[31mb", 7, 1, "a\\x1b[31mb", "         ^"),
        ("a", 2, 1, "a", " ^"),
    ],
)
def test_the_caret_is_below_the_marked_text(
    source: str, column: int, length: int, shown: str, caret: str
) -> None:
    lines = lines_of(source=source, column=column, length=length)
    assert lines[3:5] == [f"12 | {shown}", f"   | {caret}"]


def test_a_long_line_is_cut_around_the_caret() -> None:
    source = "a" * 300 + "key" + "b" * 300
    line, caret = lines_of(source=source, column=301, length=3)[3:5]
    assert line == f"12 | …{'a' * 60}key{'b' * 36}…"
    assert caret == f"   |  {' ' * 60}^^^"


def test_a_long_caret_ends_where_the_line_is_cut() -> None:
    line, caret = lines_of(source="a" * 300, column=1, length=300)[3:5]
    assert line == f"12 | {'a' * 100}…"
    assert caret == f"   | {'^' * 101}"


@pytest.mark.parametrize("field", ["file", "message", "hint", "source"])
def test_no_text_reaches_the_terminal_as_a_command(field: str) -> None:
    text = render_diagnostics([Diagnostic("f", 1, 1, "m", "h", "s")]).replace("s", "")
    assert "\x1b" not in text
    assert "\\x1b]0;x\\x07" in "\n".join(lines_of(**{field: "\x1b]0;x\x07"}))


def test_color_is_optional() -> None:
    assert "\x1b[1;31merror\x1b[0m" in render_diagnostics([DIAGNOSTIC], color=True)
    assert "\x1b" not in render_diagnostics([DIAGNOSTIC])
