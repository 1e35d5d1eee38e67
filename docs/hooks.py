"""Hooks of the documents' site (mkdocs.yml): anchors as on GitHub, links into the repository, the search, no foreign hosts.

The pages are read on GitHub, too. A heading therefore has the same anchor in both places, and a link to a file that is no
document becomes its path in code, because the site does not know where the repository is.

The search is that of the theme. It looks for the beginning of each word of a question, so that "a" or "to" would find every
page; pages that answer questions come before those that record decisions; and it works for pages opened from a folder.
"""

import re
import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
_FENCE: Final = re.compile(r"^( *)(```+|~~~+).*?^\1\2`*~*\s*$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<path>[^)#\s:]+)(?:#[^)\s]*)?\)")
_GAP: Final = r"[\s\-,;:!?()\[\]\"'/|]"
_STOP_WORDS: Final = (
    "a about am an and any are as at be been but by can come comes did do does for from get gets had has have how i if in"
    " into is it its may me my no not of on one or our should so that the their them then there these they this to us use"
    " was we were what when where which who why will with would you your"
)
_BOOSTS: Final = {
    "start": 6.0,
    "how-to": 6.0,
    "operate": 3.0,
    "runbooks": 1.5,
    "explanation": 1.5,
    "reference": 1.5,
    "decisions": 0.1,
}
"""How much more a page of a folder counts in the search than one of another."""
_LOADS: Final = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^\"' >]+"
    r"|<link\b(?![^>]*\brel=[\"']?(?:canonical|alternate))[^>]*\bhref=[\"']?(?:https?:)?//[^\"' >]+"
    r"|(?:@import|url\()\s*[\"']?(?:https?:)?//[^\"') ]+"
)


def slug(heading: str, separator: str = "-") -> str:
    """Return the anchor that GitHub gives to a heading."""
    allowed = [
        letter
        for letter in heading.lower().strip()
        if letter in " -_" or unicodedata.category(letter)[0] in "LN"
    ]
    return "".join(allowed).replace(" ", separator)


def expand(nav: list[Any], pages: list[str]) -> list[Any]:
    """Return the navigation with each pattern replaced by the pages that it does not name, in order."""
    named = set(pages_of(nav))

    def expanded(part: Any) -> list[Any]:
        if isinstance(part, dict):
            return [{title: _flat(expanded, below) for title, below in part.items()}]
        if "*" in part:
            return [page for page in pages if page not in named and fnmatch(page, part)]
        return [part]

    return [each for part in nav for each in expanded(part)]


def _flat(expanded: Any, below: Any) -> Any:
    return below if isinstance(below, str) else [each for part in below for each in expanded(part)]


def pages_of(part: Any) -> Iterator[str]:
    """Yield the pages and patterns of a navigation."""
    if isinstance(part, str):
        yield part
    else:
        for below in part.values() if isinstance(part, dict) else part:
            yield from pages_of(below)


def repository_links(text: str, page: Path) -> str:
    """Return a page with the path in code for each link to a file that is no document.

    Raises:
        FileNotFoundError: a link leads to no file.
    """

    def replaced(link: re.Match[str]) -> str:
        file = (page.parent / link["path"]).resolve()
        if file.is_relative_to(DOCS) or not file.is_relative_to(ROOT):
            return link[0]
        if not file.exists():
            raise FileNotFoundError(f"{page.relative_to(ROOT)}: no file is at {link['path']}")
        name = file.relative_to(ROOT).as_posix()
        return f"`{name}`" if link["text"].strip("`") == name else f"{link['text']} (`{name}`)"

    parts, start = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(replaced, text[start : fence.start()]), fence[0]]
        start = fence.end()
    return "".join(parts) + _LINK.sub(replaced, text[start:])


def separator() -> str:
    """Return what divides words for the search: gaps, with the stop words between them."""
    word = "|".join(f"[{word[0].upper()}{word[0]}]{word[1:]}" for word in _STOP_WORDS.split())
    stop = rf"(?:(?:{word})(?={_GAP}|$){_GAP}*)"
    return rf"(?:{_GAP}|\.(?=\s|$))+{stop}*|^{stop}+"


def foreign_loads(text: str) -> list[str]:
    """Return what a written page or style sheet would load from another host."""
    return _LOADS.findall(text)


def on_config(config: Any) -> Any:
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    config.nav = expand(config.nav, pages)
    config.mdx_configs["toc"]["slugify"] = slug
    # The plugin has made its index from its options by now.
    config.plugins["material/search"].search_index.config["separator"] = separator()
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    if page.is_homepage:
        page.meta["hide"] = ["navigation", "toc"]
    page.meta["search"] = {"boost": _BOOSTS.get(page.file.src_uri.split("/")[0], 1.0)}
    return repository_links(markdown, DOCS / page.file.src_uri)


def on_post_build(*, config: Any) -> None:
    site = Path(config.site_dir)
    # The theme reads this script in the place of the index when pages are opened from a folder.
    index = (site / "search" / "search_index.json").read_text("utf-8")
    (site / "search" / "search_index.js").write_text(f"var __index = {index}", "utf-8")
    loads = [
        f"{path.relative_to(site)}: {load}"
        for path in sorted(site.rglob("*"))
        if path.suffix in {".html", ".css"}
        for load in foreign_loads(path.read_text("utf-8"))
    ]
    if loads:
        raise SystemExit("the site would load from other hosts:\n" + "\n".join(loads))
