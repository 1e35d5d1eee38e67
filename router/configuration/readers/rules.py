"""Read an item of the section ``rules`` to a Rule.

Each key is checked by itself, so that an error in one does not hide errors in the others.
"""

import functools
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from router.cel import Condition, Names, compile_condition, compile_match
from router.configuration.convert import INVALID, Converter
from router.configuration.map_hints import is_misspelt
from router.configuration.readers.duty_check import report_gap, report_rule_gap
from router.configuration.readers.features import (
    FeatureReader,
    MuteTimes,
    check_event_type,
    texts,
)
from router.configuration.readers.folded_comments import report_folded_comment
from router.configuration.readers.labels import LabelsReader
from router.configuration.readers.message_fields import FieldsReader
from router.configuration.readers.routes import RecipientReader, SendToScope
from router.configuration.readers.severity import SeverityReader, without_severity
from router.configuration.readers.type_check import (
    SourceSegment,
    report_problems,
    segment_of_test,
    segment_of_text,
    warn_of_fields,
)
from router.configuration.variables import NoVariables, escaped_offset, unescape
from router.configuration.yaml.document import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    YamlDocument,
)
from router.destinations.rendering.template_hints import placeholder, template_hint
from router.destinations.rendering.templates import template_error
from router.errors import ConditionError
from router.rules.fields_read import fields_read
from router.rules.labels import Naming
from router.rules.model import (
    EVENTS_LIMIT,
    Rule,
    WrittenRule,
    name_problem,
)
from router.rules.possible_labels import PossibleLabels
from router.rules.routing import SEVERITY, Recipient, Route, Routing, TableLookup
from router.rules.rule_text import RuleKeys, RuleText

_LINE_END: Final = re.compile(r"\r\n|\r|\n")

# Many rules share a template, and checking one takes longer than all other checks of a rule.
_template_error: Final = functools.lru_cache(maxsize=1000)(template_error)


class RuleReader:
    """Reads the rules of one document.

    Args:
        document: The document, to which problems are reported.
        scope: The destinations and tables.
        routes: All routes; None if some are not known.
        mute_times: The mute times that rules can name.
    """

    def __init__(
        self,
        document: YamlDocument,
        scope: SendToScope,
        routes: Sequence[Route] | None,
        mute_times: MuteTimes,
    ) -> None:
        self._document = document
        self._scope = scope
        self._routes = routes
        self._mute_times = mute_times
        self._converter = Converter(document, NoVariables())
        self._names: Names = {}

    def read(self, node: Node) -> Rule | None:
        """Return a rule; None after reporting problems that prevent reading it."""
        before = len(self._document.errors)
        text = self._converter.convert(without_severity(node), RuleText, _label_of(node))
        if not isinstance(node, MapNode):
            return None
        has_recipients = node.get("send_to") is not None or self._routes is None or self._routes
        if not has_recipients and not is_misspelt(node, RuleText, "send_to"):
            message = f'{_label_of(node)} needs "send_to", or a route that matches its alerts'
            self._document.report(node.span, message)
        self._check_name(node.get("name"))
        self._check_events(node.get("events"))
        naming = LabelsReader(self._document, self._scope.names, _events(node))
        lets = naming.lets(node.get("let"))
        self._names = naming.names
        labels = naming.labels(node.get("labels"))
        fields = FieldsReader(self._document, naming, _events(node)).read(node.get("fields"))
        severity = SeverityReader(self._document, naming, self._scope.tables).read(
            node.get(SEVERITY)
        )
        recipients = RecipientReader(self._document, self._scope, self._names, _events(node)).read(
            node.get("send_to")
        )
        self._check_summary(node.get("summary"), lets, _events(node))
        condition = self._condition(node)
        features = FeatureReader(
            self._document,
            node,
            names=self._names,
            destinations=self._scope.destinations,
            mute_times=self._mute_times,
            tables=self._scope.tables,
        )
        if not isinstance(text, RuleKeys) or len(self._document.errors) > before:
            return None
        named = Naming(lets, labels, fields)
        possible = PossibleLabels(text.name, severity, named)
        routing = self._routing(node, possible, recipients)
        made = features.features(text)
        return Rule(
            name=text.name,
            description=text.description,
            events=text.events,
            condition=condition,
            severity=severity,
            send_to=_constant(routing, possible),
            summary=text.summary,
            mode=text.mode,
            features=made,
            naming=named,
            routing=routing,
            written=self._written(node),
            reads=fields_read(condition, made.all),
            numbers=text.numbers,
        )

    def _written(self, node: MapNode) -> WrittenRule:
        """Return the rule as it stands in its file, the first line not indented."""
        text = self._document.text
        start = node.span.start
        before = start - (text.rfind("\n", 0, start) + 1)
        first, *rest = text[start : node.span.end].splitlines() or [""]
        # The parser counts the comments before the next rule as a part of this one.
        while rest and _is_beside(rest[-1], before):
            rest.pop()
        lines = (line[before:] if not line[:before].strip() else line for line in rest)
        return WrittenRule(
            self._document.file, self._document.line(start), "\n".join((first, *lines))
        )

    def _routing(
        self, node: MapNode, possible: PossibleLabels, recipients: tuple[Recipient, ...]
    ) -> Routing:
        """Return the routing of the rule's alerts; report it if an alert may have no destination."""
        send_to = node.get("send_to")
        if send_to is not None:
            report_gap(self._document, send_to, recipients)
        if recipients or self._routes is None:
            return Routing(recipients)
        routes, unrouted = possible.relevant_routes(self._routes)
        if unrouted:
            those = f" of severity {', '.join(unrouted)}" if len(possible.severities) > 1 else ""
            name = node.get("name")
            self._document.report(
                (name or node).span,
                f'alerts of rule "{possible.rule}" may have no destination: the rule has no send_to,'
                f" and no route matches all of them{those}",
                "add send_to here, or a route without match at the end of routes:",
            )
        for sure in possible.recipients_without_end(routes) if not unrouted else ():
            report_rule_gap(self._document, node.get("name") or node, possible.rule, sure)
        return Routing((), routes)

    def _check_name(self, node: Node | None) -> None:
        problem = name_problem(node.text) if isinstance(node, Scalar) else None
        if node is not None and problem is not None:
            self._document.report(node.span, *problem)

    def _check_events(self, node: Node | None) -> None:
        for item in self._items(node, "events", EVENTS_LIMIT):
            check_event_type(self._document, item)

    def _items(self, node: Node | None, key: str, limit: int) -> Iterator[Scalar]:
        """Yield the texts of a list; report it if it is empty or longer than ``limit``."""
        if not isinstance(node, ListNode):
            return
        if not node.items:
            self._document.report(node.span, f"{key} is empty, it needs at least one")
        if len(node.items) > limit:
            self._document.report(node.span, f"{key} has {len(node.items)} items, at most {limit}")
            return
        yield from _scalars(node)

    def _check_summary(
        self, node: Node | None, names: Collection[str], events: tuple[str, ...]
    ) -> None:
        if not isinstance(node, Scalar):
            return
        text = unescape(node.text)
        problem = _template_error(text, frozenset(names))
        if problem is not None:
            line, message = problem
            lines = [0, *(end.end() for end in _LINE_END.finditer(text)), len(text)]
            offset, end = lines[line - 1 : line + 1]
            span = self._document.part_span(node, escaped_offset(node.text, offset), end - offset)
            message, _, choice = message.partition(", there are")
            hint = template_hint(text[offset:end], message, ["data", "event", "alert", *names])
            self._document.report(
                span, f"summary: {message}", hint or (f"there are{choice}" if choice else "")
            )
            return
        warn_of_fields(self._document, node, text, events)
        if found := placeholder(text):
            offset, end, field = found
            span = self._document.part_span(node, escaped_offset(node.text, offset), end - offset)
            self._document.warn(
                span, f"summary: {text[offset:end]} is sent as it is", f"write {{{{ {field} }}}}"
            )

    def _condition(self, rule: MapNode) -> Condition | None:
        """Return the conjunction of ``when`` and ``match``; None if both are absent or one is wrong."""
        segments: list[SourceSegment] = []
        conditions = [
            self._when(rule.get("when"), segments),
            self._match(rule.get("match"), segments),
        ]
        given = [condition for condition in conditions if condition is not None]
        whole = self._both(rule, given)
        if whole is not None:
            report_problems(self._document, whole, _events(rule), segments)
        return whole

    def _both(self, rule: MapNode, given: list[Condition]) -> Condition | None:
        if len(given) < 2:
            return given[0] if given else None
        try:
            # On separate lines, because each may end in a comment.
            return compile_condition(
                " && ".join(f"(\n{each.source}\n)" for each in given), self._names
            )
        except ConditionError as error:
            self._document.report(
                rule.span, f"when and match together: {error.message}", error.hint
            )
            return None

    def _when(self, node: Node | None, segments: list[SourceSegment]) -> Condition | None:
        if not isinstance(node, Scalar) or node.is_missing:
            return None
        if report_folded_comment(self._document, node):
            return None
        try:
            condition = compile_condition(unescape(node.text), self._names)
        except ConditionError as error:
            offset = escaped_offset(node.text, error.offset)
            span = self._document.part_span(node, offset, error.length)
            self._document.report(span, error.message, error.hint)
            return None
        segments.append(segment_of_text(self._document, node, condition.source))
        return condition

    def _match(self, node: Node | None, segments: list[SourceSegment]) -> Condition | None:
        if not isinstance(node, MapNode):
            return None
        mapping = self._converter.convert(node, dict[str, Any], "match")
        if mapping is INVALID:
            return None
        # Each test is compiled by itself to report which are wrong, then all together.
        pieces = list(_pieces(node, mapping))
        compiled = [self._compile_match(piece, test.key) for _, test, piece in pieces]
        for condition, (field, test, _) in zip(compiled, pieces, strict=True):
            if condition is not None:
                segments.append(
                    segment_of_test(self._document, condition, field, test.key, test.value)
                )
        return self._compile_match(mapping, node) if None not in compiled else None

    def _compile_match(self, mapping: dict[str, Any], node: Node) -> Condition | None:
        try:
            return compile_match(mapping, self._names)
        except ConditionError as error:
            self._document.report(node.span, error.message, error.hint)
            return None


def _is_beside(line: str, column: int) -> bool:
    """Return whether a line is empty, or a comment that begins left of a column."""
    text = line.lstrip()
    return not text or (text.startswith("#") and len(line) - len(text) < column)


def _constant(routing: Routing, possible: PossibleLabels) -> tuple[str, ...]:
    """Return the destinations if they are the same for each alert, otherwise nothing."""
    recipients = routing.own or tuple(each for route in routing.routes for each in route.recipients)
    varies = any(not possible.varying.isdisjoint(route.match) for route in routing.routes)
    if varies or any(isinstance(each, TableLookup) for each in recipients):
        return ()
    return tuple(dict.fromkeys(each for each in recipients if isinstance(each, str)))


def _pieces(
    node: MapNode, mapping: dict[str, Any]
) -> Iterator[tuple[Scalar, Entry, dict[str, Any]]]:
    """Yield each test of a ``match``: its field, its entry, and a ``match`` of only this test."""
    for entry in node.entries:
        field, value = entry.key.text, entry.value
        if isinstance(value, MapNode) and value.entries:
            for test in value.entries:
                yield entry.key, test, {field: {test.key.text: mapping[field][test.key.text]}}
        else:
            yield entry.key, entry, {field: mapping[field]}


def _events(rule: MapNode) -> tuple[str, ...]:
    return texts(rule.get("events"))


def _scalars(node: Node | None) -> Iterator[Scalar]:
    items = node.items if isinstance(node, ListNode) else ()
    yield from (item for item in items if isinstance(item, Scalar))


def _label_of(node: Node) -> str:
    """Return how diagnostics refer to a rule."""
    name = node.get("name") if isinstance(node, MapNode) else None
    return f'rule "{name.text}"' if isinstance(name, Scalar) and name.text else "this rule"
