"""Warnings about rules that show a masked field: its value is in labels, keys or messages of alerts.

The masks of ``ROUTER_MASKED_FIELDS`` cover events. What a rule takes from an event is a text of its own,
which destinations and operators see.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from router.cel import Expression
from router.cel.paths_read import paths_read
from router.destinations.rendering import templates
from router.field_paths import Each, FieldPath, path_text
from router.rules.model import Rule

logger = logging.getLogger(__name__)

_NAMED: Final = 5
"""Rules that a line names."""


class MaskedFieldsShown:
    """Logs a warning for each masked field that rules show, again if a reload changes which do.

    Args:
        masked: The masked fields.
        rules: Returns the active rules.
    """

    def __init__(self, masked: Iterable[FieldPath], rules: Callable[[], Iterable[Rule]]) -> None:
        self._masked = tuple(masked)
        self._rules = rules
        self._logged: dict[FieldPath, list[str]] = {}

    def changed(self) -> None:
        """Examine the rules that have become active."""
        shown: dict[FieldPath, list[str]] = {}
        for rule in self._rules() if self._masked else ():
            for key, path in sorted(set(fields_shown(rule, self._masked)), key=str):
                shown.setdefault(path, []).append(f"{rule.name} ({key})")
        for path, names in shown.items():
            if names != self._logged.get(path):
                more = len(names) - _NAMED
                named = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
                logger.warning(
                    "masked field shown by rules",
                    extra={"field": path_text(path), "rules": named},
                )
        self._logged = shown


def fields_shown(rule: Rule, masked: Iterable[FieldPath]) -> Iterator[tuple[str, FieldPath]]:
    """Yield each masked field that a rule shows, with the rule's key that does so."""
    for key, read in _shown_by(rule):
        for path in masked:
            if any(_overlap(path, each) for each in read):
                yield key, path


def _shown_by(rule: Rule) -> Iterator[tuple[str, Iterable[FieldPath]]]:
    """Yield the keys of a rule whose values are shown, with the fields that they read."""
    yield "summary", templates.paths_read(rule.summary)
    for name, expression in rule.naming.lets.items():
        yield f"let.{name}", paths_read(expression.tree)
    for name, label in rule.naming.labels.items():
        if isinstance(label, Expression):
            yield f"labels.{name}", paths_read(label.tree)
    for name, field in rule.naming.fields.items():
        if field is not None:
            yield f"fields.{name}", paths_read(field.tree)
    for feature in rule.features.all:
        for expression in feature.by:
            yield f"{feature.key}.by", paths_read(expression.tree)


def _overlap(masked: FieldPath, read: FieldPath) -> bool:
    """Return whether what is read is a masked field, is in one, or is known to contain one.

    A field that ``data.*.x`` masks is not expected in each field that is read as a whole.
    """
    is_within = len(read) >= len(masked)
    return all(
        one == other or (is_within and Each.MEMBER in {one, other})
        for one, other in zip(masked, read, strict=False)
    )
