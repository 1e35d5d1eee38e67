"""The shell blocks of a page, and the marks before them that say how a test runs them.

Marks are HTML comments on the lines before a block, which no reader of the page sees:

- ``<!-- not run: REASON -->``: the block is only parsed.
- ``<!-- background: TEXT -->``: the block goes on to the end of the page; the test continues when it has printed TEXT.
- ``<!-- after: TEXT -->``: the block is run when what is in the background has printed TEXT since the last one.
- ``<!-- exit: 1 -->``: the last command ends with this code; otherwise each ends with 0.
- ``<!-- slack gets: TEXT -->``: after the block the Slack of the test has got TEXT.
- ``<!-- file: PATH -->``, before a block of another language: the block is written to this file.
- ``<!-- prints -->``, before a block of text: its lines were printed by the block before, in this order. ``…`` stands for
  any text.
- ``<!-- session: empty folder -->``, anywhere: the page begins in an empty folder instead of a checkout.
- ``<!-- needs: PROGRAM PROGRAM -->``, anywhere but before a block: the page is run where these programs are installed.
"""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

SHELLS: Final = frozenset({"sh", "bash", "shell", "console"})
_MARKS: Final = frozenset(
    {"not run", "background", "after", "exit", "slack gets", "file", "prints"}
)
_FENCE: Final = re.compile(
    r"(?P<marks>(?:^ *<!--[^\n]*-->\n+)*)^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```\s*?$",
    re.MULTILINE | re.DOTALL,
)
_MARK: Final = re.compile(r"<!-- *([\w -]+?)(?:: *(.*?))? *-->")
_NEEDS: Final = re.compile(r"^<!-- needs: (.+) -->$", re.MULTILINE)
_SESSION: Final = re.compile(r"^<!-- session: empty folder -->$", re.MULTILINE)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A fenced block of a page."""

    line: int
    language: str
    text: str
    marks: Mapping[str, str]

    @property
    def is_shell(self) -> bool:
        """Whether a reader would type it."""
        return self.language in SHELLS

    @property
    def commands(self) -> int:
        """Return the number of lines that are commands, each with its continuations."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return len([line for line in lines if line.strip() and not line.lstrip().startswith("#")])


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page.

    Raises:
        ValueError: a comment before a block is no mark.
    """
    text = page.read_text("utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start("indent")) + 1
        marks = {name: value or "" for name, value in _MARK.findall(fence["marks"])}
        if unknown := sorted(marks.keys() - _MARKS - {"session"}):
            raise ValueError(f"{page.name}:{line}: no mark is called {unknown[0]!r}")
        found.append(
            Block(
                line=line,
                language=fence["language"],
                text=textwrap.dedent(fence["text"]),
                marks=marks,
            )
        )
    return found


def begins_empty(page: Path) -> bool:
    """Return whether the blocks of a page are run in an empty folder."""
    return bool(_SESSION.search(page.read_text("utf-8")))


def programs_of(page: Path) -> list[str]:
    """Return the programs that the blocks of a page need besides those of every test."""
    return [name for names in _NEEDS.findall(page.read_text("utf-8")) for name in names.split()]
