"""``/api/v1/destinations``: state and counters of destinations; pause and resume."""

from collections.abc import Callable, Iterable
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, audit_entry, caller_of
from router.api.json_responses import error_response, json_response
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
from router.api.views import DestinationState, DestinationView, destination_view
from router.clock import Clock
from router.http.openapi import JSON, ResponseSpec
from router.journal import ledger
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses
from router.suggestions import suggestion

_PATH: Final = "/api/v1/destinations"
_NAME: Final = {"name": "Name of the destination."}
_REASON_LENGTH: Final = 500
_BY_LENGTH: Final = 80


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of an operation without parameters."""


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts that the list of destinations shows while the pause lasts; long ones are cut."""

    reason: Annotated[
        str, Meta(description=f"Reason of the pause, {_REASON_LENGTH} characters.")
    ] = ""
    by: Annotated[
        str,
        Meta(description=f"Name of the operator, {_BY_LENGTH} characters; else that of the token."),
    ] = ""


class DestinationList(msgspec.Struct, frozen=True):
    """All destinations, by name."""

    destinations: list[DestinationView]


class DestinationChanged(msgspec.Struct, frozen=True):
    """The new state of a destination."""

    state: DestinationState


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List destinations with their state and counters",
    {200: ResponseSpec("All destinations.", DestinationList), **BAD_REQUEST},
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
OPERATIONS: Final = (_LIST, _PAUSE, _RESUME)
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
        self._pauses = Pauses(connection)
        self._audit = Audit(connection, clock)
        self._configured = configured
        self._known = KnownDestinations(connection, configured)
        self._now = clock.now
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: viewers may read."""
        return [
            viewer_route(_LIST, self.list, self._access),
            operator_route(_PAUSE, self.pause, self._access),
            operator_route(_RESUME, self.resume, self._access),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return all destinations."""
        query_params(request, NoQuery)
        counters = (await ledger.read(self._connection)).destinations
        pauses = await self._pauses.all()
        names = sorted({*self._configured(), *counters, *pauses})
        views = [destination_view(name, counters.get(name), pauses.get(name)) for name in names]
        return json_response(DestinationList(views))

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """Pause a destination."""
        name = request.match_info["name"]
        given = await decode_body(request, PauseRequest)
        await self._known.check(name)
        caller = caller_of(request)
        by = (given.by or caller.name)[:_BY_LENGTH]
        reason = given.reason[:_REASON_LENGTH]
        pause = Pause(kind=PauseKind.PAUSED, at=self._now(), reason=reason, by=by)
        if not await self._pauses.pause(name, pause):
            return error_response(
                409, "already_paused", "the destination is already paused or disabled"
            )
        paused = audit_entry(
            caller,
            AuditAction.PAUSED,
            Audited.DESTINATION,
            name,
            named=by,
            details={"reason": reason},
        )
        await self._audit.record(paused)
        return json_response(DestinationChanged(DestinationState.PAUSED))

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Resume a paused or disabled destination."""
        name = request.match_info["name"]
        if not await self._pauses.resume(name):
            message = "the destination is neither paused nor disabled"
            return error_response(409, "not_paused", message)
        await self._audit.record(
            audit_entry(caller_of(request), AuditAction.RESUMED, Audited.DESTINATION, name)
        )
        return json_response(DestinationChanged(DestinationState.RUNNING))
