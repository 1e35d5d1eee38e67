"""Read ``fields`` of a rule: facts that its messages have besides, or do not have."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from router.cel import Expression
from router.configuration.readers.labels import LabelsReader
from router.configuration.yaml.document import Entry, MapNode, Node, Scalar, YamlDocument
from router.configuration.yaml.scalars import plain_value
from router.destinations.rendering.fact_table import FACTS, labels_of
from router.destinations.rendering.summary import GENERAL_LABELS
from router.suggestions import suggestion

_FIELDS_LIMIT: Final = 20
_NAME_LIMIT: Final = 40


class FieldsReader:
    """Reads the fields of one rule.

    Args:
        document: The document, to which problems are reported.
        expressions: Compiles the expressions.
        events: The event types of the rule.
    """

    def __init__(
        self, document: YamlDocument, expressions: LabelsReader, events: tuple[str, ...]
    ) -> None:
        self._document = document
        self._expressions = expressions
        self._events = events

    def read(self, node: Node | None) -> Mapping[str, Expression | None]:
        """Return the fields, None for each fact that is left out; report problems."""
        entries = node.entries if isinstance(node, MapNode) else ()
        if len(entries) > _FIELDS_LIMIT:
            message = f"fields has more than {_FIELDS_LIMIT} names"
            self._document.report(entries[_FIELDS_LIMIT].key.span, message)
        return dict(self._read(entries[:_FIELDS_LIMIT]))

    def _read(self, entries: Iterable[Entry]) -> Iterator[tuple[str, Expression | None]]:
        for entry in entries:
            name, value = entry.key, entry.value
            if not _is_name(name.text):
                message = f"fields: a name is one line of 1 to {_NAME_LIMIT} characters"
                self._document.report(name.span, message, "write for example Trunk")
            elif not isinstance(value, Scalar) or value.is_missing:
                continue  # the converter reports it
            elif _is_null(value):
                self._warn_of_unknown(name)
                yield name.text, None
            else:
                expression = self._expressions.expression(value, value.text, 0)
                if expression is not None:
                    yield name.text, expression

    def _warn_of_unknown(self, name: Scalar) -> None:
        """Warn of a fact that is left out and that no message of the rule would have."""
        known = {*GENERAL_LABELS, *_labels(self._events)}
        if name.text.lower() in {each.lower() for each in known} or name.text.startswith("data."):
            return
        message = f'fields: no message of this rule has the fact "{name.text}" to leave out'
        hint = suggestion(name.text, known) or f"there are {', '.join(sorted(known))}"
        self._document.warn(name.span, message, hint)


def _labels(events: Iterable[str]) -> Iterator[str]:
    """Yield the labels of the facts that events of these types, or patterns, can have."""
    for pattern in events:
        begin = pattern.removesuffix("*")
        yield from labels_of(begin)
        if begin != pattern:
            for prefix in FACTS:
                if prefix.startswith(begin):
                    yield from labels_of(prefix)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _NAME_LIMIT and text.isprintable() and text == text.strip()


def _is_null(value: Scalar) -> bool:
    return value.is_plain and plain_value(value.text).value is None
