"""Runs rule tests: rehearses the rules and compares what they tell with what was expected."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertKey
from router.cel import Condition, Verdict
from router.cel.deciding_part import deciding_part
from router.destinations.rendering.summary import (
    summary,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
)
from router.offline.rehearsal import Rehearsal, RehearsalOutcome, RehearsedDelivery
from router.offline.rule_tests.model import Expectation
from router.offline.rule_tests.reading import Case, Moment, sent
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import Silence

_EXTRA_SHOWN: Final = ("send_to", "summary")
"""What is shown of an alert that nobody expected."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts are not as expected."""

    place: str
    at: float
    """Seconds from the beginning of the test."""
    lines: tuple[str, ...]
    """``- `` what was expected, ``+ `` what came, ``  `` why."""


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test."""

    name: str
    place: str
    differences: tuple[Difference, ...]
    fired: tuple[str, ...]
    """Rules that told something, and were expected to."""
    silent: tuple[str, ...]
    """Rules that an event concerned, and which told nothing of it, as expected."""

    @property
    def passed(self) -> bool:
        return not self.differences


def run_case(case: Case, rules: RuleSet, silences: Sequence[Silence] = ()) -> CaseResult:
    """Run one test from its beginning; ``silences`` are those of the rules folder."""
    return _Run(case, Rehearsal(rules, silences)).result()


class _Run:
    def __init__(self, case: Case, rehearsal: Rehearsal) -> None:
        self._case = case
        self._rehearsal = rehearsal
        self._since: list[RehearsalOutcome] = []
        """Since the last expectation."""
        self._told: dict[str, dict[AlertKey, Alert]] = {}
        """Of each rule, the last alert of each key that was told."""
        self._sent = 0
        self._differences: list[Difference] = []
        self._fired: dict[str, None] = {}
        self._silent: dict[str, None] = {}

    def result(self) -> CaseResult:
        for moment in self._case.moments:
            self._play(moment)
        last = self._case.moments[-1]
        if last.expect is None:
            at = last.at + last.every * (last.times - 1)
            self._compare(msgspec.structs.replace(last, expect=(), at=at))
        passed = not self._differences
        return CaseResult(
            name=self._case.name,
            place=self._case.place,
            differences=tuple(self._differences),
            fired=tuple(self._fired) if passed else (),
            silent=tuple(self._silent) if passed else (),
        )

    def _play(self, moment: Moment) -> None:
        at = moment.at
        for number in range(moment.times):
            at = moment.at + moment.every * number
            now = self._case.started_at + at
            self._since += self._note(self._rehearsal.pass_time(now))
            if number == 0:
                self._obey(moment)
            if moment.event is not None:
                self._sent += 1
                event = sent(moment.event, number=self._sent, now=now)
                self._since += self._note([self._rehearsal.receive(event, now=now)])
        if moment.expect is not None:
            self._compare(msgspec.structs.replace(moment, at=at))

    def _obey(self, moment: Moment) -> None:
        """Do what people do at a moment."""
        if moment.silence is not None:
            self._rehearsal.silence(moment.silence)
        if moment.acknowledge is None:
            return
        alerts = self._told.get(moment.acknowledge, {})
        for alert in alerts.values():
            self._rehearsal.acknowledge(alert)
        if not alerts:
            line = f"- acknowledge: {moment.acknowledge} has told nothing so far"
            self._tell(moment.place, moment.at, (line,))

    def _note(self, happened: list[RehearsalOutcome]) -> list[RehearsalOutcome]:
        """Keep who told what, for those who acknowledge it."""
        for each in happened:
            for told in each.told:
                self._told.setdefault(told.alert.rule, {})[told.alert.key] = told.alert
        return happened

    def _compare(self, moment: Moment) -> None:
        """Compare what was told since the last time with what a moment expects."""
        happened, self._since = self._since, []
        alerts = [
            told for each in happened for told in each.told if self._is_meant(told.alert.rule)
        ]
        missing = []
        for expected in moment.expect or ():
            found = next((told for told in alerts if _is_as_expected(told, expected.alert)), None)
            if found is None:
                missing.append(expected)
            else:
                alerts.remove(found)
        for expected in missing:
            alike = next((told for told in alerts if told.alert.rule == expected.alert.rule), None)
            if alike is not None:
                alerts.remove(alike)
            lines = _difference(expected.alert, alike) or _why_not(
                expected.alert, happened, self._rehearsal.rules
            )
            self._tell(expected.place, moment.at, lines)
        for extra in alerts:
            self._tell(moment.place, moment.at, (f"+ {_shown(extra, _EXTRA_SHOWN)}",))
        self._cover(happened)

    def _tell(self, place: str, at: float, lines: tuple[str, ...]) -> None:
        self._differences.append(Difference(place=place, at=at, lines=lines))

    def _is_meant(self, rule: str) -> bool:
        return not self._case.rules or rule in self._case.rules

    def _cover(self, happened: Iterable[RehearsalOutcome]) -> None:
        told_all = set()
        for each in happened:
            told = {told.alert.rule for told in each.told}
            told_all |= told
            if each.event is not None:
                concerned = self._rehearsal.rules.candidates(each.event.type)
                silent = (rule.name for rule in concerned if rule.name not in told)
                self._silent.update(dict.fromkeys(filter(self._is_meant, silent)))
        self._fired.update(dict.fromkeys(sorted(filter(self._is_meant, told_all))))


def _facts(told: RehearsedDelivery) -> dict[str, Any]:
    """What an expectation may ask of an alert, by the names of its fields."""
    alert = told.alert
    return {
        "rule": alert.rule,
        "send_to": told.send_to,
        "summary": summary(alert, TemplateTarget.TEXT).text,
        "severity": alert.severity,
        "status": alert.status,
        "labels": alert.labels,
        "values": alert.values,
        "count": alert.count,
        "held_back": alert.held_back,
        "grouped": alert.grouped,
        "escalation": alert.escalation,
    }


def _asked(expected: Expectation) -> dict[str, Any]:
    """What an expectation asks for."""
    return {
        name: value
        for name in expected.__struct_fields__
        if (value := getattr(expected, name)) is not None
    }


def _is_as_expected(told: RehearsedDelivery, expected: Expectation) -> bool:
    facts = _facts(told)
    return all(_fits(wanted, facts[name]) for name, wanted in _asked(expected).items())


def _fits(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return all(name in found and found[name] == value for name, value in wanted.items())
    if isinstance(wanted, tuple):
        return sorted(wanted) == sorted(found)
    return bool(wanted == found)


def _difference(expected: Expectation, alike: RehearsedDelivery | None) -> tuple[str, ...]:
    """Expected and found, one below the other; only what is asked for."""
    if alike is None:
        return ()
    facts = _facts(alike)
    unlike = {
        name: wanted for name, wanted in _asked(expected).items() if not _fits(wanted, facts[name])
    }
    return (f"- {_line(expected.rule, unlike)}", f"+ {_shown(alike, tuple(unlike))}")


def _shown(told: RehearsedDelivery, names: Sequence[str]) -> str:
    facts = _facts(told)
    return _line(told.alert.rule, {name: facts[name] for name in names})


def _line(rule: str, facts: dict[str, Any]) -> str:
    values = "  ".join(f"{name}: {_written(value)}" for name, value in facts.items())
    return f"{rule}  {values}".rstrip()


def _written(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _why_not(
    expected: Expectation, happened: Sequence[RehearsalOutcome], rules: RuleSet
) -> tuple[str, ...]:
    """Why a rule did not tell, as far as the last event that concerned it says."""
    asked = {name: value for name, value in _asked(expected).items() if name != "rule"}
    lines = [f"- {_line(expected.rule, asked)}"]
    for each in reversed(happened):
        reason = _reason(expected.rule, each, rules)
        if reason:
            return (*lines, f"  {reason}")
    return (*lines, f"  no event came that {expected.rule} is for")


def _reason(name: str, happened: RehearsalOutcome, rules: RuleSet) -> str:
    """Why a rule told nothing of what happened; ``""`` where that does not concern it."""
    said = {held.rule: f"held back: {held.reason}" for held in happened.held}
    if name in said or happened.event is None:
        return said.get(name, "")
    if happened.is_repeat:
        return f"a repeat: the event {happened.event.id} came before"
    matched = {rule.name for rule in happened.matches}
    for rule in rules.candidates(happened.event.type):
        if rule.name == name and name in matched:
            return "it matched, and nothing was told yet"
        if rule.name == name and rule.condition is not None:
            return _verdict(rule.condition, happened.content)
    return ""


def _verdict(condition: Condition, content: dict[str, Any]) -> str:
    if condition.verdict(content) is Verdict.ERROR:
        return f"could not be judged: {condition.reason(content)}"
    part = deciding_part(condition, content)
    return f"{part.text} is {part.verdict}"
