"""The addresses of a process with the routes of each, and the tasks that run beside its servers.

A process listens on one port or on two: then one serves senders and recipients of alerts, the other
operators, Prometheus and probes, so that a firewall can separate them.
"""

import socket

import msgspec
from aiohttp import web

from router.api.alert_messages import AlertMessagesApi
from router.api.playground import Playground, PlaygroundApi
from router.api.source_list import SourcesApi
from router.events.masks import Masks
from router.http.connection import ListenAddress
from router.http.health import HealthEndpoints
from router.http.openapi_endpoint import OpenApiEndpoint
from router.ingress.source_operations import SourceOperations
from router.journal import schema
from router.journal.audit import Audit
from router.journal.history_log import HistoryLimits
from router.journal.rules_in_use import RulesInUseRecord
from router.runtime import build_api, build_ingress
from router.runtime.app_parts import AppParts
from router.runtime.build_worker import alert_limits
from router.runtime.roles import Background
from router.runtime.rules_presence import RulesPresence


class Port(msgspec.Struct, frozen=True):
    """An address to listen on."""

    address: ListenAddress
    routes: list[web.RouteDef]


def build_ports(parts: AppParts) -> tuple[list[Port], list[Background]]:
    """Return the addresses of a process, that of senders first, and its tasks."""
    settings, roles, worker = parts.settings, parts.roles, parts.worker
    health = _health(parts)
    public, more_operations, intake_tasks = _intake(parts)
    operations = [*health.routes(), *_api_routes(parts), *more_operations]
    description = OpenApiEndpoint(
        [*operations, *public],
        build_api.OPERATIONS,
        settings.public_url,
        SourceOperations(parts.active_sources).current if roles.ingress else tuple,
    ).routes()
    # Pages for people, which the description of the API leaves out.
    pages = parts.console.routes
    background: list[Background] = [
        ("admission", parts.admission.watch()),
        ("clock", parts.redis_clock.run()),
        ("schema", schema.check_version_later(parts.redis.ingress)),
        ("playground", parts.playground.run()),
        ("series", parts.series.run()),
        ("console", parts.console.hub.run()),
        *intake_tasks,
    ]
    if parts.redis.primary_watch is not None:
        background.append(("primary", parts.redis.primary_watch.run()))
    if parts.folder is not None:
        background += parts.folder.background()
        stored = RulesInUseRecord(parts.redis.worker, parts.clock)
        presence = RulesPresence(stored, parts.folder.configuration, socket.gethostname())
        background.append(("rules in use", presence.run()))
    if worker is not None:
        background += worker.background()
    address = ListenAddress(settings.host, roles.port, roles.inherited_socket)
    if roles.operations_port is None:
        return [Port(address, [*operations, *public, *description, *pages])], background
    operations_address = ListenAddress(
        settings.operations_host or settings.host,
        roles.operations_port,
        roles.inherited_operations_socket,
    )
    return [
        Port(address, [*public, *health.public_routes()]),
        Port(operations_address, [*operations, *description, *pages]),
    ], background


def _health(parts: AppParts) -> HealthEndpoints:
    def may_see_all(request: web.Request) -> bool:
        is_open = parts.roles.operations_port is not None or not parts.roles.ingress
        return is_open or parts.access.caller(request) is not None

    return build_api.build_health(
        build_api.store_gauges(
            parts.redis.ingress, parts.metrics, parts.clock, alert_limits(parts.settings)
        ),
        parts.admission,
        None if parts.worker is None else parts.worker.reloader,
        parts.metrics,
        may_see_all,
    )


def _intake(
    parts: AppParts,
) -> tuple[list[web.RouteDef], list[web.RouteDef], list[Background]]:
    """Return the routes of senders, those of operators about them, and the tasks of the intake."""
    settings, roles, redis = parts.settings, parts.roles, parts.redis
    if not roles.ingress and roles.stream is None:
        return [], [], []
    intake, tasks = build_ingress.build_intake(
        settings, redis.ingress, parts.admission, parts.source_record, parts.metrics, parts.clock
    )
    intake = build_ingress.traced(settings, intake, roles.traces)
    public: list[web.RouteDef] = []
    operations: list[web.RouteDef] = []
    if roles.ingress:
        public, operations = build_ingress.build_ingress_routes(
            settings, redis.ingress, intake, parts.access, parts.active_sources
        )
    if roles.stream is not None:
        reader = build_ingress.build_stream_reader(settings, redis.worker, intake, roles.stream)
        tasks = [*tasks, reader]
    return public, operations, tasks


def _api_routes(parts: AppParts) -> list[web.RouteDef]:
    settings, clock, access, redis = parts.settings, parts.clock, parts.access, parts.redis
    switch = None if parts.worker is None else parts.worker.switch
    names = frozenset if switch is None else switch.destination_names
    rules = None if switch is None else switch.rules
    active = None if switch is None else switch.configuration
    masks = Masks(settings.masked_fields)
    messages = build_api.build_alert_messages(settings, clock, masks, active)
    history = HistoryLimits(age_seconds=settings.history, share=settings.history_memory)
    return [
        *build_api.build_reload_routes(
            None if parts.folder is None else parts.folder.reloader,
            access,
            Audit(redis.worker, clock),
        ),
        *build_api.build_operator_routes(
            redis.worker, names, clock, access, masks, parts.quarantine
        ),
        *build_api.build_history_routes(redis.worker, clock, access, masks, active),
        *build_api.build_discard_routes(redis.worker, names, clock, access, history),
        *build_api.build_silence_routes(redis.ingress, clock, access, rules),
        *PlaygroundApi(Playground(parts.playground, clock), access).routes(),
        *AlertMessagesApi(redis.worker, messages, access).routes(),
        *SourcesApi(parts.sources, access).routes(),
        *build_api.build_rule_routes(redis.worker, clock, access, masks, rules, active),
    ]
