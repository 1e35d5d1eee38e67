"""The network to Redis cuts, delays, resets and slices: slower, and nothing is lost or repeated."""

import asyncio
import os
import random

import pytest
from support.fault_rows import FigureRecorder
from support.stage import Stage, under_load
from support.steady_load import SteadyLoad
from support.tcp_proxy import Chooser, TcpProxy, Weather
from support.waiting import until

SEED = 20_261_129


def some_scripts(seed: int) -> Chooser:
    """Choose a third of the requests that run a script: each of these is one transition."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    return lambda request: b"EVALSHA" in request and chance.random() < 0.3


def settlements(request: bytes) -> bool:
    """Choose the requests that record what was delivered: a repeated delivery is one without."""
    return b"EVALSHA" in request and b"delivered:" in request


async def cut_each_way(stage: Stage, load: SteadyLoad, cuts: int) -> None:
    """Cut before commands and before replies: of commits, of a worker's commands, of settlements."""
    places = [
        (stage.ingress_proxy, some_scripts(SEED)),
        (stage.worker_proxy, some_scripts(SEED + 1)),
        (stage.worker_proxy, settlements),
    ]
    for is_after in (False, True):
        for proxy, chooses in places:
            proxy.cut(chooses, times=cuts, after_reply_was_made=is_after)

            async def all_cut(proxy: TcpProxy = proxy) -> bool:
                return proxy.cuts_left == 0

            await until(all_cut)
    goal = len(load.accepted) + 20

    async def goes_on() -> bool:
        return len(load.accepted) >= goal

    await until(goes_on)


@pytest.mark.parametrize(
    "cuts",
    [
        2,
        pytest.param(25, marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
    ],
)
@pytest.mark.fault_row(9)
async def test_row_9_cuts_before_and_after_a_transition_lose_and_repeat_nothing(
    cuts: int, stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Cut so often before a command, and before its reply, at ingress and at the worker.

    Mutants: ingress answers 202 when the commit failed (events are lost); a settlement is not
    retried (deliveries are repeated).
    """
    async with stage.worker(), stage.ingress() as ingress:
        load = SteadyLoad(ingress.url, rate=60)
        await under_load(load, cut_each_way(stage, load, cuts))
        seconds = await stage.drained()
        found = stage.compare(load.accepted)
        books = await stage.books()

    fault_figures(
        seed=SEED,
        **found.figures(),
        drain_seconds=seconds,
        note=f"{6 * cuts} cuts, {load.refused.total()} requests refused,"
        f" {books.duplicate} duplicates recognised",
    )
    assert stage.ingress_proxy.resets + stage.worker_proxy.resets >= 6 * cuts
    assert (found.lost, found.repeated, found.unknown) == (0, 0, 0)
    assert load.refused[503] >= cuts
    assert books.duplicate > 0
    assert books.matched == found.accepted == load.sent


async def some_resets(stage: Stage, seconds: float) -> None:
    """Wait ``seconds``, and on a busy machine until the worker's connections were reset too."""

    async def are_reset() -> bool:
        return stage.worker_proxy.resets > 3

    await asyncio.sleep(seconds)
    await until(are_reset)


async def bad_network(
    stage: Stage, figures: FigureRecorder, weather: Weather, *, seconds: float
) -> None:
    async with stage.worker() as worker, stage.ingress() as ingress:
        load = SteadyLoad(ingress.url, rate=30)
        for proxy in (stage.ingress_proxy, stage.worker_proxy):
            proxy.weather = weather
        await under_load(load, some_resets(stage, seconds))
        for proxy in (stage.ingress_proxy, stage.worker_proxy):
            proxy.clear()
        drained = await stage.drained(seconds=120)
        found = stage.compare(load.accepted)
        assert not worker.has_ended
        assert not ingress.has_ended

    resets = stage.ingress_proxy.resets + stage.worker_proxy.resets
    figures(
        seed=SEED,
        **found.figures(),
        drain_seconds=drained,
        note=f"{resets} resets in {seconds:g} s, {load.refused[503]} requests refused",
    )
    assert found.lost == 0
    assert found.repeated <= resets
    assert set(load.refused) <= {503}
    assert found.accepted == load.sent > 0


@pytest.mark.fault_row(10)
async def test_row_10_a_slow_network_in_slices_with_resets(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Mutant: a supervisor does not rebuild its worker; nothing is drained."""
    weather = Weather(delay=0.01, reset_chance=0.05, slice_bytes=16)
    await bad_network(stage, fault_figures, weather, seconds=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.fault_row(10)
async def test_row_10_two_hundred_milliseconds_of_latency(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Half an hour if FAULT_SECONDS is 1800. Mutant: as above."""
    weather = Weather(delay=0.1, reset_chance=0.01, slice_bytes=16)  # each way
    seconds = float(os.environ.get("FAULT_SECONDS", "120"))
    await bad_network(stage, fault_figures, weather, seconds=seconds)
