"""``/api/v1/dead-letters``: list, show, replay, discard.

Lists are cut into pages, and so are replays: one request moves up to ``limit`` and says where the
next is to go on, so that no request takes long and one that was broken off goes on where it was.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from router.api import requests as asking
from router.api.auth import Handler, error, ok, require_operator
from router.api.requests import handle_errors
from router.api.views import dead_letter_details, dead_letter_view
from router.clock import Clock
from router.datatypes import Secret
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import DeadLetter
from router.journal.pagination import apply_to_matches, clip, collect

_SCANNED: Final = 2000
"""Dead letters that one request looks at, at most."""
_FILTERS: Final = ("rule", "reason", "older_than", "newer_than")


class DeadLetterSelection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones to replay or discard. Without ids or a filter, ``all`` must say so."""

    destination: str
    ids: tuple[str, ...] = ()
    rule: str = ""
    reason: str = ""
    older_than: str = ""
    newer_than: str = ""
    all: bool = False
    limit: int = asking.LARGEST_LIMIT
    after: str = ""
    until: int = 0
    """Unix milliseconds: what died later is left, so that a replay to a destination that still
    fails comes to an end. Each answer says which to send with its ``after``."""


class DeadLettersApi:
    def __init__(self, letters: DeadLetters, clock: Clock, token: Secret | None) -> None:
        self._letters = letters
        self._now = clock.now
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        base = "/api/v1/dead-letters"
        return [
            web.get(base, self._open(self.list)),
            web.get(f"{base}/{{destination}}/{{id}}", self._open(self.show)),
            web.post(f"{base}/replay", self._open(self.replay)),
            web.post(f"{base}/discard", self._open(self.discard)),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """One destination's, newest first; without a destination, how many each has."""
        query = asking.query_params(request, "destination", *_FILTERS, "limit", "after")
        destination = query.get("destination", "")
        if not destination:
            return ok({"destinations": await self._letters.destinations()})
        wanted = self._wanted(query)
        found = await collect(
            self._letters.find(destination, wanted),
            asking.cursor(query.get("after", "")),
            count=asking.limit(request),
            most=_SCANNED,
        )
        shown = [dead_letter_view(item) for item in found.items]
        return ok({"dead_letters": shown, "after": str(found.after or "")})

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One, whole: every attempt at it, and its event."""
        letter = await self._letters.get(
            request.match_info["destination"], request.match_info["id"]
        )
        if letter is None:
            return error(404, "not_found", "there is no such dead letter")
        return ok(dead_letter_details(letter))

    async def replay(self, request: web.Request) -> web.StreamResponse:
        """Send them again, under new ids: a page of them."""
        return await self._move(request, "replayed")

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """Drop them for good: a page of them."""
        return await self._move(request, "discarded")

    async def _move(self, request: web.Request, done: str) -> web.StreamResponse:
        order = await asking.decode_body(request, DeadLetterSelection)
        asking.require_bounds(order, _FILTERS)
        last_ms = order.until or int(self._now() * 1000)
        wanted = self._wanted({name: getattr(order, name) for name in _FILTERS}, order.ids)
        wanted = msgspec.structs.replace(wanted, span=clip(wanted.span, last_ms))
        move = self._letters.replay if done == "replayed" else self._letters.discard

        async def action(letters: Sequence[DeadLetter]) -> int:
            return await move(order.destination, letters)

        moved, after = await apply_to_matches(
            self._letters.find(order.destination, wanted, newest_first=False),
            action,
            asking.cursor(order.after),
            count=order.limit,
            most=_SCANNED,
        )
        return ok({done: moved, "after": str(after or ""), "until": last_ms})

    def _wanted(self, query: dict[str, str], ids: tuple[str, ...] = ()) -> DeadLetterFilter:
        span = asking.time_range(
            query.get("older_than", ""), query.get("newer_than", ""), now=self._now()
        )
        return DeadLetterFilter(
            ids=ids, rule=query.get("rule", ""), reason=query.get("reason", ""), span=span
        )

    def _open(self, answer: Handler) -> Handler:
        return require_operator(handle_errors(answer), self._token)
