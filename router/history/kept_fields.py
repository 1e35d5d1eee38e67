"""The part of an event that history stores if it stores only what rules read (pure).

An event with these fields gets the same verdict of each rule, so that "why not" can be answered from
it. ``ROUTER_HISTORY_BODIES=fields`` stores it, ``none`` what is left without any field.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from router.cel import Condition, Expression
from router.cel.paths_read import paths_read
from router.destinations.rendering import templates
from router.events import payload
from router.events.json_text import UNDECODABLE, decode_json
from router.field_paths import FieldPath
from router.field_tree import FieldTree
from router.rules.index.rule_set import RuleSet
from router.rules.state.features import RuleFeatures
from router.rules.suppression.silences import Silence


class KeptFields:
    """The fields that are kept of each event, besides its attributes.

    Args:
        paths: The fields; ``()`` is the whole event.
    """

    def __init__(self, paths: Iterable[FieldPath] = ()) -> None:
        self._root = FieldTree.of(paths)

    def of(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the part of a CloudEvent, as ``events.model.document`` returns it, that is kept.

        Its data is never in ``data_base64``. An attribute that is an object or a list is kept if it is
        named.
        """
        if self._root.is_end:
            return document
        event = {}
        for name, value in document.items():
            tree = self._root.member(name)
            if name == "data_base64":
                continue
            if tree is not None:
                event[name] = _kept(value, tree)
            elif name != "data" and not isinstance(value, dict | list):
                event[name] = value
        return event

    def of_body(self, body: bytes) -> bytes:
        """Return the part of a CloudEvent in JSON that is kept; an empty object if it is no JSON."""
        if self._root.is_end:
            return body
        try:
            event = decode_json(body)
            if not isinstance(event, dict):
                return b"{}"
            data = payload.data_of(event)
            whole = event if data is msgspec.UNSET else {**event, "data": data}
            return msgspec.json.encode(self.of(whole))
        except (*UNDECODABLE, UnicodeEncodeError):
            return b"{}"


NOTHING_KEPT: Final = KeptFields()
"""The attributes alone."""


def fields_of_rules(rules: RuleSet, silences: Iterable[Silence] = ()) -> frozenset[FieldPath]:
    """Return the fields that rules and silences read: in any expression, and in summaries.

    Args:
        rules: The rules.
        silences: Those of the rules folder.
    """
    found: set[FieldPath] = set()
    for each in (*rules.rules, *silences):
        for expression in _expressions(each):
            found |= paths_read(expression.tree)
    for rule in rules.rules:
        found.update(templates.paths_read(rule.summary))
    return frozenset(found)


def _expressions(value: Any) -> Iterator[Expression | Condition]:
    """Yield the expressions in a rule, wherever they stand in it."""
    if isinstance(value, Expression | Condition):
        yield value
        return
    parts: Iterable[Any] = ()
    if isinstance(value, RuleFeatures):
        parts = value.all
    elif isinstance(value, msgspec.Struct):
        parts = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, tuple | list):
        parts = value
    for part in parts:
        yield from _expressions(part)


def _kept(value: Any, tree: FieldTree) -> Any:
    """Return the part of a value that is kept, of the same type."""
    if tree.is_end:
        return value
    if isinstance(value, dict):
        return {
            name: _kept(each, below)
            for name, each in value.items()
            if (below := tree.member(name)) is not None
        }
    if isinstance(value, list):
        return [] if tree.each is None else [_kept(each, tree.each) for each in value]
    return "" if isinstance(value, str) else value
