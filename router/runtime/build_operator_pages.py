"""Builds the pages of rules, destinations, dead letters and quarantine, the playground and the inbox."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from router.api.access import Access
from router.api.dead_letters import DeadLettersApi
from router.api.destination_actions import DestinationActions
from router.api.destinations import KnownDestinations
from router.api.message_testing import MessageTestApi
from router.api.playground import Playground
from router.api.quarantine import QuarantineApi
from router.clock import Clock
from router.configuration.model import Configuration
from router.configuration.reload import Reloader
from router.console.dead_letter_pages import DeadLetterPages
from router.console.destination_pages import DestinationPages
from router.console.discard_waiting_page import DiscardWaitingPage
from router.console.frame_figures import FrameReader
from router.console.inbox_page import InboxPage
from router.console.live_hub import Topic
from router.console.pages import ConsoleFrame
from router.console.playground_page import PlaygroundPage
from router.console.quarantine_pages import QuarantinePages
from router.console.rule_pages import RulePages
from router.console.starting_events import StartingEvents
from router.events.masks import Masks
from router.history.event_history import EventHistory
from router.journal.audit import Audit
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetters
from router.journal.history_log import HistoryLimits
from router.journal.quarantine import Quarantine
from router.runtime.build_api import build_discard, preview_finder
from router.runtime.roles import WorkerConfig
from router.settings.model import Settings


class OperatorPageParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that the pages show and change."""

    settings: Settings
    connection: Connection
    clock: Clock
    access: Access
    playground: Playground
    worker: WorkerConfig | None
    """This and the others are None in a process without rules."""
    configuration: Callable[[], Configuration] | None
    """Returns the active configuration."""
    reloader: Reloader | None
    quarantine: Quarantine


class OperatorPages(msgspec.Struct, frozen=True):
    """The pages."""

    routes: list[web.RouteDef]
    topics: list[Topic]
    """The topics that move on them."""


def build_operator_pages(
    frame: ConsoleFrame, figures: FrameReader, parts: OperatorPageParts
) -> OperatorPages:
    """Return the pages."""
    connection, clock, configuration = parts.connection, parts.clock, parts.configuration
    masks = Masks(parts.settings.masked_fields)
    audit = Audit(connection, clock)
    known = KnownDestinations(connection, lambda: destination_names(configuration))
    letters = DeadLettersApi(
        DeadLetters(connection, clock), known, clock, parts.access, audit, masks
    )
    quarantine = QuarantineApi(parts.quarantine, clock, parts.access, audit, masks)
    find = preview_finder(parts.settings, clock, configuration)
    folder = None if parts.worker is None else parts.worker.source.folder
    inbox = None if parts.worker is None or parts.worker.inbox is None else parts.worker.inbox
    history = EventHistory(connection, masks)
    actions = DestinationActions(connection, clock)
    settings = parts.settings
    limits = HistoryLimits(age_seconds=settings.history, share=settings.history_memory)
    tests = MessageTestApi(connection, known, clock, parts.access, audit)
    waiting = build_discard(
        connection, lambda: destination_names(configuration), clock, parts.access, limits
    )
    destinations = DestinationPages(frame, connection, clock, configuration, actions, tests)
    topics = [destinations.topic()]
    routes = [
        *RulePages(frame, connection, history, clock, configuration, parts.reloader).routes(),
        *PlaygroundPage(
            frame, parts.playground, folder, configuration, StartingEvents(history)
        ).routes(),
        *destinations.routes(),
        *DiscardWaitingPage(frame, waiting).routes(),
        *DeadLetterPages(frame, letters, figures, find, masks).routes(),
        *QuarantinePages(frame, quarantine).routes(),
    ]
    if inbox is None:
        return OperatorPages(routes, topics)
    page = InboxPage(frame, inbox)
    return OperatorPages([*routes, *page.routes()], [*topics, page.topic()])


def destination_names(configuration: Callable[[], Configuration] | None) -> list[str]:
    """Return the destinations of the active configuration; none in a process without rules."""
    if configuration is None:
        return []
    return [spec.name for spec in configuration().destinations]
