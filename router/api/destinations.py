"""``/api/v1/destinations``: state and health of destinations; pause, resume and retry now."""

from collections.abc import Callable, Iterable
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, caller_of
from router.api.destination_actions import BY_LENGTH, REASON_LENGTH, DestinationActions
from router.api.destination_views import (
    DestinationHealthView,
    read_destination,
    read_destinations,
)
from router.api.json_responses import json_response
from router.api.operator_routes import (
    operator_operation,
    operator_route,
    viewer_operation,
    viewer_route,
)
from router.api.requests import (
    BAD_BODY,
    BAD_REQUEST,
    BadRequestError,
    decode_body,
    query_params,
)
from router.api.views import DestinationState
from router.clock import Clock
from router.http.openapi import ResponseSpec
from router.journal import ledger
from router.journal.connection import Connection
from router.media_types import JSON
from router.suggestions import suggestion

_PATH: Final = "/api/v1/destinations"
_NAME: Final = {"name": "Name of the destination."}


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of an operation without parameters."""


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts that the list of destinations shows while the pause lasts; long ones are cut."""

    reason: Annotated[
        str, Meta(description=f"Reason of the pause, {REASON_LENGTH} characters.")
    ] = ""
    by: Annotated[
        str,
        Meta(description=f"Name of the operator, {BY_LENGTH} characters; else that of the token."),
    ] = ""


class DestinationList(msgspec.Struct, frozen=True):
    """All destinations, by name."""

    destinations: list[DestinationHealthView]


class DestinationChanged(msgspec.Struct, frozen=True):
    """The new state of a destination."""

    state: DestinationState


class RetriedNow(msgspec.Struct, frozen=True):
    """The deliveries that are attempted now."""

    retried: Annotated[
        int, Meta(description="Sets of deliveries that waited for their next attempt.")
    ]


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List destinations with their state, health and counters",
    {200: ResponseSpec("All destinations.", DestinationList), **BAD_REQUEST},
)
_SHOW: Final = viewer_operation(
    hdrs.METH_GET,
    f"{_PATH}/{{name}}",
    "Show a destination with its state, health and counters",
    {
        200: ResponseSpec("The destination.", DestinationHealthView),
        404: ResponseSpec("The destination does not exist."),
    },
    path_parameters=_NAME,
)
_RETRY: Final = operator_operation(
    hdrs.METH_POST,
    f"{_PATH}/{{name}}/retry-now",
    "Attempt what waits for a destination now",
    {
        200: ResponseSpec("What waited for its next attempt is due now.", RetriedNow),
        404: ResponseSpec("The destination does not exist."),
        409: ResponseSpec("The destination is paused by an operator, or disabled: resume it."),
    },
    description=(
        "Retries do not wait any longer, and an open circuit is tried at once. Rate and concurrency"
        " apply; digests are sent at their time."
    ),
    path_parameters=_NAME,
)
_PAUSE: Final = operator_operation(
    hdrs.METH_POST,
    f"{_PATH}/{{name}}/pause",
    "Pause a destination",
    {
        200: ResponseSpec("The destination is paused.", DestinationChanged),
        404: ResponseSpec("The destination does not exist."),
        409: ResponseSpec("The destination is already paused or disabled."),
        **BAD_BODY,
    },
    description="Its deliveries wait until it is resumed.",
    path_parameters=_NAME,
    body={JSON: PauseRequest},
    body_required=False,
)
_RESUME: Final = operator_operation(
    hdrs.METH_POST,
    f"{_PATH}/{{name}}/resume",
    "Resume a paused or disabled destination",
    {
        200: ResponseSpec("The destination is running.", DestinationChanged),
        409: ResponseSpec("The destination is neither paused nor disabled."),
    },
    path_parameters=_NAME,
)
OPERATIONS: Final = (_LIST, _SHOW, _PAUSE, _RESUME, _RETRY)
"""Descriptions of the routes."""


class KnownDestinations:
    """The destinations of this process's rules and those of the ledger.

    Args:
        connection: The journal.
        configured: Returns the destinations of this process.
    """

    def __init__(self, connection: Connection, configured: Callable[[], Iterable[str]]) -> None:
        self._connection = connection
        self._configured = configured

    async def check(self, name: str) -> None:
        """Check that there is a destination of this name.

        Raises:
            BadRequestError: There is none; the message has the closest name, or all.
        """
        known = {*self._configured(), *(await ledger.read(self._connection)).destinations}
        if name not in known:
            message = f"there is no destination {name[:60]!r}, {suggestion(name, known)}"
            raise BadRequestError(message, status=404, code="not_found")


class DestinationsApi:
    """Handlers of destinations.

    Args:
        connection: The journal.
        configured: Returns the destinations of this process; those of the ledger are known too.
        clock: The time.
        access: Who may call.
    """

    def __init__(
        self,
        connection: Connection,
        configured: Callable[[], Iterable[str]],
        clock: Clock,
        access: Access,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._actions = DestinationActions(connection, clock)
        self._configured = configured
        self._known = KnownDestinations(connection, configured)
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: viewers may read."""
        return [
            viewer_route(_LIST, self.list, self._access),
            viewer_route(_SHOW, self.show, self._access),
            operator_route(_PAUSE, self.pause, self._access),
            operator_route(_RESUME, self.resume, self._access),
            operator_route(_RETRY, self.retry_now, self._access),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return all destinations."""
        query_params(request, NoQuery)
        views = await read_destinations(self._connection, self._clock, self._configured())
        return json_response(DestinationList(views))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return one destination."""
        name = request.match_info["name"]
        await self._known.check(name)
        return json_response(await read_destination(self._connection, self._clock, name))

    async def retry_now(self, request: web.Request) -> web.StreamResponse:
        """Attempt what waits for a destination now."""
        name = request.match_info["name"]
        await self._known.check(name)
        return json_response(RetriedNow(await self._actions.retry_now(name, caller_of(request))))

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """Pause a destination."""
        name = request.match_info["name"]
        given = await decode_body(request, PauseRequest)
        await self._known.check(name)
        await self._actions.pause(name, caller_of(request), reason=given.reason, by=given.by)
        return json_response(DestinationChanged(DestinationState.PAUSED))

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Resume a paused or disabled destination."""
        await self._actions.resume(request.match_info["name"], caller_of(request))
        return json_response(DestinationChanged(DestinationState.RUNNING))
