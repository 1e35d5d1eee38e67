"""Apply ``defaults`` of a rules file: keys that each rule of the file has unless it names them itself.

The node of a rule gets the entries of the defaults at their own positions. All that reads rules
therefore reads defaults too, and a problem of a default is reported at its line: once, because a
document records the same problem once.
"""

from collections.abc import Iterator
from typing import Final

from router.configuration.convert import Converter
from router.configuration.readers.severity import without_severity
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    UnreadableNode,
    YamlDocument,
)
from router.configuration.yaml.scalars import plain_value
from router.rules.rule_text import DefaultsText, RuleText
from router.suggestions import suggestion

DEFAULTS: Final = "defaults"
"""The key of a rules file."""
WITHOUT: Final = "without"
"""The key of a rule that lists the defaults that it does not have."""

_MERGED: Final = ("let", "labels", "fields")
"""Keys whose maps are merged with those of the rule."""
_RULES: Final = "rules"
_OWN: Final = frozenset(RuleText.__struct_fields__) - frozenset(DefaultsText.__struct_fields__)
"""Keys that a rule has for itself."""


def apply_defaults(document: YamlDocument, root: MapNode) -> MapNode:
    """Return the root of a rules file whose rules have its defaults; report problems of these."""
    given = next((each for each in root.entries if each.key.text == DEFAULTS), None)
    defaults = _Defaults(document, _read(document, given))
    entries = tuple(
        Entry(each.key, defaults.apply_to_all(each.value)) if each.key.text == _RULES else each
        for each in root.entries
        if each is not given
    )
    if given is not None:
        defaults.warn_of_unused(given.key, root.get(_RULES))
    return MapNode(root.span, entries)


def is_default(rule: MapNode, entry: Entry) -> bool:
    """Return whether an entry of a rule comes from the defaults of its file."""
    return not rule.span.start <= entry.key.span.start < rule.span.end


def _read(document: YamlDocument, given: Entry | None) -> tuple[Entry, ...]:
    """Return the valid keys of the defaults; report the others, and wrong values."""
    if given is None:
        return ()
    node = given.value
    if isinstance(node, MapNode):
        for entry in node.entries:
            if entry.key.text in _OWN:
                message = f'"{entry.key.text}" cannot be a default: it says what one rule is about'
                hint = f"defaults can be {', '.join(DefaultsText.__struct_fields__)}"
                document.report(entry.key.span, message, hint)
        others = tuple(entry for entry in node.entries if entry.key.text not in _OWN)
        node = MapNode(node.span, others)
    # The severity is read with each rule.
    Converter(document, NoVariables()).convert(without_severity(node), DefaultsText, DEFAULTS)
    known = DefaultsText.__struct_fields__
    entries = node.entries if isinstance(node, MapNode) else ()
    return tuple(entry for entry in entries if entry.key.text in known)


class _Defaults:
    """The defaults of one file.

    Args:
        document: The file, to which problems are reported.
        entries: The defaults.
    """

    def __init__(self, document: YamlDocument, entries: tuple[Entry, ...]) -> None:
        self._document = document
        self._entries = entries
        self._parts = {name: each.key for entry in entries for name, each in _parts_of(entry)}
        """The name of each default, ``labels.team`` for one of a map, and its key."""
        self._keys = frozenset(entry.key.text for entry in entries)
        self._used: set[str] = set()

    def apply_to_all(self, rules: Node) -> Node:
        """Return the list of rules with the defaults in each; anything else unchanged."""
        if not isinstance(rules, ListNode):
            return rules
        return ListNode(rules.span, tuple(map(self._apply, rules.items)))

    def warn_of_unused(self, key: Scalar, rules: Node | None) -> None:
        """Warn of defaults that no rule takes, unless a rule cannot be read."""
        if isinstance(rules, UnreadableNode) or any(
            not isinstance(rule, MapNode) for rule in getattr(rules, "items", ())
        ):
            return
        if not isinstance(rules, ListNode) or not rules.items:
            hint = "defaults apply to the rules of their own file"
            self._document.warn(key.span, "this file has no rules that take its defaults", hint)
            return
        for name, default in self._parts.items():
            if name not in self._used:
                message = f"no rule of this file takes the default {name}"
                self._document.warn(default.span, message, "remove it")

    def _apply(self, rule: Node) -> Node:
        if not isinstance(rule, MapNode):
            return rule
        without = self._without(rule)
        own = {entry.key.text: self._without_null(entry) for entry in rule.entries}
        added: list[Entry] = []
        for default in self._entries:
            key = default.key.text
            if key in _MERGED and isinstance(default.value, MapNode):
                merged = self._merged(default, default.value, own.get(key), without)
                if merged is not None:
                    own.pop(key, None)
                    added.append(merged)
            elif key not in own and key not in without:
                self._used.add(key)
                added.append(default)
        return MapNode(rule.span, (*own.values(), *added))

    def _without_null(self, entry: Entry) -> Entry:
        """Return an entry; report a null by which the rule was meant to be without a default."""
        key, value = entry.key.text, entry.value
        if key not in self._keys or not isinstance(value, Scalar) or not value.is_plain:
            return entry
        if not value.text or plain_value(value.text).value is not None:
            return entry
        self._document.report(value.span, f"{key} has no value", f"write without: [{key}]")
        return Entry(entry.key, UnreadableNode(value.span))

    def _merged(
        self, default: Entry, values: MapNode, own: Entry | None, without: set[str]
    ) -> Entry | None:
        """Return the entry of a map with the defaults in it; None if the rule takes none of them."""
        key = default.key.text
        named: dict[str, Entry] = {}
        if own is not None:
            if not isinstance(own.value, MapNode):
                return None  # the converter reports it
            named = {each.key.text: each for each in own.value.entries}
        taken = {
            each.key.text: each
            for each in values.entries
            if without.isdisjoint((key, f"{key}.{each.key.text}"))
        }
        self._used.update(f"{key}.{name}" for name in taken if name not in named)
        if taken.keys() <= named.keys():
            return None
        place = default if own is None else own
        # In the order of the defaults, because a `let` can use the names above it.
        return Entry(place.key, MapNode(place.value.span, tuple({**taken, **named}.values())))

    def _without(self, rule: MapNode) -> set[str]:
        """Return the defaults that a rule does not have; report those that do not exist."""
        node = rule.get(WITHOUT)
        found = set()
        for item in node.items if isinstance(node, ListNode) else ():
            if isinstance(item, Scalar) and self._is_default_of(rule, item):
                found.add(item.text)
        return found

    def _is_default_of(self, rule: MapNode, item: Scalar) -> bool:
        known = {*self._parts, *self._keys}
        if item.text not in known:
            message = f'without: this file has no default "{item.text}"'
            self._document.report(item.span, message, suggestion(item.text, known))
            return False
        key, _, part = item.text.partition(".")
        own = rule.get(key)
        if part:
            own = own.get(part) if isinstance(own, MapNode) else None
        elif key in _MERGED:
            own = None
        if own is not None:
            message = f"without: the rule has its own {item.text}"
            self._document.report(item.span, message, "remove one of the two")
        return own is None


def _parts_of(entry: Entry) -> Iterator[tuple[str, Entry]]:
    """Yield each default in an entry with its name."""
    key = entry.key.text
    if key in _MERGED and isinstance(entry.value, MapNode):
        for each in entry.value.entries:
            yield f"{key}.{each.key.text}", each
    else:
        yield key, entry
