"""Runs rule tests: simulates the rules and compares their alerts with those that are expected."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertKey, AlertStatus
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.offline.rule_tests.model import Expectation
from router.offline.rule_tests.reading import Case, Moment, make_event
from router.offline.rule_tests.reasons import CaseHistory
from router.offline.simulation import SimulatedAlert, Simulation, SimulationOutcome
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import Silence

_EXTRA_SHOWN: Final = ("send_to", "summary")
"""Fields that are shown of an alert that was not expected."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between expected alerts and those that came."""

    location: str
    """``file:line:column``."""
    at: float
    """Seconds from the beginning of the test."""
    lines: tuple[str, ...]
    """``- `` expected, ``+ `` came, ``  `` the reason."""


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a test."""

    name: str
    location: str
    differences: tuple[Difference, ...]
    fired: tuple[str, ...]
    """Rules that sent an alert, as expected."""
    silent: tuple[str, ...]
    """Rules that an event concerned and that sent no alert of it, as expected."""

    @property
    def passed(self) -> bool:
        """True if all alerts were as expected."""
        return not self.differences


def run_case(case: Case, rules: RuleSet, silences: Sequence[Silence] = ()) -> CaseResult:
    """Run one test from its beginning.

    Args:
        case: The test.
        rules: The rules that it tests.
        silences: Those of the rules folder.
    """
    return _Run(
        case, Simulation(rules, silences, now=case.started_at, notes_standing=True)
    ).result()


class _Run:
    def __init__(self, case: Case, simulation: Simulation) -> None:
        self._case = case
        self._simulation = simulation
        self._since: list[SimulationOutcome] = []
        """Outcomes since the last expectation."""
        self._alerts: dict[str, dict[AlertKey, Alert]] = {}
        """The last alert of each key that was sent, by rule."""
        self._history = CaseHistory(simulation.rules, case.started_at)
        self._events = 0
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
            location=self._case.location,
            differences=tuple(self._differences),
            fired=tuple(self._fired) if passed else (),
            silent=tuple(self._silent) if passed else (),
        )

    def _play(self, moment: Moment) -> None:
        at = moment.at
        for number in range(moment.times):
            at = moment.at + moment.every * number
            now = self._case.started_at + at
            self._since += self._note(self._simulation.pass_time(now))
            if number == 0:
                self._operate(moment)
            if moment.event is not None:
                self._events += 1
                event = make_event(moment.event, number=self._events, now=now)
                self._since += self._note([self._simulation.receive(event, now=now)])
        if moment.expect is not None:
            self._compare(msgspec.structs.replace(moment, at=at))

    def _operate(self, moment: Moment) -> None:
        """Do what operators do at a moment."""
        if moment.silence is not None:
            self._simulation.silence(moment.silence)
        if moment.acknowledge is None:
            return
        alerts = self._alerts.get(moment.acknowledge, {})
        for alert in alerts.values():
            self._simulation.acknowledge(alert.key)
            self._history.note_acknowledgement(moment.acknowledge, self._simulation.now)
        if not alerts:
            line = f"- acknowledge: {moment.acknowledge} has sent no alert so far"
            reason = self._history.last_reason(moment.acknowledge)
            lines = (line, f"  {reason}") if reason else (line,)
            self._report(moment.location, moment.at, lines)

    def _note(self, outcomes: list[SimulationOutcome]) -> list[SimulationOutcome]:
        """Note the alerts that were sent, because a later step may acknowledge them."""
        self._history.note(outcomes)
        for each in outcomes:
            for sent in each.sent:
                self._alerts.setdefault(sent.alert.rule, {})[sent.alert.key] = sent.alert
        return outcomes

    def _compare(self, moment: Moment) -> None:
        """Compare the alerts since the last comparison with those that a moment expects."""
        outcomes, self._since = self._since, []
        alerts = [
            sent for each in outcomes for sent in each.sent if self._is_meant(sent.alert.rule)
        ]
        missing = []
        for expected in moment.expect or ():
            found = next((sent for sent in alerts if _is_as_expected(sent, expected.alert)), None)
            if found is None:
                missing.append(expected)
            else:
                alerts.remove(found)
        for expected in missing:
            alike = next((sent for sent in alerts if sent.alert.rule == expected.alert.rule), None)
            if alike is not None:
                alerts.remove(alike)
            lines = _difference(expected.alert, alike) or self._why_not(expected.alert, outcomes)
            self._report(expected.location, moment.at, lines)
        for extra in alerts:
            self._report(
                moment.location, moment.at, (f"+ {_shown(extra, _shown_of_extra(extra))}",)
            )
        self._cover(outcomes)

    def _why_not(
        self, expected: Expectation, outcomes: Sequence[SimulationOutcome]
    ) -> tuple[str, ...]:
        asked = {name: value for name, value in _asked(expected).items() if name != "rule"}
        reasons = self._history.reasons(expected, outcomes)
        return (f"- {_line(expected.rule, asked)}", *(f"  {each}" for each in reasons))

    def _report(self, location: str, at: float, lines: tuple[str, ...]) -> None:
        self._differences.append(Difference(location=location, at=at, lines=lines))

    def _is_meant(self, rule: str) -> bool:
        return not self._case.rules or rule in self._case.rules

    def _cover(self, outcomes: Iterable[SimulationOutcome]) -> None:
        all_fired = set()
        for each in outcomes:
            fired = {sent.alert.rule for sent in each.sent}
            all_fired |= fired
            if each.event is not None:
                concerned = self._simulation.rules.candidates(each.event.type)
                silent = (rule.name for rule in concerned if rule.name not in fired)
                self._silent.update(dict.fromkeys(filter(self._is_meant, silent)))
        self._fired.update(dict.fromkeys(sorted(filter(self._is_meant, all_fired))))


def _facts(sent: SimulatedAlert) -> dict[str, Any]:
    """Return what an expectation may ask of an alert, by the names of its fields."""
    alert = sent.alert
    return {
        "rule": alert.rule,
        "send_to": sent.send_to,
        "summary": summary(alert, TemplateTarget.TEXT).text,
        "severity": alert.severity,
        "status": alert.status,
        "labels": alert.labels,
        "values": alert.values,
        "count": alert.count,
        "held_back": alert.held_back,
        "held_because": alert.held_because,
        "reminder": alert.reminder,
        "members": tuple(member.summary for member in alert.members),
        "grouped": alert.grouped,
        "escalation": alert.escalation,
        "measure": {} if alert.measure is None else msgspec.structs.asdict(alert.measure),
    }


def _asked(expected: Expectation) -> dict[str, Any]:
    """Return what an expectation asks for."""
    return {
        name: value
        for name in expected.__struct_fields__
        if (value := getattr(expected, name)) is not None
    }


def _is_as_expected(sent: SimulatedAlert, expected: Expectation) -> bool:
    facts = _facts(sent)
    return all(_fits(wanted, facts[name]) for name, wanted in _asked(expected).items())


def _fits(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return all(name in found and found[name] == value for name, value in wanted.items())
    if isinstance(wanted, tuple):
        return sorted(wanted) == sorted(found)
    return bool(wanted == found)


def _difference(expected: Expectation, alike: SimulatedAlert | None) -> tuple[str, ...]:
    """Return expected and found, one below the other; only what is asked for."""
    if alike is None:
        return ()
    facts = _facts(alike)
    unlike = {
        name: wanted for name, wanted in _asked(expected).items() if not _fits(wanted, facts[name])
    }
    return (f"- {_line(expected.rule, unlike)}", f"+ {_shown(alike, tuple(unlike))}")


def _shown_of_extra(extra: SimulatedAlert) -> tuple[str, ...]:
    """Return the facts that tell an alert that no test expects from others of its rule."""
    facts = _facts(extra)
    status = () if extra.alert.status is AlertStatus.FIRING else ("status",)
    told_again = (name for name in ("reminder", "escalation", "held_because") if facts[name])
    return (*_EXTRA_SHOWN, *status, *told_again)


def _shown(sent: SimulatedAlert, names: Sequence[str]) -> str:
    facts = _facts(sent)
    return _line(sent.alert.rule, {name: facts[name] for name in names})


def _line(rule: str, facts: dict[str, Any]) -> str:
    values = "  ".join(f"{name}: {_written(value)}" for name, value in facts.items())
    return f"{rule}  {values}".rstrip()


def _written(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
