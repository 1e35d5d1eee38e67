"""The soak, shortened: a fault every ten seconds. The long form is ``python -m tests.faults.soak``."""

from pathlib import Path

import pytest
from support.fault_rows import FigureRecorder
from support.soak import Plan, Sample, Soak, figures, slopes

CONCURRENCY = 20
"""Slots of a destination in one worker: what can be in flight at a fault."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.fault_row(70)
async def test_faults_in_turn_under_a_steady_load_lose_nothing(
    tmp_path: Path, fault_figures: FigureRecorder
) -> None:
    """Mutant: ``begin_set.lua`` deletes the set that it reads; the soak is never drained."""
    plan = Plan(seconds=110, rate=10, fault_every=10, pause=4, sample_every=1, drain_seconds=120)
    async with Soak(plan, tmp_path) as soak:
        report = await soak.run()
        soak.write(report, tmp_path / "figures")

    print(f"\n{report.text()}")  # noqa: T201 - the figures
    fault_figures(**figures(report))
    assert len(report.faults) == 10
    assert report.accepted > plan.seconds * plan.rate * 0.9
    assert report.lost == report.dead == 0
    assert report.repeated <= len(report.faults) * 5 * CONCURRENCY
    assert (tmp_path / "figures" / "soak.svg").exists()


def sample(at: float, mib: float, *, pid: int = 1) -> Sample:
    return Sample(
        at=at,
        resident={"worker": int(mib * (1 << 20))},
        descriptors={"worker": 20},
        pids={"worker": pid},
        accepted=0,
        arrived=0,
        work_ms=1.0,
        load=1.0,
    )


def test_a_slope_is_of_one_process_and_leaves_its_start_out() -> None:
    steep = [sample(at, at) for at in range(0, 100, 10)]
    flat = [sample(at, 100 + at / 3600) for at in range(100, 300, 10)]
    second = [sample(at, 50, pid=2) for at in range(300, 600, 10)]

    found = slopes([*steep, *flat, *second], warm=100)

    assert [round(each.mib_per_hour, 3) for each in found] == [1.0, 0.0]
