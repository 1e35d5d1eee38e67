"""Each page of the documentation renders as it is meant, leads somewhere, and is found."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from support.document_figures import count
from support.site_hooks import DOCS, ROOT, hooks, site_configuration

DOCUMENTS: Final = sorted(DOCS.rglob("*.md"))
PAGES: Final = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
    *DOCUMENTS,
]
RENDERER: Final = MarkdownIt("commonmark").enable("table")
each_page: Final = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def inline(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


@functools.cache
def anchors(page: Path) -> Counter[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them, with their number."""
    return Counter(hooks.slug(heading) for heading in headings(page))


@functools.cache
def tokens_of(page: Path) -> Sequence[Token]:
    return RENDERER.parse(page.read_text())


@functools.cache
def headings(page: Path) -> list[str]:
    tokens = tokens_of(page)
    return [
        "".join(part.content for part in tokens[index + 1].children or ())
        for index, each in enumerate(tokens)
        if each.type == "heading_open"
    ]


class Link(NamedTuple):
    text: str
    file: Path
    anchor: str


@functools.cache
def links(page: Path) -> list[Link]:
    """Return the links and pictures of a page, but for those to other hosts."""
    tokens = inline(tokens_of(page))
    targets = [str(token.attrGet("href") or token.attrGet("src") or "") for token in tokens]
    return [
        Link(target, (page.parent / path).resolve() if path else page, anchor)
        for target in targets
        if target and not re.match(r"[a-z]+:", target)
        for path, _, anchor in [target.partition("#")]
    ]


def files_of(page: Path) -> set[Path]:
    return {link.file for link in links(page)}


@each_page
def test_each_row_belongs_to_a_table(page: Path) -> None:
    tokens = tokens_of(page)
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
    tokens = tokens_of(page)
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
def test_each_link_leads_to_a_file_and_a_heading_that_exist(
    page: Path, request: pytest.FixtureRequest
) -> None:
    dead = [
        link.text
        for link in links(page)
        if not link.file.exists() or (link.anchor and link.anchor not in anchors(link.file))
    ]
    count(request, "links between pages, to their headings and to files", len(links(page)))
    count(request, "of them dead", len(dead))

    assert dead == []


@each_page
def test_no_link_leads_to_a_heading_of_which_there_are_two(page: Path) -> None:
    assert [
        link.text for link in links(page) if link.anchor and anchors(link.file)[link.anchor] > 1
    ] == []


@each_page
def test_a_link_within_the_documents_leads_to_a_page_and_not_a_folder(page: Path) -> None:
    assert [file for file in files_of(page) if file.is_relative_to(DOCS) and file.is_dir()] == []


def test_each_page_has_one_place_in_the_navigation() -> None:
    pages = [page.relative_to(DOCS).as_posix() for page in DOCUMENTS]
    nav = list(hooks.pages_of(hooks.expand(site_configuration()["nav"], pages)))

    assert sorted(nav) == sorted(pages), "mkdocs.yml: give each page of docs/ one place in `nav`"


@pytest.mark.parametrize("start", ["README.md", "docs/index.md"])
def test_each_page_is_reached_by_links(start: str) -> None:
    reached = {ROOT / start}
    new = set(reached)
    while new:
        new = {file for page in new for file in files_of(page) if file.suffix == ".md"} - reached
        reached |= new

    assert [page for page in DOCUMENTS if page not in reached] == []


def test_each_picture_is_on_a_page() -> None:
    shown = {file for page in PAGES for file in files_of(page)}
    theme = {DOCS / site_configuration()["theme"][key] for key in ("logo", "favicon")}
    pictures = {file for kind in ("png", "svg") for file in DOCS.rglob(f"*.{kind}")}

    assert sorted(pictures - shown - theme) == []


def test_a_table_that_a_blank_line_cuts_in_two_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("| a | b |\n|---|---|\n| 1 | 2 |\n\n| 3 | 4 |\n")

    with pytest.raises(AssertionError):
        test_each_row_belongs_to_a_table(page)
