"""A process writes how its destinations are when that changes, and takes it back when it ends."""

from unittest.mock import ANY

import pytest
from support.clock import SetClock

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Duration
from router.destinations.contract import BreakerPolicy, DestinationConfig
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.journal.destination_health import DestinationHealth, LastError, ReportedHealth
from router.journal.pauses import Pause, PauseKind, Pauses
from router.metrics import Metrics
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.health_reports import HealthReports
from router.worker.delivery.paused_destinations import PausedDestinations

CONFIG = DestinationConfig(breaker=BreakerPolicy(failures=1, open_for=Duration(5)))


@pytest.fixture
def health(connection: Connection, time: SetClock) -> DestinationHealth:
    return DestinationHealth(connection, time.clock())


@pytest.fixture
def reports(health: DestinationHealth, time: SetClock) -> HealthReports:
    return HealthReports(health, time.clock())


@pytest.fixture
def paused(connection: Connection, time: SetClock) -> PausedDestinations:
    paused = PausedDestinations(Pauses(connection), time.clock(), lambda: None)
    paused.update({})
    return paused


@pytest.fixture
def admission(
    reports: HealthReports, paused: PausedDestinations, time: SetClock
) -> DeliveryAdmission:
    return DeliveryAdmission("mail", CONFIG, None, paused, Metrics(), time.clock(), reports=reports)


async def test_a_failure_is_reported_with_the_circuit_that_it_opens(
    admission: DeliveryAdmission, reports: HealthReports, health: DestinationHealth, time: SetClock
) -> None:
    permit = await admission.begin()
    assert permit is not None
    admission.end(permit, Failed("HTTP 503: wait", status=503, response="busy"))
    await reports.write()

    (shown,) = (await health.read(["mail"])).values()
    assert (shown.circuit.state, shown.circuit.until_ms) == (2, int((time.now + 5) * 1000))
    error = LastError(at=time.now, reason="HTTP 503: wait", status=503, response="busy")
    assert shown.error == error

    admission.retry_now()  # the trial need not wait
    permit = await admission.begin()
    assert permit is not None
    admission.end(permit, Delivered(200))
    await reports.write()
    (shown,) = (await health.read(["mail"])).values()
    assert (shown.circuit.state, shown.error) == (0, error)


async def test_the_circuit_of_a_changed_destination_is_closed(
    admission: DeliveryAdmission,
    paused: PausedDestinations,
    reports: HealthReports,
    health: DestinationHealth,
    time: SetClock,
) -> None:
    permit = await admission.begin()
    assert permit is not None
    admission.end(permit, Failed("HTTP 503"))
    await reports.write()

    DeliveryAdmission("mail", CONFIG, None, paused, Metrics(), time.clock(), reports=reports)
    await reports.write()

    assert await health.read(["mail"]) == {"mail": ReportedHealth(error=ANY)}


async def test_a_process_that_ends_takes_its_open_circuits_back(
    admission: DeliveryAdmission, reports: HealthReports, health: DestinationHealth
) -> None:
    permit = await admission.begin()
    assert permit is not None
    admission.end(permit, Failed("HTTP 503"))
    await reports.write()

    await reports.withdraw()

    assert await health.read(["mail"]) == {"mail": ReportedHealth(error=ANY)}


async def test_reports_that_failed_are_written_later(
    reports: HealthReports, health: DestinationHealth, connection: Connection
) -> None:
    await connection.redis.config_set("maxmemory", "1")
    reports.failed("mail", Refused("HTTP 400"))
    with pytest.raises(JournalUnavailableError):
        await reports.write()
    await connection.redis.config_set("maxmemory", "0")
    reports.failed("slack", Refused("HTTP 401"))
    await reports.write()

    reasons = [
        each.error and each.error.reason for each in (await health.read(["mail", "slack"])).values()
    ]
    assert reasons == ["HTTP 400", "HTTP 401"]


async def test_a_destination_that_refuses_all_is_tried_when_an_operator_asks(
    admission: DeliveryAdmission, paused: PausedDestinations, time: SetClock
) -> None:
    """Once: a trial that fails waits as before."""
    paused.update({"mail": Pause(kind=PauseKind.REFUSED, at=time.now)})
    assert admission.wait() == 60
    admission.retry_now()
    assert admission.wait() == 0

    await paused.refuse("mail", "HTTP 401")

    assert admission.wait() > 0
    paused.update({"mail": Pause(kind=PauseKind.PAUSED, at=time.now)})
    admission.retry_now()
    assert admission.wait() == float("inf")
