"""Evaluation stops before it fills Redis, and never for something that waits for it."""

from collections.abc import AsyncIterator

import pytest
from support.clock import SetClock
from support.memory import fill

from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.metrics import Metrics
from router.worker.evaluation.evaluation_admission import (
    EvaluationAdmission,
    EvaluationPace,
    MemoryState,
    pace_of,
)

FREE, SINGLE, WAIT = EvaluationPace.FREE, EvaluationPace.SINGLE, EvaluationPace.WAIT
LIMIT = 32 << 20


@pytest.mark.fault_row(12)
@pytest.mark.parametrize(
    ("used", "pending", "is_draining", "has_freed", "expected"),
    [
        (0.0, 0, False, True, FREE),
        (0.79, 9, True, True, FREE),
        (0.8, 9, True, True, SINGLE),
        (0.89, 9, False, True, SINGLE),
        # Deliveries that end free memory.
        (0.9, 9, True, True, WAIT),
        (0.99, 9, True, True, WAIT),
        # Deliveries of a dead or paused destination do not: evaluation goes on while there is room.
        (0.9, 9, False, True, SINGLE),
        (0.9, 9, False, False, SINGLE),
        (0.95, 9, False, True, WAIT),
        # Without deliveries, evaluation alone can free memory, and goes on as long as it does.
        (0.94, 0, True, True, SINGLE),
        (0.95, 0, True, True, SINGLE),
        (1.1, 0, False, True, SINGLE),
        (0.95, 0, False, False, WAIT),
    ],
)
def test_the_pace_follows_from_memory_and_deliveries(
    *, used: float, pending: int, is_draining: bool, has_freed: bool, expected: EvaluationPace
) -> None:
    """Mutants: ``<`` for ``<=`` in either comparison; ``not state.pending`` left out."""
    state = MemoryState(
        used_ratio=used, pending=pending, is_draining=is_draining, has_freed=has_freed
    )

    assert pace_of(state) is expected


@pytest.fixture
async def limited(connection: Connection) -> AsyncIterator[Connection]:
    """A Redis of 32 MiB."""
    await connection.redis.config_set("maxmemory", LIMIT)
    yield connection
    await connection.redis.config_set("maxmemory", 0)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def admission(limited: Connection, metrics: Metrics, clock: Clock) -> EvaluationAdmission:
    return EvaluationAdmission(limited, metrics, clock)


async def pend(connection: Connection, *, opened: int, delivered: int) -> None:
    await connection.redis.hset(
        keys.LEDGER, mapping={ledger.opened("a"): opened, ledger.delivered("a"): delivered}
    )


def waiting(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("router_evaluation_waiting")


async def test_several_jobs_run_at_once_while_there_is_room(
    admission: EvaluationAdmission, limited: Connection
) -> None:
    await fill(limited, 0.4)

    assert [await admission.begin() for _ in range(3)] == [True, True, True]


async def test_one_job_runs_at_a_time_where_there_is_less(
    admission: EvaluationAdmission, limited: Connection
) -> None:
    await fill(limited, 0.85)

    assert [await admission.begin() for _ in range(2)] == [True, False]
    assert admission.wait() > 0
    admission.end()
    assert admission.wait() == 0
    assert await admission.begin()


async def test_evaluation_waits_for_deliveries_that_end_and_not_for_others(
    admission: EvaluationAdmission, limited: Connection, metrics: Metrics, time: SetClock
) -> None:
    """Mutant: ``_PATIENCE`` is infinite; evaluation waits for a dead destination for ever."""
    await fill(limited, 0.9)
    await pend(limited, opened=1000, delivered=0)

    assert not await admission.begin()
    assert waiting(metrics) == 1
    time.now += 0.9
    await pend(limited, opened=1000, delivered=10)
    assert not await admission.begin()
    time.now += 0.9
    assert not await admission.begin()
    time.now += 0.2
    assert await admission.begin()
    assert waiting(metrics) == 0


async def test_what_pending_deliveries_may_need_is_reserved(
    admission: EvaluationAdmission, limited: Connection, time: SetClock
) -> None:
    """Mutant: ``RESERVE_BYTES`` is 0."""
    await fill(limited, 0.7)
    await pend(limited, opened=10_000, delivered=0)
    await admission.begin()
    time.now += 2

    assert not await admission.admits()


async def test_at_the_limit_evaluation_goes_on_as_long_as_it_frees_memory(
    admission: EvaluationAdmission, limited: Connection, time: SetClock
) -> None:
    """Mutant: ``has_freed`` is always true; dead letters fill Redis."""
    await fill(limited, 0.98)
    assert await admission.begin()
    admission.end()

    await fill(limited, 0.96)  # by more than what Redis itself needs for connections
    time.now += 1
    assert await admission.begin()
    admission.end()

    await fill(limited, 0.99)
    time.now += 1
    assert not await admission.begin()

    await fill(limited, 0.5)
    time.now += 1
    assert await admission.begin()


async def test_redis_is_not_asked_before_each_job(
    admission: EvaluationAdmission, limited: Connection
) -> None:
    await fill(limited, 0.5)
    await limited.redis.config_resetstat()

    for _ in range(20):
        await admission.begin()
        admission.end()

    assert (await limited.redis.info("commandstats"))["cmdstat_info"]["calls"] == 1
