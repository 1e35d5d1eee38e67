"""Alertmanager and the router, side by side: docs/compare/alertmanager.md says what each of the two sends."""

import asyncio
from pathlib import Path

import pytest
from contracts.alertmanager.alertmanager import PROGRAM, alertmanager
from contracts.alertmanager.page import PAGE, page
from contracts.alertmanager.router_side import router, rules
from contracts.alertmanager.scenario import SAME, Minutes, Scenario, minutes_of, play
from contracts.alertmanager.scenarios import SCENARIOS

from router.clock import system_clock
from router.configuration.load import load

AT_ONCE = 4
"""Scenarios that are played at a time, longest first."""


def test_the_page_is_written_from_the_scenarios() -> None:
    """``.venv/bin/python tests/contracts/alertmanager/page.py`` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_a_difference_has_a_reason() -> None:
    differing = {
        each.name for each in SCENARIOS if any(s.alertmanager != s.router for s in each.steps)
    }

    assert differing == {each.name for each in SCENARIOS if each.verdict != SAME}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_router_takes_the_rules_of_each_scenario(scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rules(scenario, Minutes(0.0), "http://127.0.0.1:9/"))

    load(tmp_path, {})


async def sent(scenario: Scenario, folder: Path) -> tuple[list[object], list[object]]:
    """Return what Alertmanager and the router send in each step."""
    places = folder / "alertmanager", folder / "router"
    for place in places:
        place.mkdir(parents=True)
    minutes = minutes_of(scenario, system_clock().now())
    async with (
        alertmanager(scenario, minutes, places[0]) as theirs,
        router(scenario, minutes, places[1]) as ours,
        asyncio.TaskGroup() as group,
    ):
        expected = [step.alertmanager for step in scenario.steps]
        first = group.create_task(play(scenario, theirs, expected, minutes))
        expected = [step.router for step in scenario.steps]
        second = group.create_task(play(scenario, ours, expected, minutes))
    return list(first.result()), list(second.result())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    PROGRAM is None,
    reason="Alertmanager is not installed (apt-get install prometheus-alertmanager)",
)
async def test_both_send_what_the_page_says(tmp_path: Path) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def played(number: int, scenario: Scenario) -> tuple[list[object], list[object]]:
        async with slots:
            return await sent(scenario, tmp_path / str(number))

    async with asyncio.TaskGroup() as group:
        tasks = {
            scenario.name: group.create_task(played(number, scenario))
            for number, scenario in enumerate(
                sorted(SCENARIOS, key=lambda each: each.muted is None)
            )
        }

    assert {name: task.result() for name, task in tasks.items()} == {
        each.name: (
            [tuple(sorted(step.alertmanager)) for step in each.steps],
            [tuple(sorted(step.router)) for step in each.steps],
        )
        for each in SCENARIOS
    }
