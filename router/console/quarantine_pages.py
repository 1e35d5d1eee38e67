"""``/console/quarantine``: events that could not be decoded or evaluated; replay and discard."""

from typing import Final

from aiohttp import web

from router.api.quarantine import QuarantineApi, QuarantinePage
from router.api.records import RecordQuery, RecordSelection
from router.api.requests import BadRequestError
from router.console.page_forms import form_of
from router.console.page_links import HOME
from router.console.page_queries import page_query, with_query
from router.console.pages import ConsoleFrame
from router.console.record_actions import RecordWords, act_on_records, count_matching, wrong_filter

PATH: Final = f"{HOME}/quarantine"
_WORDS: Final = RecordWords("event", "events")
_FILTERS: Final = ("reason", "older_than", "newer_than")


class QuarantinePages:
    """Handlers of the list and of one event.

    Args:
        frame: The frame of the pages.
        quarantine: What the API does with the quarantine.
    """

    def __init__(self, frame: ConsoleFrame, quarantine: QuarantineApi) -> None:
        self._frame = frame
        self._quarantine = quarantine

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.list),
            self._frame.action(PATH, self.act),
            self._frame.page(f"{PATH}/{{id}}", self.show),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Show a page of events."""
        query = page_query(request, RecordQuery)
        page, problem = QuarantinePage((), ""), ""
        try:
            page = await self._quarantine.read_page(query)
        except BadRequestError as error:
            problem = wrong_filter(error)
        filters = {name: getattr(query, name) for name in _FILTERS}
        is_filtered = any(filters.values())
        selection = RecordSelection(all=not is_filtered, **filters)
        count = (
            await count_matching(request, self._quarantine, selection) if page.quarantine else None
        )
        return await self._frame.render(
            request,
            "quarantine.html.jinja",
            query=query,
            items=page.quarantine,
            count=count,
            problem=problem,
            is_filtered=is_filtered,
            filters=filters,
            next=with_query(PATH, query, after=page.after) if page.after else "",
            first=with_query(PATH, query, after="") if query.after else "",
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Replay or discard events."""
        form = form_of(request)
        said, kind = await act_on_records(request, self._quarantine, form, _WORDS)
        query = RecordQuery(
            reason=form.text("reason"),
            older_than=form.text("older_than"),
            newer_than=form.text("newer_than"),
        )
        return self._frame.redirect(request, with_query(PATH, query), said, kind)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show one event."""
        item = await self._quarantine.read("", request.match_info["id"])
        if item is None:
            message = "this event is not in quarantine any more: it was replayed or discarded"
            raise BadRequestError(message, status=404)
        details = self._quarantine.details(item)
        return await self._frame.render(
            request, "quarantined.html.jinja", details=details, item=details.item
        )
