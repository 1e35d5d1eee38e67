"""What the doctor says of what runs."""

import pytest

from router.api.destination_views import CircuitWord, DestinationHealthView, HealthState
from router.api.views import DestinationState
from router.console.overall_state import Situation
from router.doctor.doctor_check import Status
from router.doctor.work_checks import judge_rules_in_use, judge_work
from router.journal.rules_in_use import RulesInUse


def view(health: HealthState, **changes: object) -> DestinationHealthView:
    fields = {
        "name": "mail",
        "state": DestinationState.RUNNING,
        "since": "",
        "reason": "",
        "by": "",
        "pending": 0,
        "delivered": 0,
        "dead": 0,
        "health": health,
        "oldest_age_seconds": 0.0,
        "circuit": CircuitWord.CLOSED,
        "circuit_open_until": None,
        "attempts_per_minute": 0.0,
        "failures_per_minute": 0.0,
        "delivered_by_minute": [],
        "failed_by_minute": [],
        "last_success_at": None,
        "last_error": None,
    }
    return DestinationHealthView(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_router_that_is_well_is_one_line() -> None:
    (check,) = judge_work(Situation(), [view(HealthState.OK)])

    assert (check.status, check.message) == (Status.OK, "all accepted events are evaluated")


def test_events_that_wait_mean_that_no_worker_runs() -> None:
    (check,) = judge_work(Situation(unevaluated=3, unevaluated_seconds=60), [])

    assert (check.status, check.message) == (
        Status.PROBLEM,
        "3 events wait to be evaluated since 1 min",
    )
    assert "router worker" in check.fix


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        (
            view(HealthState.PAUSED, by="ann", reason="they move", pending=2),
            "mail is paused by ann, 2 deliveries wait: they move",
        ),
        (view(HealthState.DISABLED, reason="HTTP 410"), "mail is disabled: HTTP 410"),
        (view(HealthState.CIRCUIT_OPEN), "mail has an open circuit"),
        (view(HealthState.FAILING, pending=7), "mail is failing, 7 deliveries wait"),
    ],
)
def test_a_destination_that_is_not_well_is_named_once(
    destination: DestinationHealthView, message: str
) -> None:
    situation = Situation(failing=("mail",), paused=("mail",), disabled=("mail",))

    (_, check) = judge_work(situation, [destination])

    assert (check.status, check.message) == (Status.WARNING, message)
    assert "router destinations" in check.fix


def test_leftovers_and_a_missing_worker_are_warnings_with_a_command() -> None:
    situation = Situation(dead_letters=2, quarantined=1)

    (_, dead, quarantined, workers) = judge_work(situation, [], ["mail", "hook"])

    assert dead.fix.endswith("router dead-letters list")
    assert quarantined.fix.endswith("router quarantine list")
    assert workers.message == "no worker delivers to mail, hook"


@pytest.mark.parametrize(
    ("in_use", "generation", "message"),
    [
        ((), "b", ""),
        (("b h1", "b h2"), "b", ""),
        (("b h1",), "", ""),
        (("a h1", "a h2"), "b", "the router on h1, h2 has other rules (a) than this folder (b)"),
        (
            ("a h1", "b h2", "b h3"),
            "b",
            "processes use different rules: a on h1, b on h2, h3; this folder has b",
        ),
        (("a h1", "b h1"), "", "processes use different rules: a on h1, b on h1"),
        (
            tuple(f"a h{number}" for number in range(9)),
            "b",
            "the router on h0, h1, h2, h3, h4 and 4 more has other rules (a) than this folder (b)",
        ),
    ],
)
def test_rules_that_differ_are_told_with_their_machines(
    in_use: tuple[str, ...], generation: str, message: str
) -> None:
    parts = [each.split() for each in in_use]
    checks = judge_rules_in_use(
        [RulesInUse(generation=name, host=host) for name, host in parts], generation
    )

    assert [each.message for each in checks] == ([message] if message else [])
    assert all((each.status, bool(each.fix)) == (Status.WARNING, True) for each in checks)
