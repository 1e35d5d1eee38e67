"""``/console/dead-letters``: deliveries that were given up, of one destination; replay and discard."""

from typing import Final

import msgspec
from aiohttp import web

from router.alerts import Delivery, Preview
from router.api.dead_letters import (
    DeadLetterPage,
    DeadLetterQuery,
    DeadLettersApi,
    DeadLetterSelection,
)
from router.api.requests import BadRequestError
from router.console.frame_figures import FrameReader
from router.console.page_forms import form_of
from router.console.page_links import HOME
from router.console.page_queries import page_query, with_query
from router.console.pages import ConsoleFrame
from router.console.record_actions import RecordWords, act_on_records, count_matching, wrong_filter
from router.events.masks import Masks
from router.offline.preview_destinations import FindDestination

PATH: Final = f"{HOME}/dead-letters"
_WORDS: Final = RecordWords("dead letter", "dead letters")
_FILTERS: Final = ("rule", "reason", "older_than", "newer_than")


class DestinationTab(msgspec.Struct, frozen=True):
    """A destination with dead letters."""

    text: str
    href: str
    count: int
    current: bool


class DeadLetterPages:
    """Handlers of the list and of one dead letter.

    Args:
        frame: The frame of the pages.
        letters: What the API does with dead letters.
        figures: How many each destination has.
        find: Finds a destination to render a request for; None in a process without rules.
        masks: The fields of events that are not shown.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        letters: DeadLettersApi,
        figures: FrameReader,
        find: FindDestination | None,
        masks: Masks,
    ) -> None:
        self._frame = frame
        self._letters = letters
        self._figures = figures
        self._find = find
        self._masks = masks

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.list),
            self._frame.action(PATH, self.act),
            self._frame.page(f"{PATH}/{{destination}}/{{id}}", self.show),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Show a page of the dead letters of a destination: of the one that has most, if none is named."""
        query = page_query(request, DeadLetterQuery)
        dead = await self._dead()
        if not query.destination and dead:
            query = msgspec.structs.replace(
                query, destination=max(dead, key=lambda each: dead[each])
            )
        tabs = [
            DestinationTab(
                name,
                with_query(PATH, DeadLetterQuery(destination=name)),
                amount,
                name == query.destination,
            )
            for name, amount in sorted(dead.items())
        ]
        page = DeadLetterPage((), "")
        count, problem = None, ""
        if query.destination:
            try:
                page = await self._letters.read_page(query)
            except BadRequestError as error:
                problem = wrong_filter(error)
            if page.dead_letters:
                count = await count_matching(request, self._letters, _matching(query))
        return await self._frame.render(
            request,
            "dead_letters.html.jinja",
            query=query,
            tabs=tabs,
            letters=page.dead_letters,
            count=count,
            problem=problem,
            total=dead.get(query.destination, 0),
            is_filtered=any(getattr(query, name) for name in _FILTERS),
            filters={name: getattr(query, name) for name in _FILTERS},
            here=with_query(PATH, query),
            next=with_query(PATH, query, after=page.after) if page.after else "",
            first=with_query(PATH, query, after="") if query.after else "",
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Replay or discard dead letters."""
        form = form_of(request)
        said, kind = await act_on_records(request, self._letters, form, _WORDS)
        query = DeadLetterQuery(
            destination=form.text("destination"),
            rule=form.text("rule"),
            reason=form.text("reason"),
            older_than=form.text("older_than"),
            newer_than=form.text("newer_than"),
        )
        return self._frame.redirect(request, with_query(PATH, query), said, kind)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show one dead letter."""
        destination = request.match_info["destination"]
        letter = await self._letters.read(destination, request.match_info["id"])
        if letter is None:
            message = "this dead letter is not there any more: it was replayed or discarded"
            raise BadRequestError(message, status=404)
        preview, problem = self._rendered(letter.delivery)
        return await self._frame.render(
            request,
            "dead_letter.html.jinja",
            details=self._letters.details(letter),
            letter=self._letters.details(letter).letter,
            preview=preview,
            problem=problem,
            back=with_query(PATH, DeadLetterQuery(destination=destination)),
        )

    async def _dead(self) -> dict[str, int]:
        """Return how many dead letters each destination has."""
        counters = (await self._figures.read()).ledger.destinations
        return {name: each.dead for name, each in counters.items() if each.dead}

    def _rendered(self, delivery: Delivery) -> tuple[Preview | None, str]:
        """Return the request as it would be sent now, or why it cannot be rendered."""
        if self._find is None:
            return (
                None,
                "This process has no rules to render the request by: open a worker's console.",
            )
        destination = self._find(delivery.destination)
        if destination is None:
            return None, f"The rules have no destination {delivery.destination} any more."
        body, _ = self._masks.applied_to(delivery.alert.event)
        alert = msgspec.structs.replace(delivery.alert, event=body)
        return destination.preview(msgspec.structs.replace(delivery, alert=alert)), ""


def _matching(query: DeadLetterQuery) -> DeadLetterSelection:
    filters = {name: getattr(query, name) for name in _FILTERS}
    return DeadLetterSelection(
        destination=query.destination, all=not any(filters.values()), **filters
    )
