"""``/api/v1/deliveries``: what destinations were told, are told and wait to be told."""

from typing import Annotated, Final

from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access
from router.api.delivery_reading import DeliveryCriteria, DeliveryList, DeliveryReader
from router.api.delivery_views import DeliveryDetails, DeliveryState
from router.api.event_queries import HistoryFilters
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.records import DEFAULT_LIMIT, After, Limit
from router.api.requests import BAD_REQUEST, BadRequestError, query_params
from router.clock import Clock
from router.http.openapi import ResponseSpec

_PATH: Final = "/api/v1/deliveries"
_ITEM: Final = f"{_PATH}/{{id}}"


class DeliveryQuery(HistoryFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of the list; an empty field matches all."""

    destination: Annotated[str, Meta(description="Name of a destination.")] = ""
    state: Annotated[
        tuple[str, ...],
        Meta(
            max_length=20,
            description=(
                "waiting, in flight or behind another; delivered, dead-lettered or discarded; open"
                " for the first three; may be repeated, one must match."
            ),
        ),
    ] = ()
    rule: Annotated[str, Meta(description="Name of a rule.")] = ""
    key: Annotated[str, Meta(description="Key of the alert, or its id if it stands alone.")] = ""
    limit: Limit = DEFAULT_LIMIT
    after: After = ""


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List deliveries",
    {200: ResponseSpec("A page.", DeliveryList), **BAD_REQUEST},
    description=(
        "Those that have not ended come first, by destination; then those of history, the newest first."
        " Times are those at which a delivery ended, or its alert was raised. One request reads a"
        " bounded number of them, so that a page may have fewer than limit; repeat the request with"
        " after while it is not empty."
    ),
    query=DeliveryQuery,
)
_SHOW: Final = viewer_operation(
    hdrs.METH_GET,
    _ITEM,
    "Show a delivery with its failed attempts",
    {
        200: ResponseSpec("The delivery.", DeliveryDetails),
        404: ResponseSpec("No delivery of this id waits, is a dead letter or is in history."),
    },
    path_parameters={"id": "Id of the delivery."},
)
OPERATIONS: Final = (_LIST, _SHOW)
"""Descriptions of the routes."""


class DeliveriesApi:
    """Handlers of deliveries.

    Args:
        reader: Reads deliveries.
        clock: Time.
        access: The tokens.
    """

    def __init__(self, reader: DeliveryReader, clock: Clock, access: Access) -> None:
        self._reader = reader
        self._now = clock.now
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            viewer_route(_LIST, self.list, self._access),
            viewer_route(_SHOW, self.show, self._access),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of deliveries."""
        query = query_params(request, DeliveryQuery)
        try:
            states = DeliveryState.parse(query.state)
        except ValueError as error:
            raise BadRequestError(f"state: {error}") from None
        wanted = DeliveryCriteria(
            destination=query.destination,
            states=states,
            rule=query.rule,
            key=query.key,
            times=query.times(self._now()),
        )
        try:
            page = await self._reader.page(wanted, query.after, limit=query.limit)
        except ValueError as error:
            raise BadRequestError(f"after: {error}") from None
        return json_response(page)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return one delivery."""
        wanted = request.match_info["id"]
        found = await self._reader.get(wanted)
        if found is None:
            message = (
                f"there is no delivery {wanted[:60]!r}: ids begin with msg_, and history forgets them"
                " after ROUTER_HISTORY"
            )
            return error_response(404, "no_such_delivery", message)
        return json_response(found)
