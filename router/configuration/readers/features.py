"""The keys of a rule that remember -> what they are judged by."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from router.cel import Condition, Expression, compile_condition, compile_expression
from router.cel.names import NO_NAMES, Names
from router.configuration.readers.type_check import report_expression
from router.configuration.variables import escaped_offset, unescape
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar, YamlDocument
from router.errors import ConditionError
from router.rules.model import EVENTS_LIMIT, RuleText, events_problem
from router.rules.state.features import (
    BY_LIMIT,
    LEVELS_LIMIT,
    By,
    EscalateText,
    Feature,
    state_id,
)
from router.rules.suppression.mute_times import MuteTime
from router.suggestions import suggestion

FEATURES: Final = ("count", "absent", "cooldown", "group", "resolve")
"""Those that tell events apart by the values of their ``by``."""
NAMES_LIMIT: Final = 100
"""Names in one list of destinations, rules or mute times."""


class MuteTimes(msgspec.Struct, frozen=True):
    """Those that a rule can name."""

    names: Collection[str] | None = frozenset()
    """None where not all of them are known."""
    by_name: Mapping[str, MuteTime] = MappingProxyType({})
    """Those that are sound."""


class FeatureReader:
    """Reads the features of one rule; what is wrong is reported to the page.

    ``destinations`` is None where not all of them are known.
    """

    def __init__(
        self,
        page: YamlDocument,
        rule: MapNode,
        *,
        names: Names,
        destinations: Collection[str] | None,
        mute_times: MuteTimes,
    ) -> None:
        self._page = page
        self._names = names
        self._mute_times = mute_times.by_name
        nodes = {name: rule.get(name) for name in FEATURES}
        events = texts(rule.get("events"))
        others = {name: _other_events(node) for name, node in nodes.items()}
        self._by = {name: self._read_by(node, events, others[name]) for name, node in nodes.items()}
        self._conditions = {name: self._when(node, others[name]) for name, node in nodes.items()}
        self._check_events(nodes)
        self._check_escalate(rule.get("escalate"), destinations)
        self._check_together(rule)
        named = rule.get("mute_times")
        check_names(page, named, "mute_times", "mute time", mute_times.names)

    def kept(self, text: RuleText) -> dict[str, Any]:
        """The fields of the rule that say what it remembers."""
        kept: dict[str, Any] = {
            name: Feature(
                written,
                self._by[name],
                state_id(text.name, name, written),
                self._conditions[name],
            )
            for name in FEATURES
            if (written := getattr(text, name)) is not None
        }
        levels = text.escalate
        if levels is not None:
            kept["escalate"] = (levels,) if isinstance(levels, EscalateText) else levels
        # One that is wrong is reported where it stands.
        known = (self._mute_times.get(name) for name in text.mute_times)
        kept["mute_times"] = tuple(each for each in known if each is not None)
        return kept

    def _read_by(self, feature: Node | None, *sides: tuple[str, ...]) -> By:
        node = feature.get("by") if isinstance(feature, MapNode) else None
        return read_expressions(self._page, node, "by", sides, self._names)

    def _when(self, feature: Node | None, events: tuple[str, ...]) -> Condition | None:
        node = feature.get("when") if isinstance(feature, MapNode) else None
        if not isinstance(node, Scalar):
            return None
        return read_condition(self._page, node, events, self._names)

    def _check_events(self, nodes: Mapping[str, Node | None]) -> None:
        absent, resolve = nodes["absent"], nodes["resolve"]
        event = absent.get("event") if isinstance(absent, MapNode) else None
        events = resolve.get("events") if isinstance(resolve, MapNode) else None
        items = [event] if isinstance(event, Scalar) else []
        if isinstance(events, ListNode):
            if not events.items:
                self._page.report(events.span, "events is empty, it needs at least one")
            if len(events.items) > EVENTS_LIMIT:
                message = f"events has {len(events.items)} items, at most {EVENTS_LIMIT}"
                self._page.report(events.span, message)
                return
            items += [item for item in events.items if isinstance(item, Scalar)]
        for item in items:
            problem = events_problem(item.text)
            if problem is not None:
                self._page.report(item.span, *problem)

    def _check_escalate(self, node: Node | None, destinations: Collection[str] | None) -> None:
        levels = node.items if isinstance(node, ListNode) else (node,)
        if node is not None and not 1 <= len(levels) <= LEVELS_LIMIT:
            message = f"escalate has {len(levels)} levels, expected 1 to {LEVELS_LIMIT}"
            self._page.report(node.span, message)
        for level in levels:
            if isinstance(level, MapNode):
                names = level.get("send_to")
                check_names(self._page, names, "send_to", "destination", destinations)

    def _check_together(self, rule: MapNode) -> None:
        absent = next((each for each in rule.entries if each.key.text == "absent"), None)
        if absent is not None and rule.get("count") is not None:
            message = "a rule cannot have both count and absent"
            self._page.report(absent.key.span, message, "make it two rules")


def texts(node: Node | None) -> tuple[str, ...]:
    """The texts of a list, such as ``events``; what is none is left out."""
    items = node.items if isinstance(node, ListNode) else ()
    return tuple(item.text for item in items if isinstance(item, Scalar))


def _other_events(feature: Node | None) -> tuple[str, ...]:
    """The types of the events that a feature itself names, beside those of its rule."""
    if not isinstance(feature, MapNode):
        return ()
    event = feature.get("event")
    return (event.text,) if isinstance(event, Scalar) else texts(feature.get("events"))


def read_expressions(
    page: YamlDocument,
    node: Node | None,
    what: str,
    sides: Iterable[tuple[str, ...]],
    names: Names = NO_NAMES,
) -> By:
    """The expressions of a list; what is wrong with them is reported to the page.

    Each of ``sides`` are the types of events whose values are compared with those of the others.
    """
    if not isinstance(node, ListNode):
        return ()
    if len(node.items) > BY_LIMIT:
        page.report(node.span, f"{what} has {len(node.items)} expressions, at most {BY_LIMIT}")
        return ()
    return tuple(_expressions(page, node, tuple(sides), names))


def _expressions(
    page: YamlDocument, node: ListNode, sides: tuple[tuple[str, ...], ...], names: Names
) -> Iterator[Expression]:
    for item in node.items:
        if isinstance(item, Scalar):
            try:
                expression = compile_expression(unescape(item.text), names)
            except ConditionError as error:
                report_condition(page, item, error)
                continue
            report_expression(page, item, expression, *sides)
            yield expression


def read_condition(
    page: YamlDocument, node: Scalar, events: tuple[str, ...], names: Names = NO_NAMES
) -> Condition | None:
    """A condition on events of these types, or None where it is wrong; that is reported."""
    try:
        condition = compile_condition(unescape(node.text), names)
    except ConditionError as error:
        report_condition(page, node, error)
        return None
    report_expression(page, node, condition, events)
    return condition


def report_condition(page: YamlDocument, node: Scalar, error: ConditionError) -> None:
    """Report what is wrong with an expression, at its place in the node."""
    span = page.part_span(node, escaped_offset(node.text, error.offset), error.length)
    page.report(span, error.message, error.hint)


def check_names(
    page: YamlDocument, node: Node | None, key: str, noun: str, known: Collection[str] | None
) -> None:
    """Report names of a list that are there twice or, if all are known, that nothing has."""
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
            page.report(
                item.span, f'there is no {noun} "{item.text}"', suggestion(item.text, known)
            )
        seen.add(item.text)
