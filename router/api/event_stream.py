"""Streams the events that match, as they are found: one JSON object a line.

A text search of a long history takes seconds. Its first hits arrive at once, and it ends when the
client closes the connection.
"""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.event_queries import EventQuery
from router.api.event_views import EventView, event_view
from router.clock import Clock
from router.destinations.rendering.summary import rfc3339
from router.errors import JournalUnavailableError
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory, HistoryPage
from router.history.records import EventRecord
from router.history.stored import Place

NDJSON: Final = "application/x-ndjson"
STREAM_SECONDS: Final = 60.0
"""How long one stream lasts at most."""
_HITS_AT_ONCE: Final = 20
_SCANNED_AT_ONCE: Final = 2000
"""Events between two lines with the progress, about."""


class StreamProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream has read."""

    scanned: int
    found: int
    reached_at: Annotated[
        str, Meta(description="Time of the event that was read last: RFC 3339, empty for none.")
    ]
    after: Annotated[str, Meta(description="Cursor to go on from here; empty at the end.")]


class EventLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a stream; it has one of these."""

    event: EventView | None = None
    progress: StreamProgress | None = None
    end: Annotated[
        str,
        Meta(
            description="Why it ends, in the last line: end (of history), limit, time or unavailable."
        ),
    ] = ""


def wants_stream(request: web.Request) -> bool:
    """Return whether a request accepts a stream."""
    accepted = request.headers.get(hdrs.ACCEPT, "")
    return any(each.partition(";")[0].strip().lower() == NDJSON for each in accepted.split(","))


class StreamStep(msgspec.Struct, frozen=True, kw_only=True):
    """The events that a stream has found since the step before."""

    events: tuple[EventView, ...]
    progress: StreamProgress
    end: str
    """As in ``EventLine``."""


def json_lines(step: StreamStep) -> bytes:
    """Return a step as the API writes it."""
    lines = [EventLine(event=each) for each in step.events]
    lines.append(EventLine(progress=step.progress, end=step.end))
    return b"".join(msgspec.json.encode(each) + b"\n" for each in lines)


async def stream_events(
    request: web.Request,
    history: EventHistory,
    query: EventQuery,
    clock: Clock,
    written: Callable[[StreamStep], bytes] = json_lines,
) -> web.StreamResponse:
    """Write the events that match, the newest first, until the end, the limit or the time.

    Args:
        request: The request that is answered.
        history: The events.
        query: The filter, the cursor and the limit.
        clock: Time.
        written: Returns the lines of a step.

    Raises:
        BadRequestError: The filter is invalid.
        ValueError: ``after`` is no cursor.
        JournalUnavailableError: Redis did not answer in time, before anything was written.
    """
    wanted, after = query.filter(clock.now()), query.after
    if after:
        Place.parse(after)
    ends_at = clock.monotonic() + STREAM_SECONDS
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: NDJSON,
            hdrs.CACHE_CONTROL: "no-store",
            "X-Accel-Buffering": "no",  # else a proxy keeps the first hits back
            "X-Content-Type-Options": "nosniff",
        }
    )
    progress = StreamProgress(scanned=0, found=0, reached_at="", after=after)
    end = ""
    while not end:
        limit = min(_HITS_AT_ONCE, query.limit - progress.found)
        items: tuple[EventRecord, ...] = ()
        try:
            page = await _page_in_turn(request, history, wanted, progress.after, limit)
        except JournalUnavailableError:
            if not response.prepared:
                raise
            end = "unavailable"
        else:
            items, progress = page.items, _advanced(progress, page)
            end = _end(progress, query.limit, is_late=clock.monotonic() >= ends_at)
        step = StreamStep(events=tuple(map(event_view, items)), progress=progress, end=end)
        if not await _write(request, response, written(step)):
            break
    return response


async def _page_in_turn(
    request: web.Request, history: EventHistory, wanted: EventFilter, after: str, limit: int
) -> HistoryPage[EventRecord]:
    """Return the next page; an empty one if the client is gone meanwhile."""
    async with history.turn:
        if _is_gone(request):
            return HistoryPage((), "", 0, 0.0)
        return await history.page(wanted, after, limit=limit, max_scanned=_SCANNED_AT_ONCE)


def _advanced(progress: StreamProgress, page: HistoryPage[EventRecord]) -> StreamProgress:
    """Return the progress after a further page."""
    return StreamProgress(
        scanned=progress.scanned + page.scanned,
        found=progress.found + len(page.items),
        reached_at=rfc3339(page.reached_at) if page.reached_at else "",
        after=page.after,
    )


def _end(progress: StreamProgress, limit: int, *, is_late: bool) -> str:
    """Return why a stream ends here; ``""`` if it does not."""
    if not progress.after:
        return "end"
    if progress.found >= limit:
        return "limit"
    return "time" if is_late else ""


async def _write(request: web.Request, response: web.StreamResponse, lines: bytes) -> bool:
    """Write lines; return False if the client is gone."""
    if _is_gone(request):
        return False
    if not response.prepared:
        await response.prepare(request)
    try:
        await response.write(lines)
    except ConnectionResetError:
        return False
    return True


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
