"""Event -> the watches of rules that hold for it.

A watch names event types, exact or as a prefix (``com.example.*``). The prefixes that a type begins
with are all prefixes of one another, so they form a chain, and each type's watches are: those that
name it exactly, those of the longest prefix, those of the next shorter one, and so on. There is one
plan for each exact type and each prefix *that the watches name*; a type that none names has no
plan of its own but that of its longest prefix. So memory is linear in the watches, and no stream of
made-up event types can make it grow.

Invariant: a watch stands in at most one plan of any chain (patterns that another of its patterns
covers are dropped), so it is judged at most once for an event.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from router.cel import ERROR
from router.rules.index.access_paths import Selectivity
from router.rules.index.atoms import ALWAYS, Formula, necessary
from router.rules.index.lookup import AtomLookup
from router.rules.index.lookup_tables import InconclusiveLookupError
from router.rules.model import EventWatch, Rule

ANY: Final = "*"


class RuleFailure(msgspec.Struct, frozen=True):
    """A watch that could not be judged: a field is missing, say, or of another type."""

    watch: EventWatch
    event: dict[str, Any]

    @property
    def rule(self) -> Rule:
        return self.watch.rule

    @property
    def reason(self) -> str:
        """Why. Costs a thousand times what the verdict did, so ask only where it is shown."""
        condition = self.watch.condition
        return "" if condition is None else condition.reason(self.event)


class Judgement(msgspec.Struct, frozen=True):
    """What the rules say of one event, each field in the rules' order."""

    matches: tuple[Rule, ...]
    """Rules that raise an alert."""
    errors: tuple[RuleFailure, ...]
    """Of watches of any role."""
    endings: tuple[EventWatch, ...] = ()
    """Watches of the other roles that hold: they end an absence or an alert."""


_NOTHING: Final = Judgement((), ())


class _Plan:
    """The watches of one exact type or prefix, and the plan of the next shorter prefix."""

    __slots__ = ("_always", "_lookup", "shorter", "watches")

    def __init__(self, shorter: "_Plan | None") -> None:
        self.watches: list[tuple[int, EventWatch]] = []
        self.shorter = shorter
        self._always: list[int] = []
        self._lookup = AtomLookup()

    def close(self, formulas: Mapping[int, Formula]) -> None:
        """No more watches: arrange them. ``formulas`` are what their conditions need, by place."""
        crowds = Selectivity(formulas[place] for place, _ in self.watches)
        for place, watch in self.watches:
            access = crowds.choose(formulas[place])
            if access is None:
                self._always.append(_code(place, judge=watch.condition is not None))
                continue
            for atom in access.atoms:
                self._lookup.add(atom, _code(place, judge=not access.exact))
        self._lookup.close()

    def collect(self, event: dict[str, Any], codes: list[int]) -> None:
        """Append the codes of the watches that may hold for the event."""
        before = len(codes)
        codes += self._always
        try:
            self._lookup.collect(event, codes)
        except InconclusiveLookupError:
            codes[before:] = self.codes()

    def codes(self) -> list[int]:
        """The codes of all watches, each to be judged."""
        return [_code(place, judge=True) for place, _ in self.watches]


class RuleSet:
    """Rules, arranged so that an event meets only those that may hold for it."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.by_name = {rule.name: rule for rule in self.rules}
        self.watches = tuple(watch for rule in self.rules for watch in rule.watches)
        self._exact: dict[str, _Plan] = {}
        self._prefixes: dict[str, _Plan] = {}
        self._lengths: tuple[int, ...] = ()
        self._build()

    def candidates(self, event_type: str) -> tuple[Rule, ...]:
        """The rules that name this event type among their ``events``, in their order."""
        found = [placed for plan in self._plans(event_type) for placed in plan.watches]
        found.sort(key=_place)
        return tuple(watch.rule for _, watch in found if watch.ends is None)

    def judge(self, event_type: str, event: dict[str, Any]) -> Judgement:
        """What the rules say of an event. ``event`` is the whole CloudEvent; never raises."""
        codes = self._codes(event_type, event)
        return self._judge(codes, event) if codes else _NOTHING

    def _codes(self, event_type: str, event: dict[str, Any]) -> list[int]:
        codes: list[int] = []
        plan = self._exact.get(event_type) or self._longest_prefix(event_type)
        while plan is not None:
            plan.collect(event, codes)
            plan = plan.shorter
        return codes

    def _judge(self, codes: list[int], event: dict[str, Any]) -> Judgement:
        matches: list[Rule] = []
        errors: list[RuleFailure] = []
        endings: list[EventWatch] = []
        data = event.get("data", ERROR)
        before = -1
        codes.sort()
        for code in codes:
            if code == before:  # found by several of its atoms
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
        """The plan of the longest prefix that the type begins with."""
        for length in self._lengths:
            plan = self._prefixes.get(event_type[:length])
            if plan is not None:
                return plan
        return None

    def _build(self) -> None:
        patterns = [_fewest(watch.events) for watch in self.watches]
        named = {pattern for each in patterns for pattern in each}
        # The shorter ones first: each plan looks up the one that it continues.
        for prefix in sorted((each[:-1] for each in named if each.endswith(ANY)), key=len):
            self._prefixes[prefix] = _Plan(self._longest_prefix(prefix))
            self._lengths = tuple(sorted({len(prefix), *self._lengths}, reverse=True))
        for event_type in named:
            if not event_type.endswith(ANY):
                self._exact[event_type] = _Plan(self._longest_prefix(event_type))
        for place, (watch, own) in enumerate(zip(self.watches, patterns, strict=True)):
            for pattern in own:
                plans = self._prefixes if pattern.endswith(ANY) else self._exact
                plans[pattern.removesuffix(ANY)].watches.append((place, watch))
        formulas = {
            place: ALWAYS if watch.condition is None else necessary(watch.condition.tree)
            for place, watch in enumerate(self.watches)
        }
        for plan in (*self._exact.values(), *self._prefixes.values()):
            plan.close(formulas)


def _code(place: int, *, judge: bool) -> int:
    """A number that sorts as the watch does and tells whether its condition is to be judged.

    It need not be where the atom that found it says all that the condition does.
    """
    return place << 1 | judge


def _place(placed: tuple[int, EventWatch]) -> int:
    return placed[0]


def _fewest(patterns: Iterable[str]) -> set[str]:
    """The patterns without those that another one covers."""
    patterns = set(patterns)
    prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith(ANY))
    return {
        pattern
        for pattern in patterns
        if not any(pattern.startswith(prefix) and pattern != prefix + ANY for prefix in prefixes)
    }
