"""The processes that run, judged as the console judges it, briefly, as hints (pure)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from router.api.destination_views import DestinationHealthView, HealthState
from router.console.overall_state import Attention, Situation, findings
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks, Status
from router.journal.rules_in_use import RulesInUse

_STATUS: Final = {
    Attention.GOOD: Status.WARNING,  # leftovers, which wait for a decision
    Attention.UNKNOWN: Status.WARNING,
    Attention.WARNING: Status.WARNING,
    Attention.CRITICAL: Status.PROBLEM,
}
_COMMANDS: Final = {
    "/dead-letters": "router dead-letters list",
    "/quarantine": "router quarantine list",
    "/destinations": "router destinations list",
    "/sources": "router sources list",
}
"""The command that shows what a page of the console shows."""
_NAMES_SHOWN: Final = 5
_RULES: Final = "rules in force"
_GENERATION: Final = 12
"""Characters of a fingerprint that are shown."""
_PAUSED: Final = frozenset({HealthState.PAUSED, HealthState.DISABLED})

_checks = SectionChecks(DoctorSection.WORK)


def judge_work(
    situation: Situation,
    destinations: Iterable[DestinationHealthView],
    without_worker: Sequence[str] = (),
) -> list[DoctorCheck]:
    """Return the checks of what runs.

    Args:
        situation: The state of the router.
        destinations: The health of each destination, of which there is a line each that is not well.
        without_worker: Destinations of the rules folder that no worker has.
    """
    others = msgspec.structs.replace(situation, failing=(), paused=(), disabled=())
    found = [
        DoctorCheck(
            DoctorSection.WORK,
            "state",
            _STATUS[each.level],
            each.sentence,
            _with_command(f"{each.advice[:1].lower()}{each.advice[1:]}".rstrip("."), each.path),
        )
        for each in findings(others)
    ]
    found += [_of_health(view) for view in destinations if view.health is not HealthState.OK]
    if without_worker:
        found.append(_of_missing_worker(without_worker))
    if not any(each.status is Status.PROBLEM for each in found):
        found.insert(0, _of_events(situation))
    return found


def judge_rules_in_use(in_use: Sequence[RulesInUse], generation: str) -> list[DoctorCheck]:
    """Return the checks of the rules that processes use, on whatever machine.

    Args:
        in_use: What they have recorded in the last minute.
        generation: The fingerprint of the rules folder; ``""`` if it has errors.
    """
    hosts: dict[str, list[str]] = {}
    for each in in_use:
        hosts.setdefault(each.generation, []).append(each.host)
    if len(hosts) > 1:
        parts = [f"{name[:_GENERATION]} on {_named(at)}" for name, at in sorted(hosts.items())]
        mine = f"; this folder has {generation[:_GENERATION]}" if generation else ""
        message = f"processes use different rules: {', '.join(parts)}{mine}"
        fix = "wait for the end of a rollout, else give all machines the same rules folder"
        return [_checks.warning(_RULES, message, fix)]
    for found, at in hosts.items():
        if generation and found != generation:
            message = (
                f"the router on {_named(at)} has other rules ({found[:_GENERATION]}) than this folder"
                f" ({generation[:_GENERATION]})"
            )
            fix = "reload it (SIGHUP, or POST /-/reload), or set ROUTER_RULES to its folder"
            return [_checks.warning(_RULES, message, fix)]
    return []


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{', '.join(names[:_NAMES_SHOWN])}{more}"


def _with_command(fix: str, path: str) -> str:
    for end, command in _COMMANDS.items():
        if end in path:
            return f"{fix}: {command}" if fix else command
    return fix


def _of_health(view: DestinationHealthView) -> DoctorCheck:
    by = f" by {view.by}" if view.by else ""
    waiting = f", {view.pending} deliveries wait" if view.pending else ""
    if view.health in _PAUSED:
        reason = f": {view.reason}" if view.reason else ""
        message = f"{view.name} is {view.health}{by}{waiting}{reason}"
        fix = f"resume it when that is over: router destinations resume {view.name}"
        return _checks.warning("paused", message, fix)
    word = "has an open circuit" if view.health is HealthState.CIRCUIT_OPEN else "is failing"
    reason = f": {view.last_error.reason}" if view.last_error is not None else ""
    return _checks.warning(
        "failing",
        f"{view.name} {word}{waiting}{reason}",
        f"see what it answered last: router destinations show {view.name}",
    )


def _of_missing_worker(names: Sequence[str]) -> DoctorCheck:
    return _checks.warning(
        "workers",
        f"no worker delivers to {_named(names)}",
        "start router worker or router run with this rules folder and this Redis",
    )


def _of_events(situation: Situation) -> DoctorCheck:
    if not situation.has_events:
        return _checks.ok("events", "no event has come yet; router send sends one")
    if situation.unevaluated:
        return _checks.ok("events", f"{situation.unevaluated} events are being evaluated")
    return _checks.ok("events", "all accepted events are evaluated")
