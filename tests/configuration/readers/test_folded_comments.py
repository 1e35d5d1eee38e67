"""Comments in expressions whose lines YAML joins to one."""

from pathlib import Path

import pytest

from router.configuration.load import load
from router.errors import Diagnostic, RulesError

FOLDER = """
destinations: {a: {capture: {}}}
tables: {t: {rows: {k: {to: a}}}}
rules:
  - name: r
    events: [e]
    send_to: [a]
"""


def findings(folder: Path, text: str) -> list[Diagnostic]:
    (folder / "a.yaml").write_text(FOLDER + text)
    try:
        load(folder, {})
    except RulesError as error:
        return error.diagnostics
    return []


def named(found: list[Diagnostic]) -> list[tuple[int, int]]:
    return [(each.line, each.column) for each in found if "swallows" in each.message]


@pytest.mark.parametrize(
    "text",
    [
        "    when: >\n      data.a == 1 // one\n      && data.b == 2\n",
        "    when: >-\n      data.a == 1 && // one\n      data.b == 2\n",
        "    when: data.a == 1 // one\n      && data.b == 2\n",
        "    when: 'data.a == 1 // it''s one\n      && data.b == 2'\n",
        '    when: "data.a == 1 // \\u00e9ne\n      && data.b == 2"\n',
        '    when: "data.a == 1 // one \\\n      && data.b == 2"\n',
        "    when: >\r\n      data.a == 1 // one\r\n      && data.b == 2\r\n",
        "    let:\n      x: data.a // one\n        + data.b\n",
        "    labels:\n      x: '{{ data.a // one\n        + data.b }}'\n",
        "    cooldown:\n      for: 1m\n      by:\n        - data.a // one\n          + data.b\n",
        "    absent:\n      event: f\n      for: 1m\n      when: data.a // one\n        && data.b\n",
        (
            "  - name: s\n    events: [e]\n    send_to:\n      - otherwise: a\n"
            "        from: tables.t[data.a // one\n          + data.b].to\n"
        ),
        (
            "silences:\n  - ends: '2030-01-01T00:00:00Z'\n    author: a\n    comment: c\n"
            "    when: data.a // one\n      && data.b\n"
        ),
        (
            "inhibitions:\n  - while: [r]\n    hold_back: [r2]\n    equal:\n      - data.a // one\n"
            "        + data.b\n"
        ),
    ],
)
def test_a_comment_that_swallows_the_next_line_is_refused(tmp_path: Path, text: str) -> None:
    """Case R7."""
    found = findings(tmp_path, text)

    lines = (FOLDER + text).splitlines()
    (line,) = (number for number, each in enumerate(lines, 1) if "//" in each)
    assert named(found) == [(line, lines[line - 1].index("//") + 1)]
    assert all("`|`" in each.hint for each in found if "swallows" in each.message)


@pytest.mark.parametrize(
    "text",
    [
        "    when: |\n      data.a == 1 // one\n      && data.b == 2\n",
        "    when: |-\n      data.a == 1 // one\n\n      && data.b == 2 // two\n",
        "    when: data.a == 1 // one\n",
        "    when: data.a == 1 // one\n\n    severity: info\n",
        "    when: >\n      data.a == 1\n      && data.b == 2 // two\n",
        "    when: >\n      data.a == 1 // one\n\n      && data.b == 2\n",
        "    when: >\n      data.a == 1\n        // one\n      && data.b == 2\n",
        "    when: data.a == 'https://x' &&\n      data.b == 2\n",
        '    when: >\n      data.a == "//"\n      && data.b == r"\\//"\n',
        '    when: "data.a == 1 // one\\n\n      && data.b == 2"\n',
    ],
)
def test_a_comment_that_ends_with_its_line_is_fine(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text) == []
