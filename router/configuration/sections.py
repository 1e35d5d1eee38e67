"""The sections of all files of the rules folder, merged and read one after another.

What a section is called, whether it is a list or a map of names, and how one item of it is read
is a ``Section``; ``configuration`` lists them in the order in which they are read, so an item can
ask ``SectionScope`` for what the sections before its own hold.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from router.configuration.convert import describe_node
from router.configuration.variables import MissingVariable
from router.configuration.yaml.document import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    UnreadableNode,
    YamlDocument,
    read_yaml,
)
from router.suggestions import suggestion

ReadFile = Callable[[str], YamlDocument | str]
"""The document of a file in the rules folder, or why there is none."""


class SectionItem(msgspec.Struct, frozen=True):
    """One thing that a section holds, and the document on which it stands."""

    document: YamlDocument
    node: Node
    key: Scalar | None = None
    """Its name, in a section that is a map of names."""
    number: int = 0
    """Its place in the section, from 1, all files together."""

    @property
    def entry(self) -> Entry:
        """It and its name, in a section that is a map of names."""
        if self.key is None:
            raise TypeError("an item of a list has no name before it")
        return Entry(self.key, self.node)

    @property
    def name(self) -> Scalar | None:
        """What it is called: its key, or what its own ``name`` says."""
        name = self.node.get("name") if isinstance(self.node, MapNode) else None
        return self.key or (name if isinstance(name, Scalar) else None)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What one section is. Its items have different names if they have names at all."""

    name: str
    noun: str
    """What to call one item."""
    kind: type[MapNode | ListNode]
    wanted: str
    """What is expected in the place of something else, in words."""
    limit: int
    """Items, in all files together."""
    read: "Callable[[SectionItem, SectionScope], Any]"
    """An item's value, or None where something is wrong with it; that is reported to its document."""


class SectionScope:
    """What is known so far, for the items that are read next."""

    def __init__(
        self, environ: Mapping[str, str], missing: MissingVariable, read_file: ReadFile
    ) -> None:
        self.environ: Final = environ
        self.missing: Final = missing
        self.read_file: Final = read_file
        """Reads another file of the folder."""
        self.names: dict[str, set[str] | None] = {}
        """Of each section, those below it too; None where a file, not understood, may hold others."""
        self.items: dict[str, list[SectionItem]] = {}
        """Of each section, as they are written."""
        self.values: dict[str, list[Any]] = {}
        """Of each section so far, the items that are sound."""
        self.memo: dict[str, Any] = {}
        """What a reader has found out once for all items."""
        self.is_whole: dict[str, bool] = {}
        """Of each section so far, whether those are all of its items."""


class Sections:
    """The sections of a folder's documents."""

    def __init__(self, sections: Sequence[Section], documents: Sequence[YamlDocument]) -> None:
        self._sections = sections
        self._parts = [_Part(document, sections) for document in documents]

    def read(self, known: SectionScope) -> dict[str, list[Any]]:
        """The values of each section, in order. What is wrong is reported to the documents."""
        for section in self._sections:
            known.items[section.name] = list(self._items(section.name))
            known.names[section.name] = self._names(section.name)
        for section in self._sections:
            read = list(self._values(section, known))
            known.values[section.name] = [value for value in read if value is not None]
            known.is_whole[section.name] = (
                known.names[section.name] is not None and None not in read
            )
        return known.values

    def _names(self, section: str) -> set[str] | None:
        if not all(part.is_whole(section) for part in self._parts):
            return None
        return {item.name.text for item in self._items(section) if item.name is not None}

    def _values(self, section: Section, known: SectionScope) -> Iterator[Any]:
        places: dict[str, str] = {}
        for item in itertools.islice(self._items(section.name), section.limit):
            _take_name(item, section.noun, places)
            yield section.read(item, known)
        for item in itertools.islice(self._items(section.name), section.limit, section.limit + 1):
            span = (item.key or item.node).span
            item.document.report(span, f"more than {section.limit} {section.name}")

    def _items(self, section: str) -> Iterator[SectionItem]:
        items = (item for part in self._parts for item in part.items(section))
        return (
            SectionItem(item.document, item.node, item.key, number)
            for number, item in enumerate(items, 1)
        )


class _Part:
    """The sections of one file."""

    def __init__(self, document: YamlDocument, sections: Sequence[Section]) -> None:
        self._document = document
        self._nodes: dict[str, Node] = {}
        known = [section.name for section in sections]
        root = read_yaml(document) if document.is_valid else None
        self._is_understood = isinstance(root, MapNode)
        if not isinstance(root, MapNode):
            if root is not None and not isinstance(root, UnreadableNode):
                message = f"expected the sections of a rules file, found {describe_node(root)}"
                document.report(root.span, message, "write rules: or destinations:")
            return
        for entry in root.entries:
            if entry.key.text not in known:
                message = f'unknown section "{entry.key.text}"'
                document.report(entry.key.span, message, suggestion(entry.key.text, known))
                document.hide(entry.value)
                self._is_understood = False
        for section in sections:
            node = root.get(section.name)
            if node is not None:
                self._nodes[section.name] = node
                if not isinstance(node, section.kind | UnreadableNode):
                    message = (
                        f"{section.name}: expected {section.wanted}, found {describe_node(node)}"
                    )
                    document.report(node.span, message)
                    self._nodes[section.name] = UnreadableNode(node.span)

    def is_whole(self, section: str) -> bool:
        """Whether nothing that may belong to the section remained unknown."""
        return self._is_understood and not isinstance(self._nodes.get(section), UnreadableNode)

    def items(self, section: str) -> Iterator[SectionItem]:
        match self._nodes.get(section):
            case MapNode(entries=entries):
                yield from (
                    SectionItem(self._document, entry.value, entry.key) for entry in entries
                )
            case ListNode(items=items):
                yield from (SectionItem(self._document, node) for node in items)
            case _:
                pass


def _take_name(item: SectionItem, noun: str, places: dict[str, str]) -> None:
    """Report an item's name if another has it already."""
    if item.name is None:
        return
    here = item.document.location(item.name.span)
    place = places.setdefault(item.name.text, here)
    if place != here:
        message = f'{noun} "{item.name.text}" is given twice'
        item.document.report(item.name.span, message, f"first at {place}")
