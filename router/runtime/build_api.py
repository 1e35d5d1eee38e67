"""Builds the API of operators, health checks and metrics, which every process serves.

The API shows and changes state in Redis, so that any process can answer for all of them.
"""

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from router.api import openapi as operator_api
from router.api.access import Access
from router.api.alert_messages import AlertMessages
from router.api.audit import AuditApi
from router.api.dead_letters import DeadLettersApi
from router.api.delivery_discarding import WaitingDiscardApi
from router.api.delivery_list import DeliveriesApi
from router.api.delivery_reading import DeliveryReader
from router.api.destinations import DestinationsApi, KnownDestinations
from router.api.event_details import EventReader
from router.api.event_list import EventsApi
from router.api.keyed_alerts import KeyedAlertsApi
from router.api.message_testing import MessageTestApi
from router.api.quarantine import QuarantineApi
from router.api.reload import ReloadApi
from router.api.rule_events import RuleEventsApi
from router.api.rules import RulesApi
from router.api.silences import SilencesApi
from router.api.stats import StatsApi
from router.clock import Clock
from router.configuration.model import Configuration
from router.configuration.reload import Reloader
from router.destinations.contract import Environment
from router.events.masks import Masks
from router.history.event_history import EventHistory
from router.http import health
from router.http.health import HealthEndpoints
from router.ingress import openapi as ingress
from router.ingress.admission import AdmissionControl
from router.journal import redis_health
from router.journal.alert_gauges import AlertGauges
from router.journal.audit import Audit
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetters
from router.journal.discard_open import DiscardOpen
from router.journal.history_log import HistoryLimits
from router.journal.keyed_alerts import KeyedAlerts
from router.journal.quarantine import Quarantine
from router.journal.silences import Silences
from router.metrics import Metrics
from router.offline.preview_destinations import FindDestination, PreviewDestinations
from router.rules.model import Rule
from router.rules.state.alert_limits import AlertLimits
from router.settings.model import Settings
from router.sources.mapping import MappingLimits
from router.sources.mapping_budget import MappingBudget
from router.sources.replay import RequestReplay
from router.sources.spec import SourceSpec

OPERATIONS: Final = (
    *ingress.OPERATIONS,
    *health.OPERATIONS,
    *operator_api.OPERATIONS,
)
"""Descriptions of all routes; a process refuses to start with a route that has none."""


def store_gauges(
    connection: Connection,
    metrics: Metrics,
    clock: Clock,
    limits: AlertLimits,
) -> Callable[[], Awaitable[bool]]:
    """Return what sets the gauges to what Redis contains, and returns whether Redis has answered.

    Args:
        connection: The Redis.
        metrics: Has the gauges.
        clock: Time.
        limits: Keyed alerts at a time.
    """
    alerts = AlertGauges(connection, metrics, clock, limits)
    return functools.partial(redis_health.update_gauges, connection, metrics, clock.now, alerts)


def build_health(
    update_store_gauges: Callable[[], Awaitable[bool]],
    admission: AdmissionControl,
    reloader: Reloader | None,
    metrics: Metrics,
    may_see_all: Callable[[web.Request], bool],
) -> HealthEndpoints:
    """Return the endpoints of health checks and metrics.

    Args:
        update_store_gauges: Sets the gauges of Redis, and returns whether it has answered.
        admission: Knows whether the process is ready.
        reloader: Knows the active rules; None in a process without rules.
        metrics: The process's metrics.
        may_see_all: Returns whether a request comes from an operator or a viewer.
    """

    async def update_gauges() -> None:
        reason = await admission.not_ready_reason()
        metrics.accepting.set(reason is None)
        refusal = await admission.store_refusal()
        has_answered = await update_store_gauges()
        metrics.redis_memory_used_ratio.set(admission.memory_used_ratio)
        metrics.redis_up.set(has_answered and not refusal)

    return HealthEndpoints(
        metrics,
        not_ready_reason=admission.not_ready_reason,
        update_gauges=update_gauges,
        details=functools.partial(_rules_details, reloader),
        may_see_all=may_see_all,
    )


def build_reload_routes(
    reloader: Reloader | None, access: Access, audit: Audit
) -> list[web.RouteDef]:
    """Return the routes of reload; ``reloader`` is None in a process without rules."""
    reload_now = None if reloader is None else functools.partial(reloader.reload, "request")
    return ReloadApi(reload_now, access, audit).routes()


def build_quarantine(
    settings: Settings,
    connection: Connection,
    clock: Clock,
    sources: Callable[[], Sequence[SourceSpec]],
) -> Quarantine:
    """Return the quarantine, which maps the requests of the active sources again."""
    limits = MappingLimits.of(settings)
    budget = functools.partial(MappingBudget, settings.max_body, clock.monotonic)
    replay = RequestReplay(sources, limits, clock.new_id, budget)
    return Quarantine(connection, clock, replay.events)


def build_operator_routes(
    connection: Connection,
    destination_names: Callable[[], Iterable[str]],
    clock: Clock,
    access: Access,
    masks: Masks,
    quarantine: Quarantine,
) -> list[web.RouteDef]:
    """Return the routes of alerts, destinations, dead letters, quarantine and statistics.

    Args:
        connection: The Redis that contains them.
        destination_names: Returns the destinations that this process knows from its rules.
        clock: Time.
        access: Who may call.
        masks: The fields of events that are not shown.
        quarantine: The quarantine.
    """
    known = KnownDestinations(connection, destination_names)
    audit = Audit(connection, clock)
    return [
        *KeyedAlertsApi(connection, clock, access, masks).routes(),
        *DestinationsApi(connection, destination_names, clock, access).routes(),
        *MessageTestApi(connection, known, clock, access, audit).routes(),
        *DeadLettersApi(
            DeadLetters(connection, clock), known, clock, access, audit, masks
        ).routes(),
        *QuarantineApi(quarantine, clock, access, audit, masks).routes(),
        *AuditApi(audit, clock, access).routes(),
        *StatsApi(connection, clock, access).routes(),
    ]


def build_history_routes(
    connection: Connection,
    clock: Clock,
    access: Access,
    masks: Masks,
    configuration: Callable[[], Configuration] | None,
) -> list[web.RouteDef]:
    """Return the routes of events and deliveries.

    Args:
        connection: The Redis that contains them.
        clock: Time.
        access: Who may call.
        masks: The fields of events that are not shown.
        configuration: Returns the active configuration; None in a process without rules.
    """
    deliveries = DeliveryReader(connection)
    events = EventReader(connection, clock, configuration, deliveries, masks)
    return [
        *EventsApi(connection, events, clock, access, Audit(connection, clock)).routes(),
        *DeliveriesApi(deliveries, clock, access).routes(),
    ]


def build_discard_routes(
    connection: Connection,
    destination_names: Callable[[], Iterable[str]],
    clock: Clock,
    access: Access,
    limits: HistoryLimits,
) -> list[web.RouteDef]:
    """Return the route by which deliveries that wait are discarded; see ``build_discard``."""
    return build_discard(connection, destination_names, clock, access, limits).routes()


def build_discard(
    connection: Connection,
    destination_names: Callable[[], Iterable[str]],
    clock: Clock,
    access: Access,
    limits: HistoryLimits,
) -> WaitingDiscardApi:
    """Return what discards deliveries that wait.

    Args:
        connection: The Redis that contains them.
        destination_names: Returns the destinations that this process knows from its rules.
        clock: Time.
        access: Who may call.
        limits: Those of history, which gets what is discarded.
    """
    known = KnownDestinations(connection, destination_names)
    operator = DiscardOpen(connection, clock, limits)
    return WaitingDiscardApi(operator, known, clock, access, Audit(connection, clock))


def build_silence_routes(
    connection: Connection,
    clock: Clock,
    access: Access,
    rules: Callable[[], Mapping[str, Rule]] | None,
) -> list[web.RouteDef]:
    """Return the routes of silences; ``rules`` is None in a process without rules."""
    alerts = KeyedAlerts(connection)
    silences, audit = Silences(connection, clock), Audit(connection, clock)
    return SilencesApi(silences, access, audit, clock.now, alerts, rules).routes()


def build_alert_messages(
    settings: Settings,
    clock: Clock,
    masks: Masks,
    configuration: Callable[[], Configuration] | None,
) -> AlertMessages:
    """Return what renders messages about alerts, without links to act on them.

    Args:
        settings: The settings.
        clock: Time.
        masks: The fields of events that are not shown.
        configuration: Returns the active configuration; None in a process without rules.
    """
    return AlertMessages(preview_finder(settings, clock, configuration), masks)


def preview_finder(
    settings: Settings, clock: Clock, configuration: Callable[[], Configuration] | None
) -> FindDestination | None:
    """Return what finds a destination to render messages for; None in a process without rules.

    The arguments are those of ``build_alert_messages``.
    """
    if configuration is None:
        return None
    environment = Environment(
        egress=settings.egress,
        now=clock.now,
        on_template_error=lambda _line: None,
        masks=Masks(settings.masked_fields),
    )
    return PreviewDestinations(configuration, environment).find


def build_rule_routes(
    connection: Connection,
    clock: Clock,
    access: Access,
    masks: Masks,
    rules: Callable[[], Mapping[str, Rule]] | None,
    configuration: Callable[[], Configuration] | None,
) -> list[web.RouteDef]:
    """Return the routes of rules; both functions are None in a process without rules."""
    return [
        *RulesApi(rules, connection, clock, access).routes(),
        *RuleEventsApi(configuration, EventHistory(connection, masks), access).routes(),
    ]


def _rules_details(reloader: Reloader | None) -> Mapping[str, Any]:
    """Return what ``/readyz`` shows of the rules; nothing in a process without rules."""
    if reloader is None:
        return {}
    report = reloader.report
    details: dict[str, Any] = {
        "generation": report.generation,
        "rules": report.rules,
        "destinations": report.destinations,
    }
    return {"rules": {**details, "error": report.error} if report.error else details}
