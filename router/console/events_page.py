"""``/console/events``: the events of history, the newest first, by a filter whose state is in the address.

A page reads a bounded number of events. Where a filter finds little in them, ``search`` goes on from
there: it sends rows as it finds them, until the list is full, history ends, or the browser leaves.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from router.api.event_queries import EventQuery
from router.api.event_stream import StreamStep, stream_events
from router.api.event_views import EventView, event_view
from router.api.json_responses import json_response
from router.api.requests import BadRequestError, handle_errors
from router.clock import Clock
from router.configuration.model import Configuration
from router.console.empty_state import EmptyState
from router.console.filter_choices import age_choices, rule_names
from router.console.frame_figures import FrameFigures, FrameReader
from router.console.live_hub import Topic
from router.console.page_filters import exact_time, sentence
from router.console.page_links import HOME
from router.console.page_queries import page_query, with_query
from router.console.page_templates import render_part
from router.console.pages import ConsoleFrame
from router.events.schemas import SCHEMAS
from router.history.event_history import EventHistory, HistoryPage
from router.history.log_reader import LogReader
from router.history.records import EventOutcome, EventRecord
from router.journal.connection import Connection
from router.journal.history_log import EVENTS
from router.quantities import counted, number
from router.timestamps import utc_second

PATH: Final = f"{HOME}/events"
TOPIC: Final = "events"
_TYPES: Final = 300
"""Types that the filter offers."""
_SCANNED: Final = 10_000
"""Events that a page reads before it is shown."""
_NEWER: Final = 500
"""New events that are compared with a filter."""
_SPANS: Final = (
    ("", "any time"),
    ("15m", "last 15 min"),
    ("1h", "last hour"),
    ("6h", "last 6 h"),
    ("24h", "last day"),
    ("7d", "last 7 days"),
)


class NewerCount(msgspec.Struct, frozen=True):
    """How many events are newer than those of an open page, and match its filter."""

    number: int


class EventListPage:
    """Handlers of the list.

    Args:
        frame: The frame of the pages.
        connection: To Redis.
        history: The events, masked.
        clock: Time.
        configuration: Returns the active rules; None in a process without rules.
        figures: Says how many events there were.
        is_kept: Whether history is on.
    """

    def __init__(  # noqa: PLR0913 - a list shows what many parts have
        self,
        frame: ConsoleFrame,
        connection: Connection,
        history: EventHistory,
        clock: Clock,
        configuration: Callable[[], Configuration] | None,
        figures: FrameReader,
        *,
        is_kept: bool,
    ) -> None:
        self._frame = frame
        self._history = history
        self._log = LogReader(connection, EVENTS)
        self._clock = clock
        self._configuration = configuration
        self._figures = figures
        self._is_kept = is_kept

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.page),
            self._frame.stream(f"{PATH}/search", handle_errors(self.search)),
            self._frame.stream(f"{PATH}/newer", handle_errors(self.newer)),
        ]

    def topic(self) -> Topic:
        """Return the topic that says how many events were evaluated."""
        return Topic(name=TOPIC, read=self._figures.read, show=lambda found, _: _evaluated(found))

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show a page of events."""
        problem = ""
        query, found = EventQuery(), HistoryPage[EventRecord]((), "", 0, 0.0)
        try:
            query = page_query(request, EventQuery)
            found = await self._read(query)
        except BadRequestError as error:
            problem = sentence(str(error))
        events = [event_view(each) for each in found.items]
        is_cut = bool(found.after) and len(events) < query.limit
        on = with_query(f"{PATH}/search", query, after=found.after)
        return await self._frame.render(
            request,
            "events.html.jinja",
            events=events,
            query=query,
            is_filtered=_is_narrowed(query),
            is_cut=is_cut,
            problem=problem,
            progress=_progress(found) if is_cut else "",
            scanned=found.scanned,
            next=with_query(PATH, query, after=found.after) if found.after else "",
            first=with_query(PATH, query, after="") if query.after else "",
            search_on=on if is_cut else "",
            newer=await self._newer_link(query),
            is_first=not query.after,
            empty=None if events or problem else await self._empty(query, is_cut=is_cut),
            empty_at_end=await self._empty(query) if is_cut and not events else None,
            types=self._types(events),
            sources=sorted({event.source for event in events}),
            rule_names=rule_names(self._configuration),
            outcomes=[("", "any"), *((each.value, each.value) for each in EventOutcome)],
            spans=age_choices(_SPANS, query.newer_than),
        )

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Send the rows that a filter finds, as lines of JSON: a line for each step of the search."""
        query = page_query(request, EventQuery)
        frame = {"now": self._clock.now()}

        def written(step: StreamStep) -> bytes:
            rows = "".join(
                render_part("event_parts.html.jinja", "row", {"frame": frame}, each)
                for each in step.events
            )
            after = step.progress.after
            line = {
                "rows": rows,
                "scanned": step.progress.scanned,
                "reached": exact_time(step.progress.reached_at),
                "next": with_query(PATH, query, after=after) if after else "",
            }
            return msgspec.json.encode(line) + b"\n"

        try:
            return await stream_events(request, self._history, query, self._clock, written)
        except ValueError as error:
            raise BadRequestError(f"after: {error}") from None

    async def newer(self, request: web.Request) -> web.StreamResponse:
        """Return how many events that match are newer than the position ``after``."""
        query = page_query(request, EventQuery)
        wanted = query.filter(self._clock.now())
        test = wanted.stored_test()
        try:
            found = await self._history.after(query.after, limit=_NEWER)
        except ValueError as error:
            raise BadRequestError(f"after: {error}") from None
        amount = sum(1 for each in found if test(each) and wanted.matches(each))
        return json_response(NewerCount(amount))

    async def _read(self, query: EventQuery) -> HistoryPage[EventRecord]:
        wanted = query.filter(self._clock.now())
        try:
            return await self._history.page(
                wanted, query.after, limit=query.limit, max_scanned=_SCANNED
            )
        except ValueError as error:
            raise BadRequestError(f"after: {error}") from None

    async def _newer_link(self, query: EventQuery) -> str:
        """Return the address that counts what will be newer than all that there is now."""
        if query.after or not _is_narrowed(query):
            return ""
        return with_query(f"{PATH}/newer", query, after=await self._history.newest())

    async def _empty(self, query: EventQuery, *, is_cut: bool = False) -> EmptyState:
        """Return why the list is empty, and what would fill it."""
        if not self._is_kept:
            return EmptyState(
                title="History is off",
                text="ROUTER_HISTORY is 0, so that no event is kept after it was evaluated."
                " Set it to a time such as 7d to see events here.",
            )
        segments = await self._log.segments()
        if not segments:
            return EmptyState(
                title="No event has come yet",
                text="An event is listed here as soon as it was evaluated. Send the sample:",
                command="router send --sample",
            )
        begins = f"History begins at {utc_second(segments[-1].first_ms / 1000)}."
        if is_cut:
            return EmptyState(
                title="Nothing found so far",
                text=f"The newest {number(_SCANNED)} events do not match; older ones may. {begins}",
            )
        if not _is_narrowed(query):
            return EmptyState(title="No further event", text=begins, href=PATH, link="The newest")
        if query.text:
            return EmptyState(
                title="No event of history has this text and matches the filter",
                text=f"{begins} If the text is the id of an event, it may still wait, or be in"
                " quarantine, or it was never accepted.",
                href=f"{PATH}/find?{urlencode({'id': query.text})}",
                link="Look for this id everywhere",
            )
        return EmptyState(
            title="No event matches the filter",
            text=f"All of history was searched. {begins} Type and source are exact; a type may end"
            " with *.",
            href=PATH,
            link="Show all events",
        )

    def _types(self, events: list[EventView]) -> list[str]:
        """Return types to choose from: those listed and those of rules, then the documented ones."""
        used = {event.type for event in events}
        if self._configuration is not None:
            rules = self._configuration().rules.rules
            used.update(each for rule in rules for each in rule.events)
        return [*sorted(used), *(each for each in SCHEMAS if each not in used)][:_TYPES]


def _evaluated(figures: FrameFigures) -> dict[str, str | int]:
    return {"number": figures.ledger.accepted - figures.ledger.pending}


def _is_narrowed(query: EventQuery) -> bool:
    plain = EventQuery(limit=query.limit, after=query.after)
    return query != plain


def _progress(found: HistoryPage[EventRecord]) -> str:
    back = f", back to {exact_time(found.reached_at)}" if found.reached_at else ""
    return f"{counted(found.scanned, 'event')} searched{back}."
