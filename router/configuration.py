"""The rules folder -> one frozen Configuration, or all that is wrong with it.

Every ``*.yaml`` directly in the folder may hold the sections ``destinations`` and ``rules``; they
are merged. Destinations come first, from all files, for the rules name them. Nothing that a file
may hold raises anything but RulesError.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.errors import Finding, RulesError
from router.findings import findings_json, render_findings
from router.rules.index import RuleSet
from router.rules.model import Rule
from router.rules_schema import json_schema
from router.variables import MissingVariable
from router.yaml_convert import found, suggestion
from router.yaml_destinations import DestinationSpec, read_destination
from router.yaml_rules import RuleReader
from router.yaml_source import (
    FINDINGS_LIMIT,
    Entry,
    ListNode,
    MapNode,
    Node,
    Page,
    Scalar,
    Span,
    Unusable,
    read_yaml,
)

__all__ = [
    "Configuration",
    "DestinationSpec",
    "MissingVariable",
    "findings_json",
    "json_schema",
    "load",
    "render_findings",
]

FILES_LIMIT: Final = 200
FILE_LIMIT: Final = 1 << 20
"""Bytes of one file."""
RULES_LIMIT: Final = 20_000
DESTINATIONS_LIMIT: Final = 1000

SECTIONS: Final = ("destinations", "rules")
_SUFFIXES: Final = frozenset({".yaml", ".yml"})


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules folder says."""

    rules: RuleSet
    destinations: tuple[DestinationSpec, ...]
    generation: str
    """A short hash of the files: two processes with the same one run the same rules."""


def load(
    folder: Path,
    environ: Mapping[str, str],
    *,
    missing: MissingVariable = MissingVariable.ERROR,
) -> Configuration:
    """Read the folder; ``environ`` fills in the variables of destinations.

    Raises RulesError with every finding, at most FINDINGS_LIMIT of them.
    """
    files = _files(folder)
    contents = {str(file): _content(file) for file in files}
    pages = [_page(file, content) for file, content in contents.items()]
    parts = [_sections(page) for page in pages]
    destinations = _destinations(parts, environ, missing)
    rules = _rules(parts, _known(parts))
    findings = sorted(finding for page in pages for finding in page.findings())
    if findings:
        raise RulesError(findings[:FINDINGS_LIMIT])
    return Configuration(
        rules=RuleSet(rules), destinations=tuple(destinations), generation=_generation(contents)
    )


def _files(folder: Path) -> list[Path]:
    """The files of the folder that hold rules, by name. Raises RulesError for none."""
    problem, hint = "", "set ROUTER_RULES to the folder that holds your rules"
    files: list[Path] = []
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.suffix in _SUFFIXES and not path.name.startswith(".")
        )
    except FileNotFoundError:
        problem = "there is no such folder"
    except NotADirectoryError:
        problem = "this is a file, not a folder"
    except (OSError, ValueError) as error:
        problem = f"the folder cannot be read: {_reason(error)}"
    if not problem and not files:
        problem = "the folder has no file that ends in .yaml or .yml"
    if len(files) > FILES_LIMIT:
        problem, hint = f"the folder has {len(files)} files, at most {FILES_LIMIT}", ""
    if problem:
        raise RulesError([Finding(_printable(folder), 0, 0, problem, hint)])
    return files


def _content(file: Path) -> bytes | str:
    """The bytes of a file, or why there are none."""
    try:
        # A pipe or a device would be waited for.
        if file.exists() and not file.is_file():
            return "this is not a file"
        with file.open("rb") as opened:
            content = opened.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        return f"the file cannot be read: {_reason(error)}"
    if len(content) > FILE_LIMIT:
        return f"the file is larger than {FILE_LIMIT >> 20} MiB"
    return content


def _page(file: str, content: bytes | str) -> Page:
    name = _printable(file)
    if isinstance(content, str):
        page = Page(name, "")
        page.report(None, content)
        return page
    try:
        return Page(name, content.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        readable = content[: error.start].decode()
        page = Page(name, readable)
        span = Span(len(readable), len(readable) + 1)
        page.report(span, f"byte 0x{content[error.start]:02x} is not UTF-8", "save it as UTF-8")
        return page


class _Sections(msgspec.Struct, frozen=True):
    """What one file holds."""

    page: Page
    destinations: tuple[Entry, ...] = ()
    rules: tuple[Node, ...] = ()
    is_whole: bool = False
    """Whether nothing of the file remained unknown."""


def _sections(page: Page) -> _Sections:
    root = read_yaml(page) if page.is_sound else None
    if not isinstance(root, MapNode):
        if root is not None and not isinstance(root, Unusable):
            message = f"expected the sections of a rules file, found {found(root)}"
            page.report(root.span, message, "write rules: or destinations:")
        return _Sections(page)
    for entry in root.entries:
        if entry.key.text not in SECTIONS:
            message = f'unknown section "{entry.key.text}"'
            page.report(entry.key.span, message, suggestion(entry.key.text, SECTIONS))
            page.hide(entry.value)
    destinations, rules = root.get("destinations"), root.get("rules")
    for name, node, kind in (
        ("destinations", destinations, MapNode),
        ("rules", rules, ListNode),
    ):
        if node is not None and not isinstance(node, kind | Unusable):
            wanted = "a list" if kind is ListNode else "a map of names and kinds"
            page.report(node.span, f"{name}: expected {wanted}, found {found(node)}")
    return _Sections(
        page,
        destinations.entries if isinstance(destinations, MapNode) else (),
        rules.items if isinstance(rules, ListNode) else (),
        all(entry.key.text in SECTIONS for entry in root.entries)
        and (destinations is None or isinstance(destinations, MapNode)),
    )


def _known(parts: list[_Sections]) -> set[str] | None:
    """The names of all destinations. None where a file, not understood, may hold others."""
    if not all(part.is_whole for part in parts):
        return None
    return {entry.key.text for part in parts for entry in part.destinations}


class _Names:
    """Which names are taken, and where."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._places: dict[str, str] = {}

    def take(self, page: Page, name: Scalar) -> None:
        """Report the name if another has it already."""
        place = self._places.setdefault(name.text, page.place(name.span))
        if place != page.place(name.span):
            message = f'{self._noun} "{name.text}" is given twice'
            page.report(name.span, message, f"first at {place}")


def _destinations(
    parts: list[_Sections], environ: Mapping[str, str], missing: MissingVariable
) -> list[DestinationSpec]:
    names = _Names("destination")
    specs = []
    entries = [(part.page, entry) for part in parts for entry in part.destinations]
    for page, entry in entries[:DESTINATIONS_LIMIT]:
        names.take(page, entry.key)
        spec = read_destination(page, entry, environ, missing)
        if spec is not None:
            specs.append(spec)
    for page, entry in entries[DESTINATIONS_LIMIT:][:1]:
        page.report(entry.key.span, f"more than {DESTINATIONS_LIMIT} destinations")
    return specs


def _rules(parts: list[_Sections], destinations: set[str] | None) -> list[Rule]:
    names = _Names("rule")
    rules = []
    for page, node in itertools.islice(_items(parts), RULES_LIMIT):
        name = node.get("name") if isinstance(node, MapNode) else None
        if isinstance(name, Scalar):
            names.take(page, name)
        rule = RuleReader(page, destinations).read(node)
        if rule is not None:
            rules.append(rule)
    for page, node in itertools.islice(_items(parts), RULES_LIMIT, RULES_LIMIT + 1):
        page.report(node.span, f"more than {RULES_LIMIT} rules")
    return rules


def _items(parts: list[_Sections]) -> Iterator[tuple[Page, Node]]:
    return ((part.page, node) for part in parts for node in part.rules)


def _generation(contents: Mapping[str, bytes | str]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for file, content in contents.items():
        for part in (Path(file).name, content):
            data = part if isinstance(part, bytes) else os.fsencode(part)
            # With its length, so that no two different folders are the same text.
            digest.update(b"%d:%b" % (len(data), data))
    return digest.hexdigest()


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not a path"


def _printable(path: Path | str) -> str:
    """A path as text that can be encoded; names of files are bytes to the system."""
    return str(path).encode(errors="backslashreplace").decode()
