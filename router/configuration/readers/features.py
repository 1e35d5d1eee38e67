"""The keys of a rule that are features -> what the rule is evaluated by.

Each feature (rules/state) says which Struct its key has. The fields ``by``, ``when``, ``event``,
``events`` and ``send_to`` mean the same in each of them, and are read alike.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from router.cel import Condition, Expression
from router.cel.names import Names
from router.configuration.readers.expected import read_expected
from router.configuration.readers.rule_expressions import (
    read_condition,
    read_expressions,
    read_value,
)
from router.configuration.readers.tables import Table
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar, YamlDocument
from router.rules.model import EVENTS_LIMIT, Mode, events_problem
from router.rules.rule_text import RuleKeys
from router.rules.state.feature import By, Feature, span_text
from router.rules.state.features import FEATURES, RuleFeatures
from router.rules.state.suppress import SuppressFeature
from router.rules.state.table_rows import ExpectedRows
from router.rules.suppression.mute_times import MuteTime
from router.rules.type_names import misspelling
from router.suggestions import suggestion

NAMES_LIMIT: Final = 100
"""Names in one list of destinations, rules or mute times."""

_NO_HINTS: Final[Mapping[str, str]] = MappingProxyType({})
_LIKE_A_PATTERN: Final = re.compile(r"^[./^]|[|()\[\]{}+\\,;$?]")
"""Matches signs of a regular expression, or of a list in one text."""


class MuteTimes(msgspec.Struct, frozen=True):
    """The mute times that a rule can name."""

    names: Collection[str] | None = frozenset()
    """None if not all of them are known."""
    by_name: Mapping[str, MuteTime] = MappingProxyType({})
    """Those that are valid."""
    schedules: Collection[str] = frozenset()
    """The names of schedules, which are no mute times by themselves."""


class FeatureReader:
    """Reads the features of one rule, and reports what is wrong to the document.

    Args:
        page: The document.
        rule: The rule in it.
        names: What the rule's expressions may name.
        destinations: Names of destinations; None if not all of them are known.
        mute_times: The mute times that the rule can name.
        tables: Tables by name, None for one with errors; None if not all of them are known.
    """

    def __init__(
        self,
        page: YamlDocument,
        rule: MapNode,
        *,
        names: Names,
        destinations: Collection[str] | None,
        mute_times: MuteTimes,
        tables: Mapping[str, Table | None] | None = None,
    ) -> None:
        self._page = page
        self._tables = tables
        self._rows: dict[str, ExpectedRows | None] = {}
        self._names = names
        self._mute_times = mute_times.by_name
        self._by: dict[str, By] = {}
        self._conditions: dict[str, Condition | None] = {}
        self._judged: dict[str, Condition | None] = {}
        self._evaluated: dict[str, Expression | None] = {}
        events = texts(rule.get("events"))
        for kind in FEATURES:
            node = rule.get(kind.key) if kind.key else None
            if node is not None:
                self._check_items(kind, node)
                self._read(kind, node, events, destinations)
        self._rule = rule
        self._check_exclusions(rule)
        self._check_needs(rule)
        self._check_back(rule)
        named = rule.get("mute_times")
        hints = {name: _mute_hint(name) for name in mute_times.schedules}
        check_names(page, named, "mute_times", "mute time", mute_times.names, hints)

    def features(self, text: RuleKeys) -> RuleFeatures:
        """Return the features of the rule."""
        features = [
            self._configure(kind, text.name, value)
            for kind in FEATURES
            if kind.key and (value := getattr(text, kind.key)) is not None
        ]
        # A name that is unknown is reported already.
        known = (self._mute_times.get(name) for name in text.mute_times)
        mute_times = tuple(each for each in known if each is not None)
        if mute_times:
            features.append(SuppressFeature(mute_times=mute_times))
        self._warn_of_short_life(features)
        return RuleFeatures(features, is_shadow=text.mode is Mode.SHADOW)

    def _warn_of_short_life(self, features: Sequence[Feature]) -> None:
        """Warn if an alert of one event is over before it has been pending for long enough."""
        open_ms = max((each.lasts_ms for each in features), default=0)
        for each in features:
            node = self._rule.get(each.key) if each.pending_ms >= open_ms > 0 else None
            if node is not None:
                span = span_text(open_ms / 1000)
                message = f"{each.key} is no shorter than the {span} after which an alert is over"
                hint = "make it shorter, unless further events come: each lets it last longer"
                self._page.warn(node.span, message, hint)

    def _configure(self, kind: type[Feature], rule: str, value: Any) -> Feature:
        key = kind.key
        node = self._rule.get(key)
        try:
            kind.check(value)
        except ValueError as error:
            if node is not None:
                self._page.report(node.span, str(error))
        feature = kind.configure(rule, value, self._by[key], self._conditions[key])
        if kind.expects:
            return msgspec.structs.replace(feature, rows=self._rows.get(key))
        if not kind.judges and not kind.evaluates:
            return feature
        return msgspec.structs.replace(
            feature, judged=self._judged.get(key), evaluated=self._evaluated.get(key)
        )

    def _read(
        self,
        kind: type[Feature],
        node: Node,
        events: tuple[str, ...],
        destinations: Collection[str] | None,
    ) -> None:
        by = node.get("by") if isinstance(node, MapNode) else None
        other = node.get(kind.others) if kind.others and isinstance(node, MapNode) else node
        others = () if other is None else _other_events(other)
        if kind.others and other is not None:
            others = others or events
        when = other.get("when") if isinstance(other, MapNode) else None
        self._by[kind.key] = read_expressions(self._page, by, "by", (events, others), self._names)
        self._conditions[kind.key] = (
            read_condition(self._page, when, others, self._names)
            if isinstance(when, Scalar)
            else None
        )
        self._read_own(kind, node, events)
        expected = node.get(kind.expects) if kind.expects and isinstance(node, MapNode) else None
        if isinstance(expected, Scalar):
            self._rows[kind.key] = read_expected(self._page, expected, by, self._tables)
        if other is not node and isinstance(other, MapNode):
            self._check_events(other)
        for item in node.items if isinstance(node, ListNode) else (node,):
            if isinstance(item, MapNode):
                self._check_events(item)
                names = item.get("send_to")
                check_names(self._page, names, "send_to", "destination", destinations)

    def _read_own(self, kind: type[Feature], node: Node, events: tuple[str, ...]) -> None:
        """Read the expressions of a feature on the rule's own events."""
        if not isinstance(node, MapNode):
            return
        judged, evaluated = node.get(kind.judges), node.get(kind.evaluates)
        if isinstance(judged, Scalar):
            self._judged[kind.key] = read_condition(self._page, judged, events, self._names)
        if isinstance(evaluated, Scalar):
            self._evaluated[kind.key] = read_value(
                self._page, evaluated, events, self._names, is_number=kind.evaluates_number
            )

    def _check_events(self, item: MapNode) -> None:
        event, events = item.get("event"), item.get("events")
        patterns = [event] if isinstance(event, Scalar) else []
        if isinstance(events, ListNode):
            if not events.items:
                self._page.report(events.span, "events is empty, it needs at least one")
            if len(events.items) > EVENTS_LIMIT:
                message = f"events has {len(events.items)} items, at most {EVENTS_LIMIT}"
                self._page.report(events.span, message)
                return
            patterns += [each for each in events.items if isinstance(each, Scalar)]
        for pattern in patterns:
            check_event_type(self._page, pattern)

    def _check_items(self, kind: type[Feature], node: Node) -> None:
        count = len(node.items) if isinstance(node, ListNode) else 1
        if kind.items_limit and not 1 <= count <= kind.items_limit:
            message = f"{kind.key} has {count} levels, expected 1 to {kind.items_limit}"
            self._page.report(node.span, message)

    def _check_back(self, rule: MapNode) -> None:
        """Let an alert that its own figures resolve be open by their ``by``."""
        resolve = rule.get("resolve")
        back = resolve.get("back") if isinstance(resolve, MapNode) else None
        if not isinstance(resolve, MapNode) or not isinstance(back, Scalar) or back.text != "true":
            return
        kinds = [kind for kind in FEATURES if kind.comes_back]
        found = next((kind.key for kind in kinds if rule.get(kind.key) is not None), None)
        by = resolve.get("by")
        if found is None:
            choice = ", ".join(kind.key for kind in kinds)
            message = f"back: the rule measures nothing, it has none of {choice}"
            self._page.report(back.span, message, "write the events that resolve it: events: […]")
        elif by is not None:
            message = f"by: an alert that is resolved when it is back has the by of {found}"
            self._page.report(by.span, message, "remove it")
        else:
            self._by["resolve"] = self._by[found]

    def _check_needs(self, rule: MapNode) -> None:
        keys = {entry.key.text: entry.key for entry in rule.entries}
        for kind in FEATURES:
            if kind.needs and kind.key in keys and keys.keys().isdisjoint(kind.needs):
                needed = " or ".join(kind.needs)
                message = (
                    f"{kind.key} needs {needed}: without it nothing says how long an alert is open"
                )
                self._page.report(keys[kind.key].span, message, f"add {needed}")

    def _check_exclusions(self, rule: MapNode) -> None:
        keys = {entry.key.text: entry.key for entry in rule.entries}
        for kind in FEATURES:
            for other in kind.excludes:
                if kind.key in keys and other in keys:
                    message = f"a rule cannot have both {other} and {kind.key}"
                    self._page.report(keys[kind.key].span, message, "make it two rules")


def _mute_hint(schedule: str) -> str:
    return (
        f"it is a schedule: write mute_times: {{{schedule}: {{during: {schedule}}}}} as a section"
    )


def check_event_type(page: YamlDocument, pattern: Scalar) -> None:
    """Report an event type that is none; warn of one that is probably misspelt."""
    problem = events_problem(pattern.text)
    if problem is not None:
        page.report(pattern.span, *problem)
        return
    hint = misspelling(pattern.text)
    if hint is not None:
        page.warn(pattern.span, f'no event type "{pattern.text}" is known', hint)
    elif _LIKE_A_PATTERN.search(pattern.text):
        message = f'"{pattern.text}" is compared as text, and looks like a pattern or a list'
        page.warn(pattern.span, message, "list the types one by one; a * can stand at the end")


def texts(node: Node | None) -> tuple[str, ...]:
    """Return the texts of a list, such as ``events``; items that are no texts are left out."""
    items = node.items if isinstance(node, ListNode) else ()
    return tuple(item.text for item in items if isinstance(item, Scalar))


def _other_events(feature: Node) -> tuple[str, ...]:
    """Return the types of the events that a feature itself names, beside those of its rule."""
    if not isinstance(feature, MapNode):
        return ()
    event = feature.get("event")
    return (event.text,) if isinstance(event, Scalar) else texts(feature.get("events"))


def check_names(
    page: YamlDocument,
    node: Node | None,
    key: str,
    noun: str,
    known: Collection[str] | None,
    hints: Mapping[str, str] = _NO_HINTS,
) -> None:
    """Report names that occur twice in a list or, if all names are known, that do not exist.

    Args:
        page: The document.
        node: The list; None if the key is absent.
        key: The key of the list.
        noun: The word for an item.
        known: All names; None if some are not known.
        hints: What to write instead of some names, if it is not a similar name.
    """
    if not isinstance(node, ListNode):
        return
    if not node.items and key != "mute_times":
        page.report(node.span, f"{key} is empty, it needs at least one")
    if len(node.items) > NAMES_LIMIT:
        page.report(node.span, f"{key} has {len(node.items)} items, at most {NAMES_LIMIT}")
        return
    seen: set[str] = set()
    for item in node.items:
        if not isinstance(item, Scalar):
            continue
        if item.text in seen:
            page.report(item.span, f'{key} names "{item.text}" twice')
        elif known is not None and item.text not in known:
            hint = hints.get(item.text) or suggestion(item.text, known)
            page.report(item.span, f'there is no {noun} "{item.text}"', hint)
        seen.add(item.text)
