"""Warn of routes that no alert reaches, and of values that no alert has.

The routes are evaluated from the top. A route below one that matches all of its alerts is never reached,
which is easily overlooked when routes are in several files.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from router.configuration.sections import SectionItem
from router.configuration.yaml.document import ListNode, MapNode, Scalar
from router.rules.routing import OWN_LABELS, Route
from router.suggestions import suggestion

_PATTERN: Final = re.compile(r"[.\\][*+?dws]|^\^|\$$|\(\?|\[[^\]]*\][*+?]?$|\w\|\w|^[*%]|[*%]$")
"""The form of a text that is meant as a pattern."""


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


def warn_of_values(item: SectionItem, labels: Mapping[str, AbstractSet[str] | None]) -> None:
    """Warn of values of labels that no rule sets.

    Args:
        item: The route.
        labels: The values that rules give each label; None for a label with other values, too.
    """
    match = item.node.get("match") if isinstance(item.node, MapNode) else None
    for entry in match.entries if isinstance(match, MapNode) else ():
        name = entry.key.text
        values = entry.value.items if isinstance(entry.value, ListNode) else (entry.value,)
        for value in values:
            known = labels.get(name)
            if name in OWN_LABELS or not isinstance(value, Scalar) or not value.text:
                continue
            if known is not None and value.text not in known:
                message = f'no rule has the label {name} with the value "{value.text[:60]}"'
                hint = _hint(value.text, known)
                item.document.warn(value.span, message, hint)
            elif known is None and _PATTERN.search(value.text):
                message = f'"{value.text[:60]}" is compared as text, not as a pattern'
                item.document.warn(value.span, message, "list the values: [one, two]")


def _hint(value: str, known: AbstractSet[str]) -> str:
    if _PATTERN.search(value):
        return "values are compared as text, not as patterns: list the values: [one, two]"
    return suggestion(value, known)


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
