"""The labels that alerts of a rule may have, and the routes that may match them."""

from collections.abc import Iterator, Sequence

import msgspec

from router.alerts import Severity
from router.rules.labels import Naming
from router.rules.routing import RULE, SEVERITY, Recipient, Route, relevant
from router.rules.severity_by_value import SEVERITIES, RuleSeverity, possible_severities


class PossibleLabels(msgspec.Struct, frozen=True):
    """The labels of one rule's alerts, with their severity and rule."""

    rule: str
    severity: RuleSeverity
    naming: Naming

    @property
    def severities(self) -> tuple[Severity, ...]:
        """The severities that an alert may have."""
        possible = possible_severities(self.severity)
        return tuple(each for each in SEVERITIES if each in possible)

    @property
    def varying(self) -> frozenset[str]:
        """Names of the labels that depend on the event."""
        varying = self.naming.varying_labels
        return varying | {SEVERITY} if len(self.severities) > 1 else varying

    def relevant_routes(
        self, routes: Sequence[Route]
    ) -> tuple[tuple[Route, ...], tuple[Severity, ...]]:
        """Return the routes that may match, and the severities of alerts that may match none.

        Each severity is judged by itself, so that routes may share the alerts by their severity.
        """
        found: dict[int, Route] = {}
        unrouted = []
        for severity in self.severities:
            constant = self._constant(severity)
            matching = relevant(tuple(routes), constant, self.naming.varying_labels)
            if matching is None:
                unrouted.append(severity)
            found.update((route.number, route) for route in matching or ())
        return tuple(found[number] for number in sorted(found)), tuple(unrouted)

    def recipients_without_end(self, routes: Sequence[Route]) -> Iterator[tuple[Recipient, ...]]:
        """Yield the recipients that alerts have for sure if no route ends the search for them.

        One tuple for each severity of which no route without ``continue`` matches all alerts.
        """
        for severity in self.severities:
            constant = self._constant(severity)
            sure = [
                each for each in routes if each.matches_all(constant, self.naming.varying_labels)
            ]
            if all(each.goes_on for each in sure):
                yield tuple(recipient for each in sure for recipient in each.recipients)

    def _constant(self, severity: Severity) -> dict[str, str]:
        """Return the labels that all alerts of this severity have."""
        return {**self.naming.constant_labels, SEVERITY: str(severity), RULE: self.rule}
