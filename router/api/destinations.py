"""``/api/v1/destinations``: how each stands, pause and resume."""

from collections.abc import Callable, Iterable

import msgspec
from aiohttp import web

from router.api import requests as asking
from router.api.auth import Handler, error, ok, require_operator
from router.api.requests import handle_errors
from router.api.views import destination_view
from router.clock import Clock
from router.datatypes import Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why, and who asks; both for those who look at it later."""

    reason: str = ""
    by: str = ""


class DestinationsApi:
    """``configured`` names the destinations of this process; those in the books are known too."""

    def __init__(
        self,
        connection: Connection,
        configured: Callable[[], Iterable[str]],
        clock: Clock,
        token: Secret | None,
    ) -> None:
        self._connection = connection
        self._holds = Pauses(connection)
        self._configured = configured
        self._now = clock.now
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        base = "/api/v1/destinations"
        return [
            web.get(base, self._open(self.list)),
            web.post(f"{base}/{{name}}/pause", self._open(self.pause)),
            web.post(f"{base}/{{name}}/resume", self._open(self.resume)),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """How each stands."""
        asking.query_params(request)
        books = await ledger.read(self._connection)
        held = await self._holds.all()
        names = sorted({*self._configured(), *books.destinations, *held})
        views = [
            destination_view(name, books.destinations.get(name), held.get(name)) for name in names
        ]
        return ok({"destinations": views})

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """Pause it back: its deliveries wait."""
        name = request.match_info["name"]
        asked = await asking.decode_body(request, PauseRequest)
        books = await ledger.read(self._connection)
        if name not in {*self._configured(), *books.destinations}:
            return error(404, "not_found", "there is no such destination")
        hold = Pause(
            kind=PauseKind.PAUSED, at=self._now(), reason=asked.reason[:500], by=asked.by[:80]
        )
        if not await self._holds.pause(name, hold):
            return error(409, "held", "the destination is paused or disabled already")
        return ok({"state": "paused"})

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Let it go on, paused or disabled."""
        if not await self._holds.resume(request.match_info["name"]):
            return error(409, "not_held", "the destination is neither paused nor disabled")
        return ok({"state": "running"})

    def _open(self, answer: Handler) -> Handler:
        return require_operator(handle_errors(answer), self._token)
