"""The routing of a rule's alerts: to the rule's own destinations, or to those of the routes that match it.

A destination may be looked up in a table (``TableLookup``), and be notified at some times alone
(``ScheduledRecipient``). Its possible values are known when the rules are read. It is then also checked
that every alert of every rule has a destination: a rule without its own recipients has a route that
matches all of its alerts.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from router.cel import Expression
from router.rules.label_matcher import LabelMatcher
from router.rules.schedules.duty import Duty

SEVERITY: Final = "severity"
RULE: Final = "rule"
OWN_LABELS: Final = (SEVERITY, RULE)
"""The labels of every alert, besides those that its rule gives it."""


class TableLookup(msgspec.Struct, frozen=True):
    """A destination that a table's column names."""

    expression: Expression
    known: frozenset[str]
    """The names in the column."""
    otherwise: str
    """The destination if there is no such row, or its cell is empty."""

    def destination(self, event: dict[str, Any]) -> str:
        """Return the destination for an event, a whole CloudEvent as Python values. Never raises."""
        found = self.expression.value(event)
        return found if isinstance(found, str) and found in self.known else self.otherwise


class ScheduledRecipient(msgspec.Struct, frozen=True):
    """A destination that is on duty at some times."""

    to: str | TableLookup
    duty: Duty


Recipient = str | TableLookup | ScheduledRecipient
"""A destination's name, or where to look it up; and when it is on duty, if not always."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The destinations of alerts with these labels."""

    number: int
    """The position among the routes, from 1."""
    match: Mapping[str, LabelMatcher]
    """The tests of labels; a label that an alert lacks is ``""``."""
    recipients: tuple[Recipient, ...]
    goes_on: bool
    """True if the routes below apply as well."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the route matches an alert, whose labels include its severity and rule."""
        return all(each.holds(labels.get(name, "")) for name, each in self.match.items())

    def may_match(self, constant: Mapping[str, str], varying: frozenset[str]) -> bool:
        """Return whether the route matches some alert of a rule.

        Args:
            constant: Labels that are the same for all alerts of the rule.
            varying: Names of labels that depend on the event.
        """
        return all(
            name in varying or each.holds(constant.get(name, ""))
            for name, each in self.match.items()
        )

    def matches_all(self, constant: Mapping[str, str], varying: frozenset[str]) -> bool:
        """Return whether the route matches every alert of a rule; see ``may_match``."""
        return varying.isdisjoint(self.match) and self.matches(constant)

    def takes_all_of(self, other: "Route") -> bool:
        """Return whether the route certainly matches every alert that another one matches."""
        return all(
            name in other.match and each.covers(other.match[name])
            for name, each in self.match.items()
        )


class Recipients(msgspec.Struct, frozen=True):
    """The destinations of an alert."""

    destinations: tuple[str, ...]
    """Names of those that are on duty, each once, in the order of the rule or the routes."""
    routes: tuple[int, ...] = ()
    """The numbers of the routes that match it; empty if the rule has its own recipients."""
    later: tuple[tuple[str, float], ...] = ()
    """Names of those that are off duty, each once, and the Unix seconds from which they are on duty."""


class DutyState(msgspec.Struct, frozen=True):
    """Whether a destination with a schedule is on duty."""

    destination: str
    when: str
    """``during office``, ``outside office`` or both."""
    is_on_duty: bool
    until: float | None
    """Unix seconds at which that changes; None if no search finds it."""


class Routing(msgspec.Struct, frozen=True):
    """The destinations of one rule's alerts: ``own``, or those of the matching ``routes``."""

    own: tuple[Recipient, ...]
    routes: tuple[Route, ...] = ()
    """The routes that may match alerts of the rule, in order."""

    def recipients(
        self, event: dict[str, Any], labels: Mapping[str, str], now: float
    ) -> Recipients:
        """Return where one alert goes. Never raises.

        Args:
            event: The whole CloudEvent as Python values.
            labels: The alert's labels, with its severity and rule.
            now: Unix seconds, by which destinations are on duty.
        """
        if self.own:
            return _recipients(self.own, event, (), now)
        matching = tuple(self._matching(labels))
        recipients = tuple(each for route in matching for each in route.recipients)
        return _recipients(recipients, event, tuple(route.number for route in matching), now)

    def duty_states(
        self, event: dict[str, Any], labels: Mapping[str, str], now: float
    ) -> tuple[DutyState, ...]:
        """Return which of the alert's destinations with a schedule are on duty; see ``recipients``."""
        matching = (each for route in self._matching(labels) for each in route.recipients)
        return tuple(
            DutyState(
                _destination(each, event),
                each.duty.words,
                each.duty.is_on(now),
                each.duty.next_change(now),
            )
            for each in self.own or matching
            if isinstance(each, ScheduledRecipient)
        )

    @property
    def destinations(self) -> frozenset[str]:
        """The names of all destinations that an alert of the rule can have."""
        found: set[str] = set()
        for each in (*self.own, *(each for route in self.routes for each in route.recipients)):
            to = each.to if isinstance(each, ScheduledRecipient) else each
            found |= {to.otherwise, *to.known} if isinstance(to, TableLookup) else {to}
        return frozenset(found)

    def _matching(self, labels: Mapping[str, str]) -> Iterator[Route]:
        for route in self.routes:
            if route.matches(labels):
                yield route
                if not route.goes_on:
                    return


def relevant(
    routes: tuple[Route, ...], constant: Mapping[str, str], varying: frozenset[str]
) -> tuple[Route, ...] | None:
    """Return the routes that may match alerts of a rule; None if one of them may match no route.

    Args:
        routes: All routes, in order.
        constant: Labels that are the same for all alerts of the rule.
        varying: Names of labels that depend on the event.
    """
    found = []
    is_complete = False
    for route in routes:
        if not route.may_match(constant, varying):
            continue
        found.append(route)
        if route.matches_all(constant, varying):
            is_complete = True
            if not route.goes_on:
                break
    return tuple(found) if is_complete else None


def _recipients(
    recipients: tuple[Recipient, ...], event: dict[str, Any], routes: tuple[int, ...], now: float
) -> Recipients:
    """Return those on duty and those that will be; a destination is on duty if one of its items is."""
    on_duty: dict[str, None] = {}
    later: dict[str, float] = {}
    for each in recipients:
        name = _destination(each, event)
        begins = each.duty.next_on(now) if isinstance(each, ScheduledRecipient) else now
        if begins == now:
            on_duty[name] = None
        elif begins is not None:
            later[name] = min(begins, later.get(name, begins))
    waiting = tuple((name, begins) for name, begins in later.items() if name not in on_duty)
    return Recipients(tuple(on_duty), routes, waiting)


def _destination(recipient: Recipient, event: dict[str, Any]) -> str:
    """Return the name of a destination, on duty or not."""
    to = recipient.to if isinstance(recipient, ScheduledRecipient) else recipient
    return to.destination(event) if isinstance(to, TableLookup) else to
