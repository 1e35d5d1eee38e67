"""Check that a silence names what exists, and silences something, but not everything.

A silence that matches nothing is noticed when people are paged for what they meant to silence. It is
therefore checked as a route is: its rules, severities and labels must exist.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from router.alerts import Severity
from router.cel import Condition, Verdict
from router.cel.check import TypeProblem
from router.cel.tree import (
    Binary,
    Has,
    IndexAccess,
    Let,
    ListLiteral,
    Literal,
    Logic,
    Name,
    Node,
    OptionalField,
    path,
    unwrap_lets,
)
from router.rules.labels import label_text
from router.rules.model import Rule
from router.rules.routing import OWN_LABELS, RULE, SEVERITY
from router.rules.severity_by_value import possible_severities
from router.rules.suppression.silences import SilenceText, silence
from router.suggestions import suggestion

_KEY: Final = "key"
_LABELS: Final = "labels"
_ALERT: Final = ("event", "alert")
_EQUALITY: Final = frozenset({"==", "!=", "in"})
_ORDER: Final = frozenset({"<", "<=", ">", ">="})
_STRANGE: Final = "\x00"
"""A value that no rule, key, label or event type has."""

_KEY_KINDS: Final = ("ak_", "al_")
"""The beginnings of keys: of alerts with a subject, and of those whose key is their id."""

EVERYTHING: Final = ("this silences every alert", "name a rule, a severity, a label or a field")
"""Message and hint about a silence that matches everything."""
NOTHING: Final = (
    "this silences no alert of any rule",
    "no rule has such alerts, or its tests exclude each other",
)
"""Message and hint about a silence that matches nothing."""

AlertField = tuple[str, ...]
"""A field of the alert: ``("rule",)``, or ``("labels", "team")``."""


class SilenceScope(msgspec.Struct, frozen=True):
    """The names that a silence can refer to; None if they are not known."""

    rules: Collection[str] | None = None
    labels: Collection[str] | None = None
    """The labels that rules define."""

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "SilenceScope":
        """Return the names that the rules define."""
        known = tuple(rules)
        labels = {name for rule in known for name in rule.naming.labels}
        return cls({rule.name for rule in known}, labels)


def name_problems(condition: Condition, scope: SilenceScope) -> Iterator[TypeProblem]:
    """Yield the rules, severities and labels that do not exist, and what is never equal.

    Offsets count characters of the condition's source.
    """
    for node in _own_nodes(condition.tree):
        label = _label_of(node)
        if label is not None and scope.labels is not None and label not in scope.labels:
            hint = suggestion(label, [*scope.labels, *OWN_LABELS])
            yield TypeProblem(node.offset, node.length, f'no rule has the label "{label}"', hint)
        for field, value in _comparisons(node):
            problem = _value_problem(field, value.value, scope)
            if problem is not None:
                yield TypeProblem(value.offset, value.length, *problem)
        if isinstance(node, Binary) and node.operator in _ORDER:
            yield from _order_problem(node)


class SilenceProblem(msgspec.Struct, frozen=True):
    """Why an operator's silence is not added."""

    field: str
    """``match``, ``when`` or ``ends``."""
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


def problem_of(
    text: SilenceText, rules: Mapping[str, Rule] | None, now: float
) -> SilenceProblem | None:
    """Return why a silence that begins now or later is not what its author means; None if it may be.

    Args:
        text: The silence.
        rules: All rules by name; None if they are not known.
        now: Unix seconds.

    Raises:
        ConditionError: Its match or when is no condition.
    """
    compiled = silence("", text, added_at=now)
    field = "when" if text.match is None else "match"
    if compiled.ends <= now:
        return SilenceProblem("ends", f"ends is {text.ends}, which is past")
    scope = SilenceScope() if rules is None else SilenceScope.of(rules.values())
    for problem in name_problems(compiled.condition, scope):
        return SilenceProblem(field, problem.message, problem.hint)
    if silences_everything(compiled.condition, rules):
        return SilenceProblem(field, *EVERYTHING)
    if rules and not any(matching_rules(compiled.condition, rules)):
        return SilenceProblem(field, *NOTHING)
    return None


def silences_everything(condition: Condition, rules: Mapping[str, Rule] | None = None) -> bool:
    """Return whether a condition is true for every alert, whatever its rule and event are.

    Args:
        condition: That of the silence.
        rules: All rules by name. A pattern of rules silences everything if all of them have it, unless
            there is only one; a list of their names may have all of them. None if they are not known.
    """
    if rules is not None and len(rules) > 1 and {*_reads(condition.tree)} == {(RULE,)}:
        compared = [each for node in _own_nodes(condition.tree) for each in _comparisons(node)]
        named = {value.value for _, value in compared}
        found = set(matching_rules(condition, rules))
        return len(found) == len(rules) and not found <= named
    strange = {RULE: _STRANGE, SEVERITY: _STRANGE, _LABELS: {}}
    alerts = [
        {**strange, _KEY: f"{kind}{_STRANGE}", SEVERITY: str(severity)}
        for severity in Severity
        for kind in _KEY_KINDS
    ]
    strange[_KEY] = f"{_KEY_KINDS[0]}{_STRANGE}"
    for node in _own_nodes(condition.tree):
        alerts += [_with_value(strange, field, value.value) for field, value in _comparisons(node)]
    event = {"type": _STRANGE, "source": _STRANGE, "id": _STRANGE, "data": {}}
    events = [{**event, "alert": alert} for alert in alerts]
    events += [_with_field(events[0], names) for names in _fields_asked_for(condition)]
    return all(condition.verdict(each) is Verdict.MATCH for each in events)


def _fields_asked_for(condition: Condition) -> Iterator[tuple[str, ...]]:
    """Yield the fields of the event that a condition has ``has(…)`` for."""
    for node in _own_nodes(condition.tree):
        owner = path(node.operand) if isinstance(node, Has) else None
        if isinstance(node, Has) and owner is not None:
            yield (*(owner[1:] if owner[0] == _ALERT[0] else owner), node.name)


def _with_field(event: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return an event that has a field."""
    name, *rest = names
    if not rest:
        return {**event, name: event.get(name, _STRANGE)}
    inner = event.get(name)
    return {**event, name: _with_field(inner if isinstance(inner, dict) else {}, tuple(rest))}


def matching_rules(condition: Condition, rules: Mapping[str, Rule]) -> Iterator[str]:
    """Yield the names of the rules of which a silence can match alerts.

    What it asks of the event, of keys, and of labels that depend on the event, may be true.

    Args:
        condition: That of the silence.
        rules: All rules by name.
    """
    parts = [(part, list(_reads(part))) for part in _conjuncts(condition.tree)]
    named: Iterable[str] = rules
    for part, _ in parts:  # the usual silence names its rule, and there may be thousands of rules
        if isinstance(part, Binary) and part.operator in {"==", "in"}:
            asked = [value.value for field, value in _comparisons(part) if field == (RULE,)]
            named = [name for name in asked if name in rules] if asked else named
    for name in dict.fromkeys(named):
        if all(_may_be_true(part, reads, rules[name]) for part, reads in parts):
            yield name


def _may_be_true(part: Node, reads: list[AlertField | None], rule: Rule) -> bool:
    varying = {(_LABELS, name) for name in rule.naming.varying_labels}
    if any(field is None or field == (_KEY,) or field in varying for field in reads):
        return True
    condition = Condition("", part)
    alert = {RULE: rule.name, _LABELS: rule.naming.constant_labels}
    return any(
        condition.verdict({"alert": {**alert, SEVERITY: str(severity)}}) is Verdict.MATCH
        for severity in possible_severities(rule.severity)
    )


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, Logic) and node.operator == "&&":
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node


def _reads(node: Node) -> Iterator[AlertField | None]:
    """Yield each field of the alert that a part reads, None for anything else that it reads."""
    field, label = _alert_field(node), _label_of(node)
    if label is not None:
        yield _LABELS, label
    elif field is not None and field != (_LABELS,):
        yield field
    elif isinstance(node, Name | Let):
        yield None
    else:
        for child in node.children():
            yield from _reads(child)


def _own_nodes(node: Node) -> Iterator[Node]:
    """Yield the nodes that the silence itself wrote, whose offsets are in its own text."""
    yield node
    if not isinstance(node, Let):
        for child in node.children():
            yield from _own_nodes(child)


def _alert_field(node: Node) -> AlertField | None:
    """Return the field of the alert that a node is; None if it is none."""
    if isinstance(node, IndexAccess) and isinstance(node.index, Literal):
        owner = path(node.operand)
        return (_LABELS, str(node.index.value)) if owner == (*_ALERT, _LABELS) else None
    found = path(node)
    return found[2:] if found is not None and found[:2] == _ALERT and len(found) > 2 else None


def _label_of(node: Node) -> str | None:
    """Return the name of the label that a node reads."""
    field = _alert_field(node)
    if field is not None and field[0] == _LABELS and len(field) > 1:
        return field[1]
    if isinstance(node, Binary) and node.operator == "in" and isinstance(node.left, Literal):
        return str(node.left.value) if path(node.right) == (*_ALERT, _LABELS) else None
    if isinstance(node, Has | OptionalField) and path(node.operand) == (*_ALERT, _LABELS):
        return node.name
    return None


def _comparisons(node: Node) -> Iterator[tuple[AlertField, Literal]]:
    """Yield a field of the alert and each literal that a comparison asks it to be, or not to be."""
    if not isinstance(node, Binary) or node.operator not in _EQUALITY:
        return
    for one, other in ((node.left, node.right), (node.right, node.left)):
        field, values = _alert_field(one), unwrap_lets(other)
        if field is None:
            continue
        for value in values.items if isinstance(values, ListLiteral) else (values,):
            if isinstance(value, Literal):
                yield field, value


def _value_problem(field: AlertField, value: Any, scope: SilenceScope) -> tuple[str, str] | None:
    """Return why a field of the alert never has a value, and a hint; None if it may."""
    if len(field) == 1 and field[0] == _LABELS:
        return None
    name = ".".join(field)
    if not isinstance(value, str):
        text = label_text(value)
        hint = f'write "{text}"' if text else ""
        return f"{name} is text, so that it is never {'null' if value is None else text}", hint
    if field == (RULE,) and scope.rules is not None and value not in scope.rules:
        return f'there is no rule "{value}"', suggestion(value, scope.rules)
    severities = [str(each) for each in Severity]
    if field == (SEVERITY,) and value not in severities:
        return f'there is no severity "{value}"', suggestion(value, severities)
    return None


def _order_problem(node: Binary) -> Iterator[TypeProblem]:
    for one, other in ((node.left, node.right), (node.right, node.left)):
        field = _alert_field(one)
        if field is not None and isinstance(other, Literal) and not isinstance(other.value, str):
            name = ".".join(field)
            message = f"{name} is text, which has no order among numbers"
            yield TypeProblem(node.offset, node.length, message, f"write double({name})")


def _with_value(alert: dict[str, Any], field: AlertField, value: Any) -> dict[str, Any]:
    if len(field) > 1:
        return {**alert, _LABELS: {field[1]: value}}
    return {**alert, field[0]: value} if field[0] != _LABELS else alert
