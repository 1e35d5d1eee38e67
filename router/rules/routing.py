"""Who is told of a rule's alert: those that the rule names, or those of the routes that take it.

A destination may be looked up in a table (``TableLookup``). Which ones can come of it is known when the
rules are read, and so is that every alert of every rule has somewhere to go: a rule without
recipients of its own has a route among its routes that takes all of its alerts.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from router.cel import Expression

SEVERITY: Final = "severity"
RULE: Final = "rule"
OWN_LABELS: Final = (SEVERITY, RULE)
"""What every alert has besides the labels that its rule gives it."""


class TableLookup(msgspec.Struct, frozen=True):
    """A destination that a table's column names."""

    expression: Expression
    known: frozenset[str]
    """What the column may say."""
    otherwise: str
    """Where to go when there is no such row, or it says nothing."""

    def destination(self, event: dict[str, Any]) -> str:
        """For the whole CloudEvent as decoded from JSON. Never raises."""
        found = self.expression.value(event)
        return found if isinstance(found, str) and found in self.known else self.otherwise


Recipient = str | TableLookup
"""A destination's name, or where to look it up."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts with these labels go there."""

    number: int
    """Its place among the routes, from 1."""
    match: Mapping[str, frozenset[str]]
    """For each label the values that fit; a label that an alert lacks is ``""``."""
    recipients: tuple[Recipient, ...]
    goes_on: bool
    """Whether the routes below it are asked too."""

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels, its severity and rule among them, goes there."""
        return all(labels.get(name, "") in values for name, values in self.match.items())

    def may_take(self, constant: Mapping[str, str], varying: frozenset[str]) -> bool:
        """Whether some alert of a rule goes there. ``varying`` are the labels that events decide."""
        return all(
            name in varying or constant.get(name, "") in values
            for name, values in self.match.items()
        )

    def surely_takes(self, constant: Mapping[str, str], varying: frozenset[str]) -> bool:
        """Whether every alert of a rule goes there."""
        return varying.isdisjoint(self.match) and self.takes(constant)


class Recipients(msgspec.Struct, frozen=True):
    """Where an alert goes."""

    destinations: tuple[str, ...]
    """None twice, in the order of the rule or the routes."""
    routes: tuple[int, ...] = ()
    """The numbers of the routes that took it; none where the rule itself says where."""


class Routing(msgspec.Struct, frozen=True):
    """Where the alerts of one rule go: to ``own``, or where ``routes`` send them."""

    own: tuple[Recipient, ...]
    routes: tuple[Route, ...] = ()
    """Those that may take alerts of the rule, in order."""

    def recipients(self, event: dict[str, Any], labels: Mapping[str, str]) -> Recipients:
        """For one alert. ``labels`` has its severity and rule too. Never raises."""
        if self.own:
            return Recipients(_names(self.own, event))
        taking = tuple(self._taking(labels))
        recipients = tuple(each for route in taking for each in route.recipients)
        return Recipients(_names(recipients, event), tuple(route.number for route in taking))

    @property
    def destinations(self) -> frozenset[str]:
        """Everywhere that an alert of the rule can go."""
        found: set[str] = set()
        for each in (*self.own, *(each for route in self.routes for each in route.recipients)):
            found |= {each.otherwise, *each.known} if isinstance(each, TableLookup) else {each}
        return frozenset(found)

    def _taking(self, labels: Mapping[str, str]) -> Iterator[Route]:
        for route in self.routes:
            if route.takes(labels):
                yield route
                if not route.goes_on:
                    return


def relevant(
    routes: tuple[Route, ...], constant: Mapping[str, str], varying: frozenset[str]
) -> tuple[Route, ...] | None:
    """The routes that may take alerts of a rule; None where one of its alerts may go nowhere."""
    found = []
    has_somewhere = False
    for route in routes:
        if not route.may_take(constant, varying):
            continue
        found.append(route)
        if route.surely_takes(constant, varying):
            has_somewhere = True
            if not route.goes_on:
                break
    return tuple(found) if has_somewhere else None


def _names(recipients: tuple[Recipient, ...], event: dict[str, Any]) -> tuple[str, ...]:
    names = (
        each.destination(event) if isinstance(each, TableLookup) else each for each in recipients
    )
    return tuple(dict.fromkeys(names))
