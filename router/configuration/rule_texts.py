"""The YAML of single rules, files of rules without secrets, and files without items of some names.

The section ``destinations`` may have secrets in plain text; no other section may.
"""

import re
import textwrap
from collections.abc import Iterator
from typing import Final

import msgspec

from router.configuration import files
from router.configuration.readers.rule_defaults import DEFAULTS
from router.configuration.yaml.document import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    Span,
    YamlDocument,
    decode_document,
    read_yaml,
)

_RULES: Final = "rules"
_HIDDEN: Final = "destinations"
_BEHIND: Final = re.compile(r"\n([ \t]*(#[^\n]*)?(\n|$))*[ \t]*\Z")
"""The empty lines and comments behind an item, and the indentation of the next one."""


class RuleSource(msgspec.Struct, frozen=True):
    """A rule as its author wrote it."""

    name: str
    file: str
    """The name of the file, without the folder."""
    line: int
    """From 1."""
    text: str
    """An item of the list ``rules``."""


class FileSource(msgspec.Struct, frozen=True):
    """A file of rules without its section ``destinations``."""

    name: str
    text: str
    defaults: str
    """The defaults of its rules, a section; ``""`` for none."""
    rules: tuple[RuleSource, ...]

    def alone(self, rule: RuleSource) -> str:
        """Return a file that has one of the rules, and its defaults."""
        return f"{self.defaults}{_RULES}:\n{rule.text}"


def file_source(name: str, content: bytes) -> FileSource:
    """Return a file without its section ``destinations``.

    A file that is not valid YAML is empty, because it cannot be known where that section ends.
    """
    document = decode_document(files.printable_path(name), content)
    root = read_yaml(document) if document.is_valid else None
    if not isinstance(root, MapNode) or not document.is_valid:
        return FileSource(document.file, "", "", ())
    rules = (
        RuleSource(each.text, document.file, document.line(node.span.start), _item(document, node))
        for node, each in _named(root.get(_RULES))
    )
    return FileSource(
        document.file,
        _without(document, root, _HIDDEN),
        _section(document, root, DEFAULTS),
        tuple(rules),
    )


def item_names(text: str) -> dict[str, frozenset[str]]:
    """Return the names of the items in each section of a text, as far as it is valid YAML."""
    root = read_yaml(YamlDocument("", text))
    if not isinstance(root, MapNode):
        return {}
    return {
        entry.key.text: frozenset(name.text for _, name in _named(entry.value))
        for entry in root.entries
    }


def event_types(text: str) -> tuple[str, ...]:
    """Return the event types that the rules of a text name, as far as it is valid YAML."""
    root = read_yaml(YamlDocument("", text))
    rules = root.get(_RULES) if isinstance(root, MapNode) else None
    events = (node.get("events") for node, _ in _named(rules) if isinstance(node, MapNode))
    items = (item for each in events if isinstance(each, ListNode) for item in each.items)
    return tuple(dict.fromkeys(item.text for item in items if isinstance(item, Scalar)))


def without_items(content: bytes, names: dict[str, frozenset[str]]) -> bytes:
    """Return a file without the items of these names in these sections.

    ``b""`` if nothing is left; unchanged if it is not valid.
    """
    document = decode_document("", content)
    root = read_yaml(document) if document.is_valid else None
    if not isinstance(root, MapNode) or not document.is_valid:
        return content
    cut: list[Span] = []
    sections = 0
    for entry in root.entries:
        dropped = names.get(entry.key.text, frozenset())
        items = list(_named(entry.value))
        spans = [_whole(document, node, name) for node, name in items if name.text in dropped]
        if spans and len(spans) == _length(entry.value):
            spans = [_span_of(document, root, entry)]
            sections += 1
        cut += spans
    if sections == len(root.entries):
        return b""
    return _cut(document.text, cut).encode()


def _named(section: Node | None) -> Iterator[tuple[Node, Scalar]]:
    """Yield each item of a section that has a name, and the name."""
    if isinstance(section, MapNode):
        yield from ((entry.value, entry.key) for entry in section.entries)
    for node in section.items if isinstance(section, ListNode) else ():
        name = node.get("name") if isinstance(node, MapNode) else None
        if isinstance(name, Scalar):
            yield node, name


def _length(section: Node) -> int:
    match section:
        case MapNode(entries=entries):
            return len(entries)
        case ListNode(items=items):
            return len(items)
        case _:
            return 0


def _whole(document: YamlDocument, node: Node, name: Scalar) -> Span:
    """Return the lines of an item, its key or its list mark included."""
    start = min(node.span.start, name.span.start)
    begin = document.text.rfind("\n", 0, start) + 1
    before = document.text[begin:start]
    if before.strip() not in {"", "-"}:
        return Span(start, start)  # in a list or a map on one line, from which nothing is cut
    behind = _BEHIND.search(document.text[: node.span.end])
    end = behind.start() if behind is not None and behind.start() > start else node.span.end
    return Span(begin, end)


def _item(document: YamlDocument, node: Node) -> str:
    """Return the text of an item of a list, with the comments inside it and none behind it."""
    text, span = document.text, node.span
    column = span.start - (text.rfind("\n", 0, span.start) + 1)
    item = textwrap.dedent(" " * column + _BEHIND.sub("", text[span.start : span.end]))
    return textwrap.indent(item, "    ").replace("    ", "  - ", 1) + "\n"


def _section(document: YamlDocument, root: MapNode, key: str) -> str:
    entry = next((each for each in root.entries if each.key.text == key), None)
    if entry is None or _is_flow(document, root):
        return ""
    span = _span_of(document, root, entry)
    return document.text[span.start : span.end].rstrip() + "\n\n"


def _without(document: YamlDocument, root: MapNode, key: str) -> str:
    """Return the text of a file without a section."""
    entry = next((each for each in root.entries if each.key.text == key), None)
    if entry is None:
        return document.text
    if _is_flow(document, root):
        return ""
    return _cut(document.text, [_span_of(document, root, entry)])


def _is_flow(document: YamlDocument, root: MapNode) -> bool:
    return document.text.startswith("{", root.span.start)


def _span_of(document: YamlDocument, root: MapNode, entry: Entry) -> Span:
    """Return the lines of a section, up to the next one."""
    begin = document.text.rfind("\n", 0, entry.key.span.start) + 1
    later = (
        each.key.span.start for each in root.entries if each.key.span.start > entry.key.span.start
    )
    return Span(begin, min(later, default=len(document.text)))


def _cut(text: str, spans: list[Span]) -> str:
    for span in sorted(spans, key=lambda each: -each.start):
        text = text[: span.start] + text[span.end :]
    return text
