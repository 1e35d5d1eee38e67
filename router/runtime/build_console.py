"""Builds the console of operators, which every process serves beside the API."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from router.api.access import Access
from router.api.delivery_reading import DeliveryReader
from router.api.event_details import EventReader
from router.api.playground import Playground
from router.api.source_reading import SourceReader
from router.clock import Clock
from router.configuration.model import Configuration
from router.configuration.reload import Reloader
from router.console.alerts_page import AlertListPage
from router.console.audit_page import AuditPage
from router.console.events_page import EventListPage
from router.console.first_steps import FirstSteps
from router.console.frame_figures import FrameReader
from router.console.live_hub import LiveHub
from router.console.live_stream import LiveStream
from router.console.live_topics import state_topic
from router.console.login import LoginPages
from router.console.login_attempts import LoginAttempts
from router.console.login_links import LoginLinks
from router.console.one_alert import OneAlertPage
from router.console.one_event import OneEventPage
from router.console.overview import OverviewPage
from router.console.overview_figures import OverviewReader
from router.console.pages import ConsoleFrame
from router.console.session import Sessions
from router.console.silences_page import SilencePages
from router.console.source_pages import SourcePages
from router.events.masks import Masks
from router.journal.audit import Audit
from router.journal.connection import Connection
from router.journal.quarantine import Quarantine
from router.runtime.build_api import build_alert_messages
from router.runtime.build_operator_pages import (
    OperatorPageParts,
    build_operator_pages,
    destination_names,
)
from router.runtime.roles import WorkerConfig
from router.settings.model import Settings


class Console(msgspec.Struct, frozen=True):
    """The console of a process."""

    routes: list[web.RouteDef]
    hub: LiveHub
    """Its ``run`` is a task of the process; ``close`` it before the server drains."""


def build_console(  # noqa: PLR0913 - a console shows what all other parts have
    settings: Settings,
    connection: Connection,
    clock: Clock,
    access: Access,
    *,
    refusal: Callable[[], Awaitable[str | None]],
    reloader: Reloader | None,
    configuration: Callable[[], Configuration] | None,
    playground: Playground,
    worker: WorkerConfig | None,
    sources: SourceReader,
    quarantine: Quarantine,
) -> Console:
    """Return the console.

    Args:
        settings: The settings.
        connection: The Redis that it shows.
        clock: Time.
        access: Who may log in.
        refusal: Returns why this process refuses events; None if it accepts them.
        reloader: Knows the active rules; None in a process without rules.
        configuration: Returns the active configuration; None in a process without rules.
        playground: Tries edited rules.
        worker: Has the rules folder and the inbox; None in a process without rules.
        sources: Reads the sources of events.
        quarantine: The quarantine.
    """
    sessions = Sessions(access, clock.now, clock.new_id)
    figures = FrameReader(
        connection,
        clock,
        lambda: destination_names(configuration),
        refusal,
        lambda: "" if reloader is None else reloader.report.error,
        sources.refusing,
    )
    frame = ConsoleFrame(sessions, figures, clock)
    masks = Masks(settings.masked_fields)
    deliveries = DeliveryReader(connection)
    reader = EventReader(connection, clock, configuration, deliveries, masks)
    messages = build_alert_messages(settings, clock, masks, configuration)
    events = EventListPage(
        frame,
        connection,
        reader.history,
        clock,
        configuration,
        figures,
        is_kept=settings.history > 0,
    )
    alerts = AlertListPage(frame, connection, clock, configuration, masks)
    audit = Audit(connection, clock)
    parts = OperatorPageParts(
        settings=settings,
        connection=connection,
        clock=clock,
        access=access,
        playground=playground,
        worker=worker,
        configuration=configuration,
        reloader=reloader,
        quarantine=quarantine,
    )
    senders = SourcePages(frame, sources)
    more = build_operator_pages(frame, figures, parts)
    lately = OverviewReader(
        connection, clock, masks, None if reloader is None else lambda: reloader.report
    )
    overview = OverviewPage(
        frame,
        figures,
        lately,
        FirstSteps(settings, lately),
        configuration,
        is_kept=settings.history > 0,
    )
    topics = [overview.topic(), events.topic(), alerts.topic(), senders.topic(), *more.topics]
    hub = LiveHub([state_topic(figures), *topics])
    return Console(
        [
            *frame.static.routes(),
            *LiveStream(frame, hub).routes(),
            *overview.routes(),
            *events.routes(),
            *OneEventPage(frame, connection, clock, configuration, reader, deliveries).routes(),
            *alerts.routes(),
            *OneAlertPage(frame, connection, clock, deliveries, messages, masks).routes(),
            *AuditPage(frame, audit, clock).routes(),
            *senders.routes(),
            *SilencePages(frame, connection, clock, configuration).routes(),
            *more.routes,
            # The last ones, because they have the addresses that nothing else has.
            *LoginPages(
                frame,
                access,
                LoginAttempts(clock.monotonic),
                audit,
                LoginLinks(sessions.texts, clock.now, clock.new_id),
            ).routes(),
        ],
        hub,
    )
