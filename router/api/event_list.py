"""``/api/v1/events``: the events of history, with what came of each, and why there was no more."""

from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, audit_entry, caller_of
from router.api.event_details import EventReader, UnknownEvent
from router.api.event_queries import EventDetailsQuery, EventQuery, EventSelection
from router.api.event_replaying import EventReplayer, EventReplayResult
from router.api.event_stream import NDJSON, EventLine, stream_events, wants_stream
from router.api.event_views import EventDetails, EventView, event_view
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import (
    operator_operation,
    operator_route,
    viewer_operation,
    viewer_route,
)
from router.api.requests import BAD_BODY, BAD_REQUEST, BadRequestError, decode_body, query_params
from router.clock import Clock
from router.destinations.rendering.summary import rfc3339
from router.history.event_history import MAX_SCANNED
from router.http.openapi import ResponseSpec
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.media_types import JSON

_PATH: Final = "/api/v1/events"
_REFERENCE: Final = f"{_PATH}/{{reference}}"
_ITEM: Final = f"{_PATH}/{{source}}/{{id}}"
_ANY_ITEM: Final = f"{_PATH}/{{source:[^/]+}}/{{id:[^/]+}}"
"""The same for aiohttp, which would else permit no braces in them."""
_BODY_LIMIT: Final = 1 << 18


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events, the newest first."""

    events: tuple[EventView, ...]
    after: Annotated[
        str, Meta(description="Cursor of the next page, empty at the end. A page may be empty.")
    ]
    scanned: Annotated[int, Meta(description="Events that were read for it.")]
    reached_at: Annotated[
        str, Meta(description="Time of the event that was read last: RFC 3339, empty for none.")
    ]


_UNKNOWN: Final = {404: ResponseSpec("No such event is known; the message says what to check.")}
_EXPLAINED: Final = (
    "Each rule of its type has its verdict by today's rules, with the parts of its condition and their"
    " values, and what was recorded when the event was evaluated: the outcome, the reason for which an"
    " alert was suppressed, and each delivery with its attempts. It says when the rules have changed"
    " since, and when a condition cannot be judged because history has not kept a field."
)
_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List events of history",
    {
        200: ResponseSpec(
            "A page, the newest first; or a stream of lines, if the Accept header asks for it.",
            EventPage,
            others={NDJSON: EventLine},
        ),
        **BAD_REQUEST,
    },
    description=(
        f"One request reads {MAX_SCANNED} events at most, so that a page may have fewer than limit;"
        f" repeat the request with after while it is not empty. With Accept: {NDJSON} the response is a"
        " stream: a line for each event as it is found, lines with the progress, and a last one that"
        " says why it ends. It reads on until limit events are found, for a minute at most, and stops"
        " when the client closes the connection."
    ),
    query=EventQuery,
)
_SHOW_REFERENCE: Final = viewer_operation(
    hdrs.METH_GET,
    _REFERENCE,
    "Explain an event, given its reference",
    {200: ResponseSpec("The event.", EventDetails), **_UNKNOWN, **BAD_REQUEST},
    description=_EXPLAINED,
    path_parameters={"reference": "16 hexadecimal digits, as in a list of events or deliveries."},
    query=EventDetailsQuery,
)
_SHOW: Final = viewer_operation(
    hdrs.METH_GET,
    _ITEM,
    "Explain an event, given its source and id",
    {200: ResponseSpec("The event.", EventDetails), **_UNKNOWN, **BAD_REQUEST},
    description=(
        f"{_EXPLAINED} An event that waits to be evaluated, or is in quarantine, is found as well."
        " A slash in source or id is written as %2F."
    ),
    path_parameters={"source": "The event's source, percent-encoded.", "id": "The event's id."},
    query=EventDetailsQuery,
)
_REPLAY: Final = operator_operation(
    hdrs.METH_POST,
    f"{_PATH}/replay",
    "Replay events of history",
    {200: ResponseSpec("The page was replayed.", EventReplayResult), **BAD_BODY},
    description=(
        "Accepts them again, the oldest first, and evaluates them by today's rules, although they are"
        " duplicates. They count again in rules that count, and destinations may be told again."
        " An event of which history has not kept the whole body is refused, with the reason. One"
        " request replays one page; repeat it with after and until_ms while after is not empty."
    ),
    body={JSON: EventSelection},
)
OPERATIONS: Final = (_LIST, _SHOW_REFERENCE, _SHOW, _REPLAY)
"""Descriptions of the routes."""


class EventsApi:
    """Handlers of events.

    Args:
        connection: To Redis.
        reader: Reads single events.
        clock: Time.
        access: The tokens.
        audit: The audit trail.
    """

    def __init__(
        self,
        connection: Connection,
        reader: EventReader,
        clock: Clock,
        access: Access,
        audit: Audit,
    ) -> None:
        self._audit = audit
        self._history = reader.history
        self._reader = reader
        self._replayer = EventReplayer(connection, clock)
        self._clock = clock
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; replays are for operators only."""
        item = viewer_route(_SHOW, self.show, self._access)
        return [
            viewer_route(_LIST, self.list, self._access),
            viewer_route(_SHOW_REFERENCE, self.show_reference, self._access),
            web.route(item.method, _ANY_ITEM, item.handler),
            operator_route(_REPLAY, self.replay, self._access),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of events, or stream those that match."""
        query = query_params(request, EventQuery)
        wanted = query.filter(self._clock.now())
        try:
            if wants_stream(request):
                return await stream_events(request, self._history, query, self._clock)
            page = await self._history.page(wanted, query.after, limit=query.limit)
        except ValueError as error:
            raise BadRequestError(f"after: {error}") from None
        return json_response(
            EventPage(
                events=tuple(map(event_view, page.items)),
                after=page.after,
                scanned=page.scanned,
                reached_at=rfc3339(page.reached_at) if page.reached_at else "",
            )
        )

    async def show_reference(self, request: web.Request) -> web.StreamResponse:
        """Return an event, given its reference."""
        query = query_params(request, EventDetailsQuery)
        reference = request.match_info["reference"]
        return _response(await self._reader.of_reference(reference, rule=query.rule))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return an event, given its source and id."""
        query = query_params(request, EventDetailsQuery)
        source, event_id = request.match_info["source"], request.match_info["id"]
        return _response(await self._reader.details(source, event_id, rule=query.rule))

    async def replay(self, request: web.Request) -> web.StreamResponse:
        """Replay a page of events."""
        selection = await decode_body(request, EventSelection, limit=_BODY_LIMIT)
        result = await self._replayer.replay(selection)
        if result.replayed and not result.dry_run:
            entry = audit_entry(
                caller_of(request),
                AuditAction.REPLAYED,
                Audited.EVENTS,
                details={"events": result.replayed, **selection.described()},
            )
            await self._audit.record(entry)
        return json_response(result)


def _response(found: EventDetails | UnknownEvent) -> web.Response:
    if isinstance(found, UnknownEvent):
        return error_response(404, "no_such_event", found.message)
    return json_response(found)
