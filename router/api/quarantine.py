"""``/api/v1/quarantine``: list, show, replay, discard events that could not be decoded or judged."""

from typing import Final

import msgspec
from aiohttp import web

from router.api import requests as asking
from router.api.auth import Handler, error, ok, require_operator
from router.api.requests import handle_errors
from router.api.views import quarantine_details, quarantine_view
from router.clock import Clock
from router.datatypes import Secret
from router.journal.pagination import apply_to_matches, clip, collect
from router.journal.quarantine import Quarantine, QuarantineFilter

_SCANNED: Final = 2000
"""Items that one request looks at, at most."""
_FILTERS: Final = ("reason", "older_than", "newer_than")


class QuarantineSelection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones to replay or discard. Without ids or a filter, ``all`` must say so."""

    ids: tuple[str, ...] = ()
    reason: str = ""
    older_than: str = ""
    newer_than: str = ""
    all: bool = False
    limit: int = asking.LARGEST_LIMIT
    after: str = ""
    until: int = 0
    """As for dead letters."""


class QuarantineApi:
    def __init__(self, quarantine: Quarantine, clock: Clock, token: Secret | None) -> None:
        self._quarantine = quarantine
        self._now = clock.now
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        base = "/api/v1/quarantine"
        return [
            web.get(base, self._open(self.list)),
            web.get(f"{base}/{{id}}", self._open(self.show)),
            web.post(f"{base}/replay", self._open(self.replay)),
            web.post(f"{base}/discard", self._open(self.discard)),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """A page, newest first."""
        query = asking.query_params(request, *_FILTERS, "limit", "after")
        wanted = self._wanted(query)
        found = await collect(
            self._quarantine.find(wanted),
            asking.cursor(query.get("after", "")),
            count=asking.limit(request),
            most=_SCANNED,
        )
        shown = [quarantine_view(item) for item in found.items]
        return ok({"quarantine": shown, "after": str(found.after or "")})

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One, with what came in."""
        item = await self._quarantine.get(request.match_info["id"])
        if item is None:
            return error(404, "not_found", "there is no such event in quarantine")
        return ok(quarantine_details(item))

    async def replay(self, request: web.Request) -> web.StreamResponse:
        """Take them in again, as ingress does: a page of them."""
        return await self._move(request, "replayed")

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """Drop them for good: a page of them."""
        return await self._move(request, "discarded")

    async def _move(self, request: web.Request, done: str) -> web.StreamResponse:
        order = await asking.decode_body(request, QuarantineSelection)
        asking.require_bounds(order, _FILTERS)
        last_ms = order.until or int(self._now() * 1000)
        wanted = self._wanted({name: getattr(order, name) for name in _FILTERS}, order.ids)
        wanted = msgspec.structs.replace(wanted, span=clip(wanted.span, last_ms))
        move = self._quarantine.replay if done == "replayed" else self._quarantine.discard

        moved, after = await apply_to_matches(
            self._quarantine.find(wanted, newest_first=False),
            move,
            asking.cursor(order.after),
            count=order.limit,
            most=_SCANNED,
        )
        return ok({done: moved, "after": str(after or ""), "until": last_ms})

    def _wanted(self, query: dict[str, str], ids: tuple[str, ...] = ()) -> QuarantineFilter:
        span = asking.time_range(
            query.get("older_than", ""), query.get("newer_than", ""), now=self._now()
        )
        return QuarantineFilter(ids=ids, reason=query.get("reason", ""), span=span)

    def _open(self, answer: Handler) -> Handler:
        return require_operator(handle_errors(answer), self._token)
