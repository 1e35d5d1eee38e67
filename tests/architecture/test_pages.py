"""Each page of the documentation renders as it is meant: whole tables, links that lead somewhere."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
RENDERER: Final = MarkdownIt("commonmark").enable("table")
each_page: Final = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


@functools.cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    tokens = RENDERER.parse(page.read_text())
    headings = [
        tokens[index + 1].content
        for index, each in enumerate(tokens)
        if each.type == "heading_open"
    ]
    return {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    kept = [
        letter
        for letter in heading.lower()
        if letter in " -_" or unicodedata.category(letter)[0] in "LN"
    ]
    return "".join(kept).replace(" ", "-")


@each_page
def test_each_row_belongs_to_a_table(page: Path) -> None:
    tokens = RENDERER.parse(page.read_text())
    covered = {
        line
        for token in tokens
        if token.type in {"table_open", "fence", "code_block"} and token.map
        for line in range(*token.map)
    }
    rows = {
        number
        for number, line in enumerate(page.read_text().splitlines())
        if line.lstrip().startswith("|")
    }

    assert [number + 1 for number in sorted(rows - covered)] == []


@each_page
def test_each_row_has_the_cells_of_its_head(page: Path) -> None:
    tokens = RENDERER.parse(page.read_text())
    lines = page.read_text().splitlines()
    wrong = []
    for token in tokens:
        if token.type == "table_open" and token.map:
            first, last = token.map
            counts = {number + 1: cells(lines[number]) for number in range(first, last)}
            wrong += [number for number, count in counts.items() if count != counts[first + 1]]

    assert wrong == []


def cells(row: str) -> int:
    r"""The cells of a row; ``\|`` is text (GitHub Flavored Markdown, section 4.10)."""
    return len(re.findall(r"(?<!\\)\|", row.strip().strip("|"))) + 1


@each_page
def test_each_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    dead = []
    for token in inline(RENDERER.parse(page.read_text())):
        target = token.attrGet("href") or token.attrGet("src")
        if target is None or re.match(r"[a-z]+:", str(target)):
            continue
        path, _, anchor = str(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(str(target))

    assert dead == []


def test_a_table_that_a_blank_line_cuts_in_two_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("| a | b |\n|---|---|\n| 1 | 2 |\n\n| 3 | 4 |\n")

    with pytest.raises(AssertionError):
        test_each_row_belongs_to_a_table(page)
