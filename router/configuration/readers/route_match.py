"""Read ``match`` of routes: labels, severity and rule, with the values that match or with tests."""

import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from router.alerts import Severity
from router.configuration.convert import Converter, describe_node
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar, YamlDocument
from router.rules.label_matcher import LabelMatcher, MatcherText, label_matcher
from router.rules.routing import OWN_LABELS, RULE, SEVERITY
from router.suggestions import suggestion

_LABEL: Final = re.compile("[A-Za-z_][A-Za-z0-9_]{0,63}")


class MatchScope(msgspec.Struct, frozen=True):
    """The names that ``match`` of a route can refer to; None if an invalid file may define others."""

    labels: Collection[str] | None
    """The labels that rules define."""
    rules: Collection[str] | None
    """The names of all rules."""


def label_problem(name: str) -> str | None:
    """Return why ``name`` cannot be the name of a label; None if it can."""
    if name in OWN_LABELS:
        return f'"{name}" cannot be a label, because every alert has it already'
    if not _LABEL.fullmatch(name):
        return f'"{name[:100]}" cannot be a label: expected at most 64 letters, digits and _'
    return None


def read_match(
    document: YamlDocument, node: Node | None, match_scope: MatchScope
) -> dict[str, LabelMatcher]:
    """Return the valid tests of labels; report names that do not exist.

    What the converter of the whole route reports is not reported again.
    """
    match = {}
    for entry in node.entries if isinstance(node, MapNode) else ():
        name = entry.key.text
        _check_label(document, entry.key, match_scope.labels)
        for item in _values(entry.value):
            if name == SEVERITY:
                _check_severity(document, item)
            if name == RULE:
                _check_rule(document, item, match_scope.rules)
        if isinstance(entry.value, ListNode) and not entry.value.items:
            document.report(entry.value.span, f"{name} is empty, it needs at least one value")
        matcher = _matcher(document, entry.value)
        if matcher is not None:
            match[name] = matcher
    return match


def _matcher(document: YamlDocument, node: Node) -> LabelMatcher | None:
    if not isinstance(node, MapNode):
        return LabelMatcher(frozenset(item.text for item in _values(node)))
    text = Converter(document.blank_copy(), NoVariables()).convert(node, MatcherText, "match")
    return label_matcher(text) if isinstance(text, MatcherText) else None


def _values(node: Node | None) -> Iterator[Scalar]:
    """Yield the values that are named: one, a list of them, or those in tests."""
    if isinstance(node, MapNode):
        for key in ("==", "!=", "in"):
            yield from _values(node.get(key))
    for item in node.items if isinstance(node, ListNode) else (node,):
        if isinstance(item, Scalar):
            yield item


def _check_label(document: YamlDocument, name: Scalar, known: Collection[str] | None) -> None:
    if name.text in OWN_LABELS:
        return
    problem = label_problem(name.text)
    if problem is not None:
        document.report(name.span, problem)
    elif known is not None and name.text not in known:
        # Such a route would match no alert or every alert, and alerts would be misrouted.
        hint = suggestion(name.text, [*known, *OWN_LABELS])
        document.report(name.span, f'no rule has the label "{name.text}"', hint)


def _check_rule(document: YamlDocument, node: Scalar, known: Collection[str] | None) -> None:
    if known is not None and node.text not in known:
        document.report(node.span, f'there is no rule "{node.text}"', suggestion(node.text, known))


def _check_severity(document: YamlDocument, node: Scalar) -> None:
    severities = list(Severity)
    if node.text not in severities:
        message = f"severity: expected one of {', '.join(severities)}, found {describe_node(node)}"
        document.report(node.span, message, suggestion(node.text, severities))
