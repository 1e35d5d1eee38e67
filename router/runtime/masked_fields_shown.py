"""Warnings about rules that show a masked field: its value is in labels, keys or messages of alerts.

The masks of ``ROUTER_MASKED_FIELDS`` cover events. What a rule takes from an event is a text of its own,
which destinations and operators see.
"""

import logging
from collections.abc import Callable, Iterable, Iterator

from router.cel import Expression
from router.cel.paths_read import paths_read
from router.destinations.rendering import templates
from router.field_paths import Each, FieldPath, path_text
from router.rules.model import Rule

logger = logging.getLogger(__name__)


class MaskedFieldsShown:
    """Logs a warning for each key of a rule that shows a masked field, once.

    Args:
        masked: The masked fields.
        rules: Returns the active rules.
    """

    def __init__(self, masked: Iterable[FieldPath], rules: Callable[[], Iterable[Rule]]) -> None:
        self._masked = tuple(masked)
        self._rules = rules
        self._logged: set[tuple[str, str, FieldPath]] = set()

    def changed(self) -> None:
        """Look at the rules that have become active."""
        for rule in self._rules() if self._masked else ():
            found = {(rule.name, key, path) for key, path in fields_shown(rule, self._masked)}
            for name, key, path in sorted(found - self._logged, key=str):
                logger.warning(
                    "rule shows a masked field to operators and destinations",
                    extra={"rule": name, "key": key, "field": path_text(path)},
                )
            self._logged |= found


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
