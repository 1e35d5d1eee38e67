"""Parse YAML to a tree of nodes with positions, and collect all problems of a file.

The tree is built from the parser's events, because composed nodes do not report anchors, tags and
quotes. Events also have the depth of a node before it is built. All features beyond maps, lists and
scalars (aliases, tags, merge keys, several documents) are rejected, because a rules file needs none of
them and each can surprise. Scalars keep their text; ``scalars`` interprets it.
"""

import copy
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import yaml

from router.configuration.yaml.scalars import plain_value, value_offsets
from router.configuration.yaml.syntax_errors import explain
from router.errors import Diagnostic, Level

DEPTH_LIMIT: Final = 40
"""Lists and maps that may be nested."""
DIAGNOSTICS_LIMIT: Final = 1000
"""Errors in one file, after which the rest of it is not checked."""

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_VARIABLES: Final = re.compile(r"(\$\{\w+\})+")
_SHOWN_LINE: Final = 500
"""The column beyond which a diagnostic is shown without its line."""
# YAML 1.1, production [1] c-printable, without the byte order mark.
_UNPRINTABLE: Final = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class Span(msgspec.Struct, frozen=True):
    """A range of characters of a file, ``end`` excluded."""

    start: int
    end: int


class Scalar(msgspec.Struct, frozen=True):
    """An uninterpreted text, number, boolean or null; ``style`` is its quote or block sign."""

    span: Span
    text: str
    style: str | None

    @property
    def is_plain(self) -> bool:
        """Whether it has no quotes, so that it may denote another value than text."""
        return self.style is None

    @property
    def is_missing(self) -> bool:
        """Whether nothing is written."""
        return self.style is None and not self.text


class ListNode(msgspec.Struct, frozen=True):
    """A list."""

    span: Span
    items: "tuple[Node, ...]"


class MapNode(msgspec.Struct, frozen=True):
    """A map, its entries in order."""

    span: Span
    entries: "tuple[Entry, ...]"

    def get(self, key: str) -> "Node | None":
        """Return the value of ``key``; None if the map has no such key."""
        return next((entry.value for entry in self.entries if entry.key.text == key), None)


class UnreadableNode(msgspec.Struct, frozen=True):
    """Stands for a node whose problem has been reported."""

    span: Span


class Entry(msgspec.Struct, frozen=True):
    """A key of a map and its value."""

    key: Scalar
    value: "Node"


Node = Scalar | ListNode | MapNode | UnreadableNode


Problem = tuple[Span | None, str, str]
"""Position (None for the whole file), message and hint."""


class YamlDocument:
    """The text of one file and the problems that were reported for it, each once."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
        self.errors: dict[Problem, None] = {}
        """An ordered set: a problem that is reported twice counts once."""
        self.warnings: dict[Problem, None] = {}
        """Problems that do not reject the folder."""
        self.hidden: list[Span] = []
        """Ranges of the file that diagnostics mask."""

    @property
    def is_full(self) -> bool:
        """Whether DIAGNOSTICS_LIMIT is reached, so that further checks are pointless."""
        return len(self.errors) >= DIAGNOSTICS_LIMIT

    @property
    def is_valid(self) -> bool:
        """Whether no error was reported."""
        return not self.errors

    def report(self, span: Span | None, message: str, hint: str = "") -> None:
        """Record an error; without a span it refers to the whole file."""
        if not self.is_full:
            self.errors[span, message, hint] = None

    def warn(self, span: Span, message: str, hint: str = "") -> None:
        """Record a problem that does not reject the folder."""
        if len(self.warnings) < DIAGNOSTICS_LIMIT:
            self.warnings[span, message, hint] = None

    def hide(self, node: "Node") -> None:
        """Mask the values below ``node`` in the lines of diagnostics, because they may be secrets."""
        match node:
            case Scalar():
                if not _VARIABLES.fullmatch(node.text):  # the name of a variable is no secret
                    self.hidden.append(node.span)
            case ListNode():
                for item in node.items:
                    self.hide(item)
            case MapNode():
                for entry in node.entries:
                    self.hide(entry.value)
            case UnreadableNode():
                pass

    def blank_copy(self) -> "YamlDocument":
        """Return a copy without problems, for a trial conversion of a part."""
        document = copy.copy(self)
        document.errors, document.warnings, document.hidden = {}, {}, []
        return document

    def report_common(self, trials: Sequence["YamlDocument"], unless: Sequence[str]) -> None:
        """Report the errors that all trials share, except those that contain a text of ``unless``."""
        for span, message, hint in trials[0].errors:
            is_common = all((span, message, hint) in trial.errors for trial in trials)
            if is_common and not any(name in message for name in unless):
                self.report(span, message, hint)
        self.hidden += trials[0].hidden

    def location(self, span: Span) -> str:
        """Return the position as ``file:line:column``."""
        return f"{self.file}:{self.line(span.start)}:{self._column(span.start)}"

    def line(self, offset: int) -> int:
        """Return the number of the line at ``offset``, from 1."""
        return bisect_right(self._starts, offset)

    def part_span(self, scalar: Scalar, offset: int, length: int = 1) -> Span:
        """Return the position of a part of a scalar's text; that of the scalar if it is not known."""
        raw = self.text[scalar.span.start : scalar.span.end]
        offsets = value_offsets(raw, scalar.text, scalar.style, offset, length)
        if offsets is None:
            return scalar.span
        return Span(scalar.span.start + offsets[0], scalar.span.start + offsets[1])

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield all errors, then all warnings."""
        text = self._masked() if self.errors or self.warnings else ""
        for problems, level in ((self.errors, Level.ERROR), (self.warnings, Level.WARNING)):
            for problem in problems:
                yield self._diagnostic(problem, level, text)

    def _diagnostic(self, problem: Problem, level: Level, text: str) -> Diagnostic:
        span, message, hint = problem
        if span is None:
            return Diagnostic(self.file, 0, 0, message, hint, level=level)
        line = self.line(span.start)
        column = self._column(span.start)
        begin = self._starts[line - 1]
        source = _LINE_END.split(text[begin : begin + _SHOWN_LINE + 100], 1)[0]
        return Diagnostic(
            self.file,
            line,
            column,
            message,
            hint,
            source if column <= _SHOWN_LINE else "",
            max(1, min(span.end - span.start, len(source) - column + 1)),
            level,
        )

    def _column(self, offset: int) -> int:
        return offset - self._starts[self.line(offset) - 1] + 1

    def _masked(self) -> str:
        if not self.hidden:
            return self.text
        characters = list(self.text)
        for span in self.hidden:
            for offset in range(span.start, span.end):
                if characters[offset] not in "\r\n":
                    characters[offset] = "*"
        return "".join(characters)


def decode_document(name: str, content: bytes | str) -> YamlDocument:
    """Return the document of a file.

    Args:
        name: The path for diagnostics.
        content: The bytes of the file, or as text why it cannot be read, which is reported.
    """
    if isinstance(content, str):
        document = YamlDocument(name, "")
        document.report(None, content)
        return document
    try:
        return YamlDocument(name, content.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        readable = content[: error.start].decode()
        document = YamlDocument(name, readable)
        span = Span(len(readable), len(readable) + 1)
        document.report(
            span, f"byte 0x{content[error.start]:02x} is not UTF-8", "save the file as UTF-8"
        )
        return document


def read_yaml(document: YamlDocument) -> Node | None:
    """Return the root node of a file; None if its structure is not valid.

    All errors are reported to ``document``; parsing ends at a syntax error.
    """
    unprintable = _UNPRINTABLE.search(document.text)
    if unprintable is not None:
        document.report(
            Span(*unprintable.span()),
            f"a character that YAML does not allow: U+{ord(unprintable[0]):04X}",
        )
        return None
    builder = _Builder(document)
    try:
        for event in yaml.parse(document.text, Loader=yaml.CSafeLoader):
            if not builder.take(event):
                return None
    except yaml.MarkedYAMLError as error:
        offset, explanation = explain(error, document.text)
        document.report(Span(offset, offset + 1), explanation.message, explanation.hint)
        return None
    if builder.root is None:
        document.report(None, "the file is empty", "expected rules: or destinations:")
    return builder.root


class _OpenList:
    """A list whose end has not been parsed."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._items: list[Node] = []

    def add(self, node: Node) -> None:
        self._items.append(node)

    def close(self, end: int) -> Node:
        return ListNode(Span(self._start, end), tuple(self._items))


class _OpenMap:
    """A map whose end has not been parsed."""

    def __init__(self, start: int, document: YamlDocument) -> None:
        self._start = start
        self._document = document
        self._entries: dict[str, Entry] = {}
        self._key: Node | None = None
        self.is_unreadable = False

    def add(self, node: Node) -> None:
        if self._key is None:
            self._key = node
            return
        key, self._key = self._key, None
        if isinstance(key, Scalar):
            self._add_entry(key, node)
        elif not isinstance(key, UnreadableNode):
            if self._document.text.startswith("{{", self._start):
                message = "a value that begins with {{ needs quotes"
                self._document.report(key.span, message, 'write for example "{{ data.name }}"')
                self.is_unreadable = True
                return
            self._document.report(key.span, "a key must be text, not a list or a map")

    def _add_entry(self, key: Scalar, value: Node) -> None:
        if key.is_plain and key.text == "<<":
            hint = "write the keys here"
            self._document.report(key.span, "`<<`: merge keys are not supported", hint)
            return
        known = self._entries.get(key.text)
        if known is not None:
            hint = f"first on line {self._document.line(known.key.span.start)}"
            self._document.report(key.span, f'the key "{key.text}" is given twice', hint)
            return
        if key.is_plain:
            meant = plain_value(key.text)
            if meant.trap or not isinstance(meant.value, str):
                hint = f'write "{key.text}":'
                message = f"the key `{key.text}` without quotes is {meant.trap or 'not text'}"
                self._document.report(key.span, message, hint)
        self._entries[key.text] = Entry(key, value)

    def close(self, end: int) -> Node:
        if self.is_unreadable:
            return UnreadableNode(Span(self._start, end))
        return MapNode(Span(self._start, end), tuple(self._entries.values()))


class _Builder:
    """Builds the tree from the parser's events; ``root`` is set at the end of the root node."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self._open: list[_OpenList | _OpenMap] = []
        self.root: Node | None = None

    def take(self, event: yaml.Event) -> bool:
        """Process one event; return False if parsing must stop."""
        span = _span(event)
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                self._document.report(
                    span, "a second document begins here", "write each document to its own file"
                )
                return False
            case yaml.AliasEvent():
                self._reject(span, f"*{event.anchor}", "aliases are", "repeat the value")
                self._add(UnreadableNode(span))
            case yaml.ScalarEvent():
                self._reject_extras(event, span)
                self._add(Scalar(span, event.value, event.style or None))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                return self._begin(event, span)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._add(self._open.pop().close(span.end))
            case _:
                pass
        return True

    def _begin(self, event: yaml.CollectionStartEvent, span: Span) -> bool:
        self._reject_extras(event, span)
        if len(self._open) == DEPTH_LIMIT:
            self._document.report(
                span, f"lists and maps are nested more than {DEPTH_LIMIT} levels deep"
            )
            return False
        is_list = isinstance(event, yaml.SequenceStartEvent)
        self._open.append(
            _OpenList(span.start) if is_list else _OpenMap(span.start, self._document)
        )
        return True

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].add(node)
        else:
            self.root = node

    def _reject_extras(self, event: yaml.NodeEvent, span: Span) -> None:
        if event.anchor is not None:
            self._reject(span, f"&{event.anchor}", "anchors are", "remove it")
        tag = getattr(event, "tag", None)
        if tag is not None:
            written = tag.replace("tag:yaml.org,2002:", "!!")
            self._reject(span, written, "tags are", "remove it, and use quotes for text")

    def _reject(self, span: Span, text: str, what: str, hint: str) -> None:
        span = Span(span.start, min(span.end, span.start + len(text)))
        self._document.report(span, f"`{text}`: {what} not supported in rules files", hint)


def _span(event: yaml.Event) -> Span:
    start, end = event.start_mark, event.end_mark
    return Span(start.index if start else 0, end.index if end else 0)
