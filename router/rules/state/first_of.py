"""Lists of ``first_of``: of the rules that raise an alert of the same event, the first one tells.

An alert arises after what counts and measures, and before all that may suppress it. The rules of a list
are decided in its order, and a later one finds which alerts arose before. If no rule of a list
remembers anything, the evaluation decides the list by itself, without the store.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from router.rules.state.feature import AlertFacts, Feature, StateId, state_id
from router.rules.state.step import ChainRun, Outcome, Reason, Step

FIRST_OF: Final = Reason("first_of")
"""Another rule of the same list tells of the event."""


class RuleList(msgspec.Struct, frozen=True):
    """Rules of which the first one that raises an alert of an event tells."""

    names: tuple[str, ...]
    """In their order, each in no other list."""

    @property
    def state(self) -> StateId:
        """A name of the list."""
        return state_id("", "first_of", self.names)


class CheckFirstOf(Step, frozen=True, array_like=True):
    """Suppress the alert if an earlier rule of the list raised one; else note that it arose.

    The note is stored with the results of the batch. Only the alerts of rules that match now are asked
    for: the event of a rule that was removed before a rerun is told by the next one.
    """

    alert: str
    """The id of the alert, which represents the rule and the event."""
    earlier: tuple[str, ...]
    """The ids of the alerts of the rules that match the event and stand before it in the list."""

    def run(self, run: ChainRun) -> bool:
        if run.is_back:
            return False  # the event ends an alert and raises none
        if not run.raised.isdisjoint(self.earlier):
            return run.stop(Outcome.SUPPRESSED, reason=FIRST_OF)
        run.raised.add(self.alert)
        return False


class FirstOfFeature(Feature, frozen=True, kw_only=True):
    """The rule is in a list of which no rule remembers anything."""

    in_shadow = False
    remembers = False

    earlier: tuple[str, ...]
    """The rules that stand before it in the list."""
    inhibits: bool
    """True if a rule of the list inhibits others."""

    @property
    def precedes(self) -> bool:
        return self.inhibits

    @property
    def position(self) -> int:
        """The position in the list, from 1."""
        return len(self.earlier) + 1

    def describe(self, content: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - the base class's signature
        if self.earlier:
            yield f"is suppressed if {' or '.join(self.earlier)} raises an alert of this event"


class StoredFirstOfFeature(FirstOfFeature, frozen=True, kw_only=True):
    """The rule is in a list of which a rule remembers something, so that the store decides."""

    remembers = True

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        if facts.event:  # an alert that a timer raises is about no event that arrives now
            yield CheckFirstOf(facts.alert.id, facts.earlier)


def features_of(
    lists: Iterable[RuleList], remembering: Iterable[str], inhibiting: Iterable[str]
) -> Mapping[str, FirstOfFeature]:
    """Return the feature of each rule that is in a list, by its name.

    Args:
        lists: All lists.
        remembering: The rules whose alerts the store decides.
        inhibiting: The rules that inhibit others.
    """
    remembering, inhibiting = frozenset(remembering), frozenset(inhibiting)
    found = {}
    for each in lists:
        kind = FirstOfFeature if remembering.isdisjoint(each.names) else StoredFirstOfFeature
        for position, name in enumerate(each.names):
            found[name] = kind(
                state=each.state,
                earlier=each.names[:position],
                inhibits=not inhibiting.isdisjoint(each.names),
            )
    return found
