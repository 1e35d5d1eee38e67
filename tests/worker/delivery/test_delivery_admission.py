"""An attempt may begin unless its destination is paused, down, or over its rate."""

import logging
import math

import pytest
from support.clock import SetClock

from router.alerts import Delivered, Failed, Outcome, Refused
from router.datatypes import Duration, Rate, Secret
from router.destinations.contract import BreakerPolicy, DestinationConfig
from router.journal.connection import Connection, connect
from router.journal.pauses import Pause, PauseKind, Pauses
from router.metrics import Metrics
from router.worker.delivery.circuit_breaker import State
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.rate_limiter import RateLimiter

POLICY = BreakerPolicy(failures=1, open_for=Duration(5), longest=Duration(20))
CONFIG = DestinationConfig(breaker=POLICY)
PAUSE = Pause(kind=PauseKind.PAUSED, at=1.0)


@pytest.fixture
def no_redis() -> Connection:
    """A connection to a port where no server listens."""
    return connect(Secret("redis://127.0.0.1:1/0"), deadline=0.5, max_connections=1)


@pytest.fixture
def paused(no_redis: Connection, time: SetClock) -> PausedDestinations:
    paused = PausedDestinations(Pauses(no_redis), time.clock(), lambda: None)
    paused.update({})
    return paused


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def admission(paused: PausedDestinations, metrics: Metrics, time: SetClock) -> DeliveryAdmission:
    return DeliveryAdmission("mail", CONFIG, None, paused, metrics, time.clock())


def shown(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("router_circuit_state", {"destination": "mail"})


@pytest.mark.parametrize(
    ("pauses", "wait"),
    [({}, 0.0), ({"slack": PAUSE}, 0.0), ({"mail": PAUSE}, math.inf)],
)
async def test_a_paused_destination_waits_for_its_resume(
    pauses: dict[str, Pause], wait: float, admission: DeliveryAdmission, paused: PausedDestinations
) -> None:
    paused.update(pauses)
    assert admission.wait() == wait
    assert (await admission.begin() is None) is (wait > 0)


@pytest.mark.parametrize(
    ("outcome", "state", "wait"),
    [
        (Delivered(200), State.CLOSED, 0.0),
        (Refused("HTTP 413 Content Too Large", 413, of_delivery=True), State.CLOSED, 0.0),
        (Refused("1 of 2 recipients refused", 550, reached=("ann",)), State.CLOSED, 0.0),
        (Refused("HTTP 404 Not Found", 404), State.OPEN, 5.0),
        (Refused("address not allowed by ROUTER_EGRESS"), State.OPEN, 5.0),
        (Failed("HTTP 429 Too Many Requests", 429), State.CLOSED, 0.0),
        (Failed("HTTP 503 Service Unavailable", 503), State.OPEN, 5.0),
        (Failed("timed out"), State.OPEN, 5.0),
        (Failed("HTTP 429 Too Many Requests", 429, "", 7.0), State.OPEN, 7.0),
        (Failed("HTTP 503 Service Unavailable", 503, "", 3600.0), State.OPEN, 20.0),
        (None, State.CLOSED, 0.0),
    ],
)
async def test_what_an_outcome_does_to_the_circuit(
    outcome: Outcome | None,
    state: State,
    wait: float,
    admission: DeliveryAdmission,
    metrics: Metrics,
) -> None:
    permit = await admission.begin()
    assert permit is not None
    admission.end(permit, outcome)
    assert (admission.wait(), shown(metrics)) == (wait, state)


async def test_each_state_is_shown_and_logged(
    admission: DeliveryAdmission,
    metrics: Metrics,
    time: SetClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    states = [shown(metrics)]
    for seconds, outcome in ((0.0, Failed("timed out")), (5.0, Delivered(200))):
        time.now += seconds
        permit = await admission.begin()
        assert permit is not None
        states.append(shown(metrics))
        admission.end(permit, outcome)
        states.append(shown(metrics))
    assert states == [0.0, 0.0, 2.0, 1.0, 0.0]  # closed, closed, open, half open, closed
    assert [(record.getMessage(), record.levelname) for record in caplog.records] == [
        ("circuit open", "WARNING"),
        ("circuit half open", "INFO"),
        ("circuit closed", "INFO"),
    ]


async def test_while_a_trial_is_under_way_no_other_attempt_begins(
    admission: DeliveryAdmission, time: SetClock
) -> None:
    permit = await admission.begin()
    assert permit is not None
    admission.end(permit, Failed("timed out"))
    time.now += 5.0
    trial = await admission.begin()
    assert trial is not None
    assert trial.is_trial
    assert await admission.begin() is None
    assert admission.wait() == math.inf


async def test_without_redis_a_rate_lets_nothing_begin_for_a_second(
    no_redis: Connection, paused: PausedDestinations, metrics: Metrics, time: SetClock
) -> None:
    clock = time.clock()
    limiter = RateLimiter(no_redis, "mail", Rate(limit=1, per=Duration(1)), clock)
    admission = DeliveryAdmission("mail", CONFIG, limiter, paused, metrics, clock)
    assert await admission.begin() is None
    assert admission.wait() == 1.0
    time.now += 1.0
    assert admission.wait() == 0.0


async def test_a_pause_during_the_wait_for_the_rate_counts(
    connection: Connection, paused: PausedDestinations, metrics: Metrics, time: SetClock
) -> None:
    class Pausing(RateLimiter):
        async def acquire(self) -> bool:
            acquired = await super().acquire()
            paused.update({"mail": PAUSE})
            return acquired

    limiter = Pausing(connection, "mail", Rate(limit=1, per=Duration(1)), time.clock())
    admission = DeliveryAdmission("mail", CONFIG, limiter, paused, metrics, time.clock())
    assert await admission.begin() is None
