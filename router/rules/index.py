"""Event -> the rules that hold for it.

A rule names event types, exact or as a prefix (``com.example.*``). The prefixes that a type begins
with are all prefixes of one another, so they form a chain, and each type's rules are: those that
name it exactly, those of the longest prefix, those of the next shorter one, and so on. There is one
plan for each exact type and each prefix *that the rules name*; a type that no rule names has no
plan of its own but that of its longest prefix. So memory is linear in the rules, and no stream of
made-up event types can make it grow.

Invariant: a rule stands in at most one plan of any chain (patterns that another of its patterns
covers are dropped), so it is judged at most once for an event.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from router.rules.cel import Verdict
from router.rules.model import Rule

ANY: Final = "*"


class RuleFailure(msgspec.Struct, frozen=True):
    """A rule that could not be judged: a field is missing, say, or of another type."""

    rule: Rule
    event: dict[str, Any]

    @property
    def reason(self) -> str:
        """Why. Costs a thousand times what the verdict did, so ask only where it is shown."""
        return "" if self.rule.condition is None else self.rule.condition.reason(self.event)


class Judgement(msgspec.Struct, frozen=True):
    """What the rules say of one event, in the rules' order."""

    matches: tuple[Rule, ...]
    errors: tuple[RuleFailure, ...]


_NOTHING: Final = Judgement((), ())


class _Plan:
    """The rules of one exact type or prefix, and the plan of the next shorter prefix."""

    __slots__ = ("rules", "shorter")

    def __init__(self, shorter: "_Plan | None") -> None:
        self.rules: list[tuple[int, Rule]] = []
        self.shorter = shorter

    def select(self, _event: dict[str, Any]) -> Iterable[tuple[int, Rule]]:
        """Those that may hold for the event, with their places in the rule set."""
        return self.rules


class RuleSet:
    """Rules, arranged so that an event meets only those that name its type."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._exact: dict[str, _Plan] = {}
        self._prefixes: dict[str, _Plan] = {}
        self._lengths: tuple[int, ...] = ()
        self._build()

    def candidates(self, event_type: str) -> tuple[Rule, ...]:
        """The rules that name this event type, in their order."""
        found = [placed for plan in self._plans(event_type) for placed in plan.rules]
        return tuple(rule for _, rule in sorted(found, key=_place))

    def judge(self, event_type: str, event: dict[str, Any]) -> Judgement:
        """What the rules say of an event. ``event`` is the whole CloudEvent; never raises."""
        matches: list[tuple[int, Rule]] = []
        errors: list[tuple[int, Rule]] = []
        for plan in self._plans(event_type):
            for placed in plan.select(event):
                condition = placed[1].condition
                verdict = Verdict.MATCH if condition is None else condition.verdict(event)
                if verdict is Verdict.MATCH:
                    matches.append(placed)
                elif verdict is Verdict.ERROR:
                    errors.append(placed)
        if not matches and not errors:
            return _NOTHING
        return Judgement(
            tuple(rule for _, rule in sorted(matches, key=_place)),
            tuple(RuleFailure(rule, event) for _, rule in sorted(errors, key=_place)),
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
        patterns = [_fewest(rule.events) for rule in self.rules]
        named = {pattern for each in patterns for pattern in each}
        # The shorter ones first: each plan looks up the one that it continues.
        for prefix in sorted((each[:-1] for each in named if each.endswith(ANY)), key=len):
            self._prefixes[prefix] = _Plan(self._longest_prefix(prefix))
            self._lengths = tuple(sorted({len(prefix), *self._lengths}, reverse=True))
        for event_type in named:
            if not event_type.endswith(ANY):
                self._exact[event_type] = _Plan(self._longest_prefix(event_type))
        for place, (rule, own) in enumerate(zip(self.rules, patterns, strict=True)):
            for pattern in own:
                plans = self._prefixes if pattern.endswith(ANY) else self._exact
                plans[pattern.removesuffix(ANY)].rules.append((place, rule))


def _place(placed: tuple[int, Rule]) -> int:
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
