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

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from router.rules.cel import Verdict
from router.rules.model import Role, Rule, Watch

ANY: Final = "*"


class RuleFailure(msgspec.Struct, frozen=True):
    """A watch that could not be judged: a field is missing, say, or of another type."""

    watch: Watch
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
    endings: tuple[Watch, ...] = ()
    """Watches of the other roles that hold: they end an absence or an alert."""


_NOTHING: Final = Judgement((), ())


class _Plan:
    """The watches of one exact type or prefix, and the plan of the next shorter prefix."""

    __slots__ = ("shorter", "watches")

    def __init__(self, shorter: "_Plan | None") -> None:
        self.watches: list[tuple[int, Watch]] = []
        self.shorter = shorter

    def select(self, _event: dict[str, Any]) -> Iterable[tuple[int, Watch]]:
        """Those that may hold for the event, with their places in the rule set."""
        return self.watches


class RuleSet:
    """Rules, arranged so that an event meets only those that name its type."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.watches = tuple(watch for rule in self.rules for watch in rule.watches)
        self._exact: dict[str, _Plan] = {}
        self._prefixes: dict[str, _Plan] = {}
        self._lengths: tuple[int, ...] = ()
        self._build()

    def candidates(self, event_type: str) -> tuple[Rule, ...]:
        """The rules that name this event type among their ``events``, in their order."""
        found = [placed for plan in self._plans(event_type) for placed in plan.watches]
        found.sort(key=_place)
        return tuple(watch.rule for _, watch in found if watch.role is Role.RAISES)

    def judge(self, event_type: str, event: dict[str, Any]) -> Judgement:
        """What the rules say of an event. ``event`` is the whole CloudEvent; never raises."""
        held: list[tuple[int, Watch]] = []
        errors: list[tuple[int, Watch]] = []
        for plan in self._plans(event_type):
            for placed in plan.select(event):
                condition = placed[1].condition
                verdict = Verdict.MATCH if condition is None else condition.verdict(event)
                if verdict is Verdict.MATCH:
                    held.append(placed)
                elif verdict is Verdict.ERROR:
                    errors.append(placed)
        if not held and not errors:
            return _NOTHING
        held.sort(key=_place)
        errors.sort(key=_place)
        return Judgement(
            tuple(watch.rule for _, watch in held if watch.role is Role.RAISES),
            tuple(RuleFailure(watch, event) for _, watch in errors),
            tuple(watch for _, watch in held if watch.role is not Role.RAISES),
        )

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


def _place(placed: tuple[int, Watch]) -> int:
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
