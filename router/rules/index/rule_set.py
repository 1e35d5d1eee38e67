"""Finds the watches of rules that are true for an event.

A watch names event types, exactly or as a prefix (``com.example.*``). All prefixes of a type are
prefixes of one another, so that they form a chain. The watches of a type are those that name it
exactly, those of its longest prefix, those of the next shorter prefix, and so on. There is one plan
for each exact type and each prefix *that the watches name*; any other type uses the plan of its
longest prefix. Memory is therefore linear in the watches, and a stream of invented event types
cannot make it grow.

Invariant: a watch is in at most one plan of each chain, because a pattern that another pattern of
the watch covers is dropped. A watch is therefore evaluated at most once per event.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from router.cel import ERROR
from router.rules.index.access_paths import Selectivity
from router.rules.index.atoms import ALWAYS, Formula, necessary_formula
from router.rules.index.lookup import AtomLookup
from router.rules.index.lookup_tables import InconclusiveLookupError
from router.rules.model import EventWatch, Rule

ANY: Final = "*"
"""The end of a pattern that is a prefix."""


class RuleFailure(msgspec.Struct, frozen=True):
    """A watch whose condition has no value, for example because a field is missing."""

    watch: EventWatch
    event: dict[str, Any]

    @property
    def rule(self) -> Rule:
        """The rule of the watch."""
        return self.watch.rule

    @property
    def reason(self) -> str:
        """Why the condition has no value. A thousand times slower than its verdict."""
        condition = self.watch.condition
        return "" if condition is None else condition.reason(self.event)


class Judgement(msgspec.Struct, frozen=True):
    """The results of all rules for one event, each in the order of the rules."""

    matches: tuple[Rule, ...]
    """Rules that raise an alert."""
    errors: tuple[RuleFailure, ...]
    """Watches whose condition has no value."""
    endings: tuple[EventWatch, ...] = ()
    """Watches that end an absence or an alert."""


_NOTHING: Final = Judgement((), ())


class _Plan:
    """The watches of one exact type or prefix, linked to the plan of the next shorter prefix."""

    __slots__ = ("_always", "_lookup", "shorter", "watches")

    def __init__(self, shorter: "_Plan | None") -> None:
        self.watches: list[tuple[int, EventWatch]] = []
        self.shorter = shorter
        self._always: list[int] = []
        self._lookup = AtomLookup()

    def build(self, formulas: Mapping[int, Formula]) -> None:
        """Build the lookup of the watches. ``formulas`` are necessary for their conditions.

        Args:
            formulas: By the positions of the watches.
        """
        selectivity = Selectivity(formulas[position] for position, _ in self.watches)
        for position, watch in self.watches:
            path = selectivity.choose(formulas[position])
            if path is None:
                self._always.append(_code(position, evaluate=watch.condition is not None))
                continue
            for atom in path.atoms:
                self._lookup.add(atom, _code(position, evaluate=not path.exact))
        self._lookup.build()

    def collect(self, event: dict[str, Any], codes: list[int]) -> None:
        """Append the codes of the watches that may be true for the event."""
        before = len(codes)
        codes += self._always
        try:
            self._lookup.collect(event, codes)
        except InconclusiveLookupError:
            codes[before:] = [_code(position, evaluate=True) for position, _ in self.watches]


class RuleSet:
    """The rules, indexed so that an event is evaluated only by rules that may be true for it.

    Attributes:
        rules: The rules in their order.
        by_name: The rules by name.
        watches: The watches of all rules, in the order of the rules.
        firing_only: Names of the destinations that get no messages of resolved alerts.
    """

    def __init__(self, rules: Iterable[Rule], firing_only: Iterable[str] = ()) -> None:
        self.rules = tuple(rules)
        self.firing_only = frozenset(firing_only)
        self.by_name = {rule.name: rule for rule in self.rules}
        self.watches = tuple(watch for rule in self.rules for watch in rule.watches)
        self._exact: dict[str, _Plan] = {}
        self._prefixes: dict[str, _Plan] = {}
        self._lengths: tuple[int, ...] = ()
        self._build()

    def candidates(self, event_type: str) -> tuple[Rule, ...]:
        """Return the rules that name this event type among their ``events``, in their order."""
        found = [watch for plan in self._plans(event_type) for watch in plan.watches]
        found.sort(key=_position)
        return tuple(watch.rule for _, watch in found if watch.ends is None)

    def judge(self, event_type: str, event: dict[str, Any]) -> Judgement:
        """Evaluate the rules for an event. Never raise.

        Args:
            event_type: The event's type.
            event: The whole CloudEvent as decoded from JSON.
        """
        codes = self._codes(event_type, event)
        return self._evaluate(codes, event) if codes else _NOTHING

    def _codes(self, event_type: str, event: dict[str, Any]) -> list[int]:
        codes: list[int] = []
        plan = self._exact.get(event_type) or self._longest_prefix(event_type)
        while plan is not None:
            plan.collect(event, codes)
            plan = plan.shorter
        return codes

    def _evaluate(self, codes: list[int], event: dict[str, Any]) -> Judgement:
        matches: list[Rule] = []
        errors: list[RuleFailure] = []
        endings: list[EventWatch] = []
        data = event.get("data", ERROR)
        before = -1
        codes.sort()
        for code in codes:
            if code == before:  # several atoms of the watch are true
                continue
            before = code
            watch = self.watches[code >> 1]
            condition = watch.condition
            if code & 1 and condition is not None and not condition.is_true(event, data):
                if not condition.is_false(event, data):
                    errors.append(RuleFailure(watch, event))
                continue
            if watch.ends is None:
                matches.append(watch.rule)
            else:
                endings.append(watch)
        return Judgement(tuple(matches), tuple(errors), tuple(endings))

    def _plans(self, event_type: str) -> Iterator[_Plan]:
        plan = self._exact.get(event_type) or self._longest_prefix(event_type)
        while plan is not None:
            yield plan
            plan = plan.shorter

    def _longest_prefix(self, event_type: str) -> _Plan | None:
        """Return the plan of the type's longest prefix. None if no watch names a prefix of it."""
        for length in self._lengths:
            plan = self._prefixes.get(event_type[:length])
            if plan is not None:
                return plan
        return None

    def _build(self) -> None:
        patterns = [_without_covered(watch.events) for watch in self.watches]
        named = {pattern for each in patterns for pattern in each}
        # In order of length, because each plan links to the plan of the next shorter prefix.
        for prefix in sorted((each[:-1] for each in named if each.endswith(ANY)), key=len):
            self._prefixes[prefix] = _Plan(self._longest_prefix(prefix))
            self._lengths = tuple(sorted({len(prefix), *self._lengths}, reverse=True))
        for event_type in named:
            if not event_type.endswith(ANY):
                self._exact[event_type] = _Plan(self._longest_prefix(event_type))
        for position, (watch, own) in enumerate(zip(self.watches, patterns, strict=True)):
            for pattern in own:
                plans = self._prefixes if pattern.endswith(ANY) else self._exact
                plans[pattern.removesuffix(ANY)].watches.append((position, watch))
        formulas = {
            position: ALWAYS if watch.condition is None else necessary_formula(watch.condition.tree)
            for position, watch in enumerate(self.watches)
        }
        for plan in (*self._exact.values(), *self._prefixes.values()):
            plan.build(formulas)


def _code(position: int, *, evaluate: bool) -> int:
    """Return a number that sorts by the watch's position.

    Args:
        position: The position of the watch.
        evaluate: Whether its condition must be evaluated, because the atom is not exact.
    """
    return position << 1 | evaluate


def _position(positioned: tuple[int, EventWatch]) -> int:
    return positioned[0]


def _without_covered(patterns: Iterable[str]) -> set[str]:
    """Return the patterns that no other pattern covers."""
    patterns = set(patterns)
    prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith(ANY))
    return {
        pattern
        for pattern in patterns
        if not any(pattern.startswith(prefix) and pattern != prefix + ANY for prefix in prefixes)
    }
