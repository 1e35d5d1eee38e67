"""``/console/destinations/<name>/discard``: drop deliveries that wait; counted before it happens."""

from typing import Final

import msgspec
from aiohttp import web

from router.api.access import Role, caller_of
from router.api.delivery_discarding import WaitingDiscardApi, WaitingSelection
from router.api.requests import BadRequestError
from router.console.page_forms import form_of
from router.console.page_links import HOME
from router.console.page_queries import page_query
from router.console.pages import ConsoleFrame
from router.console.record_actions import (
    ACTION_SECONDS,
    COUNT_SECONDS,
    RecordCount,
    pages_of,
    wrong_filter,
)
from router.quantities import counted

PATH: Final = f"{HOME}/destinations/{{name}}/discard"


class DiscardQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The deliveries to count; an empty field matches all."""

    rule: str = ""
    older_than: str = ""
    newer_than: str = ""


class DiscardWaitingPage:
    """Handlers of the page.

    Args:
        frame: The frame of the pages.
        waiting: What the API does with deliveries that wait.
    """

    def __init__(self, frame: ConsoleFrame, waiting: WaitingDiscardApi) -> None:
        self._frame = frame
        self._waiting = waiting

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.page),
            self._frame.action(PATH, self.act, role=Role.OPERATOR),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show how many deliveries match a filter."""
        query = page_query(request, DiscardQuery)
        name = request.match_info["name"]
        count, problem = RecordCount(0, is_exact=True), ""
        try:
            count = await self._count(request, _selection(name, query))
        except BadRequestError as error:
            problem = wrong_filter(error)
        return await self._frame.render(
            request,
            "discard_waiting.html.jinja",
            name=name,
            query=query,
            count=count,
            problem=problem,
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Discard the deliveries that match the filter of the form."""
        form = form_of(request)
        name = request.match_info["name"]
        query = DiscardQuery(
            rule=form.text("rule"),
            older_than=form.text("older_than"),
            newer_than=form.text("newer_than"),
        )
        found = await self._pages(request, _selection(name, query), ACTION_SECONDS)
        said = f"Discarded {counted(found.amount, 'delivery', 'deliveries')} to {name}."
        if found.in_flight:
            left = counted(found.in_flight, "delivery is", "deliveries are")
            said += f" {left} in flight and left."
        if not found.is_exact:
            said += " There are more: discard again."
        kind = "good" if found.amount and found.is_exact else "warning"
        return self._frame.redirect(request, f"{HOME}/destinations/{name}", said, kind)

    async def _count(self, request: web.Request, selection: WaitingSelection) -> RecordCount:
        dry = msgspec.structs.replace(selection, dry_run=True)
        return await self._pages(request, dry, COUNT_SECONDS)

    async def _pages(
        self, request: web.Request, selection: WaitingSelection, seconds: float
    ) -> RecordCount:
        """Count or discard page after page, for some seconds at most."""
        caller, amount, in_flight, after = caller_of(request), 0, 0, ""
        async for page in pages_of(
            lambda each: self._waiting.discard_page(each, caller), selection, seconds
        ):
            amount, in_flight = amount + page.discarded, in_flight + page.in_flight
            after = page.after
        return RecordCount(amount, is_exact=not after, in_flight=in_flight)


def _selection(name: str, query: DiscardQuery) -> WaitingSelection:
    is_all = not (query.rule or query.older_than or query.newer_than)
    return WaitingSelection(
        destination=name,
        rule=query.rule,
        older_than=query.older_than,
        newer_than=query.newer_than,
        all=is_all,
    )
