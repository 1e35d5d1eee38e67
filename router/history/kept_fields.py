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
from router.field_paths import Each, FieldPath
from router.rules.index.rule_set import RuleSet
from router.rules.state.features import RuleFeatures
from router.rules.suppression.silences import Silence


class _Node(msgspec.Struct, eq=False):
    """The part of one value that is kept."""

    is_whole: bool = False
    names: dict[str, "_Node"] = {}
    each: "_Node | None" = None

    def below(self, name: str) -> "_Node | None":
        """Return what is kept of the member with this name; None if it is not kept."""
        named = self.names.get(name)
        if named is None or self.each is None:
            return named or self.each
        return _merged(named, self.each)


class KeptFields:
    """The fields that are kept of each event, besides its attributes.

    Args:
        paths: The fields; ``()`` is the whole event.
    """

    def __init__(self, paths: Iterable[FieldPath] = ()) -> None:
        self._root = _Node()
        for path in paths:
            _add(self._root, path)

    def of(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the part of a CloudEvent, as ``events.model.document`` returns it, that is kept.

        Its data is never in ``data_base64``. An attribute that is an object or a list is kept if it is
        named.
        """
        if self._root.is_whole:
            return document
        event = {}
        for name, value in document.items():
            node = self._root.below(name)
            if name == "data_base64":
                continue
            if node is not None:
                event[name] = _kept(value, node)
            elif name != "data" and not isinstance(value, dict | list):
                event[name] = value
        return event

    def of_body(self, body: bytes) -> bytes:
        """Return the part of a CloudEvent in JSON that is kept; an empty object if it is no JSON."""
        if self._root.is_whole:
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


def _add(node: _Node, path: FieldPath) -> None:
    for step in path:
        if isinstance(step, Each):
            node.each = node.each or _Node()
            node = node.each
        else:
            node = node.names.setdefault(step, _Node())
    node.is_whole = True


def _merged(one: _Node, other: _Node) -> _Node:
    both = [each for each in (one.each, other.each) if each is not None]
    names = {
        name: _merged(node, other.names[name]) if name in other.names else node
        for name, node in one.names.items()
    }
    return _Node(
        one.is_whole or other.is_whole,
        other.names | names,
        _merged(*both) if len(both) == 2 else next(iter(both), None),
    )


def _kept(value: Any, node: _Node) -> Any:
    """Return the part of a value that is kept, of the same type."""
    if node.is_whole:
        return value
    if isinstance(value, dict):
        return {
            name: _kept(each, below)
            for name, each in value.items()
            if (below := node.below(name)) is not None
        }
    if isinstance(value, list):
        return [] if node.each is None else [_kept(each, node.each) for each in value]
    return "" if isinstance(value, str) else value
