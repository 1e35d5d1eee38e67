"""Warn of routes that no alert reaches, and of values that no alert has.

The routes are evaluated from the top. A route below one that matches all of its alerts is never reached,
which is easily overlooked when routes are in several files.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from router.alerts import Severity
from router.cel import regular_expression
from router.configuration.sections import SectionItem
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar
from router.rules.routing import OWN_LABELS, RULE, SEVERITY, Route
from router.suggestions import suggestion

_PATTERN: Final = re.compile(r"[.\\][*+?dws]|^\^|\$$|\(\?|\[[^\]]*\][*+?]?$|\w\|\w|^[*%]|[*%]$")
"""The form of a text that is meant as a pattern."""
_SPECIAL: Final = re.compile(r"[.*+?^$|()\[\]{}\\%]")
"""Characters of regular expressions."""


def warn_of_unreachable(item: SectionItem, route: Route, earlier: Iterable[Route]) -> None:
    """Warn if one of the ``earlier`` routes takes all alerts of a route."""
    for each in earlier:
        if not each.goes_on and each.takes_all_of(route):
            item.document.warn(
                item.node.span,
                f"no alert reaches this route: route {each.number} above takes all of its alerts",
                f"move it up, or add `continue: true` to route {each.number}",
            )
            return


def warn_of_values(
    item: SectionItem, route: Route, labels: Mapping[str, AbstractSet[str] | None]
) -> None:
    """Warn of values of labels that no rule sets.

    Args:
        item: The item of the route.
        route: The route.
        labels: The values that rules give each label; None for a label with other values, too.
    """
    for name, node in _tests(item):
        known = labels.get(name)
        if name in OWN_LABELS:
            continue
        if isinstance(node, MapNode):
            if known is not None and not any(map(route.match[name].holds, {*known, ""})):
                message = f"no rule has the label {name} with a value that matches"
                item.document.warn(node.span, message, f"its values are {', '.join(sorted(known))}")
            continue
        for value in node.items if isinstance(node, ListNode) else (node,):
            if isinstance(value, Scalar) and value.text:
                _warn_of_value(item, name, value, known)


def _warn_of_value(
    item: SectionItem, name: str, value: Scalar, known: AbstractSet[str] | None
) -> None:
    if known is not None and value.text not in known:
        message = f'no rule has the label {name} with the value "{value.text[:60]}"'
        item.document.warn(value.span, message, _hint(value.text, known))
    elif known is None and _PATTERN.search(value.text):
        message = f'"{value.text[:60]}" is compared as text, not as a pattern'
        item.document.warn(value.span, message, _test_hint(value.text))


def _hint(value: str, known: AbstractSet[str]) -> str:
    if _PATTERN.search(value):
        return f"values are compared as text, not as patterns: {_test_hint(value)}"
    return suggestion(value, known)


def _test_hint(value: str) -> str:
    """Return the test that a value is probably meant as: a glob, or a regular expression."""
    inner = value.strip("*%")
    if inner and inner != value and not _SPECIAL.search(inner):
        begins, ends = value[:1] in "*%", value[-1:] in "*%"
        test = "substring" if begins and ends else "suffix" if begins else "prefix"
        return f"write {{{test}: {json.dumps(inner)}}}"
    body = value.removeprefix("^").removesuffix("$")
    body = f"({body})" if "|" in body and value[:1] != "^" else body
    anchored = f"^{body}$".removesuffix(".*$")
    try:
        regular_expression(anchored)
    except ValueError:
        return "list the values: [one, two]"
    return f"write {{matches: {json.dumps(anchored)}}}, or list the values: [one, two]"


def warn_of_rules(item: SectionItem, route: Route, rules: Iterable[str] | None) -> None:
    """Warn of tests of the severity or the rule's name that none passes."""
    values = {SEVERITY: list(map(str, Severity)), RULE: None if rules is None else list(rules)}
    for name, node in _tests(item):
        known = values.get(name)
        if known and isinstance(node, MapNode) and not any(map(route.match[name].holds, known)):
            item.document.warn(node.span, f"there is no {name} that matches", "")


def _tests(item: SectionItem) -> Iterator[tuple[str, Node]]:
    """Yield the names in the ``match`` of a route, and what they must be."""
    match = item.node.get("match") if isinstance(item.node, MapNode) else None
    for entry in match.entries if isinstance(match, MapNode) else ():
        yield entry.key.text, entry.value


def label_values(rules: Iterable[SectionItem]) -> dict[str, AbstractSet[str] | None]:
    """Return the values that rules give each label; None for a label that depends on events."""
    found: dict[str, set[str]] = {}
    varying: set[str] = set()
    for name, text in _labels(rules):
        if "{{" in text:
            varying.add(name)
        found.setdefault(name, set()).add(text)
    return {name: None if name in varying else values for name, values in found.items()}


def _labels(rules: Iterable[SectionItem]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        labels = rule.node.get("labels") if isinstance(rule.node, MapNode) else None
        for entry in labels.entries if isinstance(labels, MapNode) else ():
            text = entry.value.text if isinstance(entry.value, Scalar) else "{{"
            yield entry.key.text, text
