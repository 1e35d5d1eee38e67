"""Merge the sections of all rules files and read them in order.

A ``Section`` defines its name, its shape (a list, or a map of names) and the reader of one item.
``load`` lists the sections in reading order, so that a reader can use the values of the sections
before its own through ``SectionScope``.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from router.configuration.convert import describe_node
from router.configuration.foreign_keys import key_hint
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

ReadFile = Callable[[str], YamlDocument | str]
"""Returns the document of a file in the rules folder, or as text why it cannot be read."""


class SectionItem(msgspec.Struct, frozen=True):
    """One item of a section, and its document."""

    document: YamlDocument
    node: Node
    key: Scalar | None = None
    """The item's name in a section that is a map, None in a list."""
    number: int = 0
    """The item's position in the section across all files, from 1."""

    @property
    def entry(self) -> Entry:
        """The item with its key.

        Raises TypeError in a section that is a list.
        """
        if self.key is None:
            raise TypeError("an item of a list has no key")
        return Entry(self.key, self.node)

    @property
    def name(self) -> Scalar | None:
        """The item's key, or the value of its own ``name``; None if it has neither."""
        name = self.node.get("name") if isinstance(self.node, MapNode) else None
        return self.key or (name if isinstance(name, Scalar) else None)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Describes one section. The names of its items are unique."""

    name: str
    noun: str
    """The word for one item in messages."""
    kind: type[MapNode | ListNode]
    wanted: str
    """The description of the expected shape in messages."""
    limit: int
    """The largest number of items across all files."""
    read: "Callable[[SectionItem, SectionScope], Any]"
    """Returns an item's value, or None after reporting its problems to its document."""
    may_be_one: bool = False
    """True if a list of texts is one item, so that a file with one needs no list around it."""


class FileKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a rules file that is no section, because it applies to its own file."""

    name: str
    apply: Callable[[YamlDocument, MapNode], MapNode]
    """Returns the root of the file with the key applied and removed; reports its problems."""


class SectionScope:
    """The results that are available to the readers of further items."""

    def __init__(
        self,
        environ: Mapping[str, str],
        missing: MissingVariable,
        read_file: ReadFile,
        now: float | None = None,
    ) -> None:
        self.environ: Final = environ
        self.missing: Final = missing
        self.missing_in_sources = missing
        """As ``missing``, for the variables of sources, which only ingress needs."""
        self.read_file: Final = read_file
        """Reads a further file of the folder."""
        self.now: Final = now
        """Unix seconds; None if the time does not matter."""
        self.names: dict[str, set[str] | None] = {}
        """The names in each section, also of those not read yet; None if an invalid file may have
        others."""
        self.items: dict[str, list[SectionItem]] = {}
        """The unread items of each section."""
        self.values: dict[str, list[Any]] = {}
        """The valid values of each section read so far."""
        self.memo: dict[str, Any] = {}
        """Results that a reader computes once for all items."""
        self.is_complete: dict[str, bool] = {}
        """Whether ``values`` has all items of a section read so far."""


class Sections:
    """The sections of all documents of a folder.

    Args:
        sections: All sections, in reading order.
        documents: The files.
        file_keys: The further keys of a file.
    """

    def __init__(
        self,
        sections: Sequence[Section],
        documents: Sequence[YamlDocument],
        file_keys: Sequence[FileKey] = (),
    ) -> None:
        self._sections = sections
        self._parts = [_DocumentSections(each, sections, file_keys) for each in documents]

    def read(self, scope: SectionScope, *, only: str | None = None) -> dict[str, list[Any]]:
        """Return the values of each section, in order; problems are reported to the documents.

        Args:
            scope: Takes the results.
            only: The section whose items are read, if not those of all are.
        """
        for section in self._sections:
            scope.items[section.name] = list(self._items(section.name))
            scope.names[section.name] = self._names(section.name)
        for section in self._sections:
            is_read = only is None or section.name == only
            read = list(self._values(section, scope)) if is_read else []
            scope.values[section.name] = [value for value in read if value is not None]
            scope.is_complete[section.name] = (
                scope.names[section.name] is not None and None not in read
            )
        return scope.values

    def _names(self, section: str) -> set[str] | None:
        if not all(part.is_complete(section) for part in self._parts):
            return None
        return {item.name.text for item in self._items(section) if item.name is not None}

    def _values(self, section: Section, scope: SectionScope) -> Iterator[Any]:
        locations: dict[str, str] = {}
        for item in itertools.islice(self._items(section.name), section.limit):
            _check_name(item, section.noun, locations)
            yield section.read(item, scope)
        for item in itertools.islice(self._items(section.name), section.limit, section.limit + 1):
            span = (item.key or item.node).span
            item.document.report(span, f"more than {section.limit} {section.name}")

    def _items(self, section: str) -> Iterator[SectionItem]:
        items = (item for part in self._parts for item in part.items(section))
        return (
            SectionItem(item.document, item.node, item.key, number)
            for number, item in enumerate(items, 1)
        )


def _shape_hint(node: Node) -> str:
    """Return how the items of a section are written that has a list in place of a map, or the reverse."""
    if isinstance(node, MapNode):
        is_item = node.get("name") is not None
        return f"write a hyphen before each item: - name: {'…' if is_item else _first_name(node)}"
    return (
        "write the name of each item as its key, without a hyphen"
        if isinstance(node, ListNode)
        else ""
    )


def _first_name(node: MapNode) -> str:
    return next((entry.key.text[:60] for entry in node.entries), "…")


class _DocumentSections:
    """The sections of one document."""

    def __init__(
        self,
        document: YamlDocument,
        sections: Sequence[Section],
        file_keys: Sequence[FileKey],
    ) -> None:
        self._document = document
        self._nodes: dict[str, Node] = {}
        root = read_yaml(document) if document.is_valid else None
        self._is_valid = isinstance(root, MapNode)
        if not isinstance(root, MapNode):
            if root is not None and not isinstance(root, UnreadableNode):
                message = f"expected the sections of a rules file, found {describe_node(root)}"
                document.report(root.span, message, "write rules: or destinations:")
            return
        self._check_keys(
            root, [*(each.name for each in sections), *(each.name for each in file_keys)]
        )
        for key in file_keys:
            root = key.apply(document, root)
        for section in sections:
            node = root.get(section.name)
            if node is not None:
                self._nodes[section.name] = self._checked(section, node)

    def _check_keys(self, root: MapNode, known: Sequence[str]) -> None:
        for entry in root.entries:
            if entry.key.text not in known:
                message = f'unknown section "{entry.key.text}"'
                self._document.report(entry.key.span, message, key_hint(entry.key.text, known))
                self._document.hide(entry.value)
                self._is_valid = False

    def _checked(self, section: Section, node: Node) -> Node:
        """Return the node of a section, or after reporting that it has another shape an unreadable one."""
        if section.may_be_one and isinstance(node, ListNode) and _has_only_texts(node):
            return ListNode(node.span, (node,))
        if isinstance(node, section.kind | UnreadableNode):
            return node
        message = f"{section.name}: expected {section.wanted}, found {describe_node(node)}"
        self._document.report(node.span, message, _shape_hint(node))
        return UnreadableNode(node.span)

    def is_complete(self, section: str) -> bool:
        """Return whether all items of the section in this document are known."""
        return self._is_valid and not isinstance(self._nodes.get(section), UnreadableNode)

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


def _has_only_texts(node: ListNode) -> bool:
    return bool(node.items) and all(isinstance(item, Scalar) for item in node.items)


def _check_name(item: SectionItem, noun: str, locations: dict[str, str]) -> None:
    """Report an item whose name another item has."""
    if item.name is None:
        return
    here = item.document.location(item.name.span)
    first = locations.setdefault(item.name.text, here)
    if first != here:
        message = f'{noun} "{item.name.text}" is given twice'
        item.document.report(item.name.span, message, f"first at {first}")
