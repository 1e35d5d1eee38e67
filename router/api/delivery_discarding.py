"""``/api/v1/deliveries/discard``: drop deliveries that wait, a flood that is of no use any more."""

from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, Caller, audit_entry, caller_of
from router.api.destinations import KnownDestinations
from router.api.json_responses import json_response
from router.api.operator_routes import operator_operation, operator_route
from router.api.records import MAX_LIMIT, After, Limit, Until
from router.api.requests import BAD_BODY, BadRequestError, decode_body, describe_age, time_range
from router.clock import Clock
from router.http.openapi import ResponseSpec
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.discard_open import DiscardOpen, OpenFilter
from router.journal.pagination import clip
from router.media_types import JSON


class WaitingSelection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deliveries to discard: those of a rule or of an age, or all of a destination."""

    destination: Annotated[str, Meta(description="Name of the destination.")]
    rule: Annotated[str, Meta(description="Name of the rule that raised the alert.")] = ""
    older_than: Annotated[str, describe_age("Minimum age of the alert")] = ""
    newer_than: Annotated[str, describe_age("Maximum age of the alert")] = ""
    all: Annotated[bool, Meta(description="Select all if no filter is given.")] = False
    dry_run: Annotated[
        bool, Meta(description="Count those that would be discarded, and change nothing.")
    ] = False
    limit: Limit = MAX_LIMIT
    after: After = ""
    until: Until = 0

    @property
    def is_empty(self) -> bool:
        """Return whether all deliveries of the destination match."""
        return not (self.rule or self.older_than or self.newer_than)

    def described(self) -> dict[str, str]:
        """Return the filters that are given, as texts."""
        named = {
            "rule": self.rule,
            "older_than": self.older_than,
            "newer_than": self.newer_than,
        }
        return {name: text for name, text in named.items() if text}


class WaitingDiscarded(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a discard."""

    discarded: Annotated[
        int, Meta(description="Deliveries that were dropped; in a dry run, that would be.")
    ]
    in_flight: Annotated[
        int, Meta(description="Deliveries that match and are left, because a worker has them.")
    ]
    after: Annotated[str, Meta(description="Cursor of the next page, empty at the end.")]
    until: Annotated[int, Meta(description="Value to send with `after`.")]


_DISCARD: Final = operator_operation(
    hdrs.METH_POST,
    "/api/v1/deliveries/discard",
    "Discard deliveries that wait",
    {
        200: ResponseSpec("The page was discarded, or counted.", WaitingDiscarded),
        404: ResponseSpec("The destination does not exist."),
        **BAD_BODY,
    },
    description=(
        "Drops them for good: no receiver gets them, and history has them as discarded. Those that a"
        " worker attempts now are left. Pause the destination first, so that none is sent meanwhile."
        " One request reads a bounded number of them; repeat it with after and until while after is"
        " not empty."
    ),
    body={JSON: WaitingSelection},
)
OPERATIONS: Final = (_DISCARD,)
"""Descriptions of the routes."""


async def discard_waiting(
    operator: DiscardOpen, selection: WaitingSelection, now: float
) -> WaitingDiscarded:
    """Discard or count a page of deliveries that wait.

    Args:
        operator: Drops them.
        selection: The deliveries.
        now: Unix time in seconds.

    Raises:
        BadRequestError: Neither a filter nor ``all`` is given, an age is no duration, or the cursor is
            none.
        JournalUnavailableError: Some of them may be dropped.
    """
    if selection.is_empty and not selection.all:
        raise BadRequestError('give a rule, an age or "all": true')
    until = selection.until or int(now * 1000)
    times = time_range(selection.older_than, selection.newer_than, now=now)
    wanted = OpenFilter(
        destination=selection.destination, rule=selection.rule, times=clip(times, until)
    )
    take = operator.count if selection.dry_run else operator.discard
    try:
        page = await take(wanted, selection.after, limit=selection.limit)
    except ValueError as error:
        raise BadRequestError(f"after: {error}") from None
    return WaitingDiscarded(
        discarded=page.matching, in_flight=page.in_flight, after=page.after, until=until
    )


class WaitingDiscardApi:
    """The handler of a discard.

    Args:
        operator: Drops deliveries.
        destinations: The destinations that exist.
        clock: Time.
        access: Who may call.
        audit: Records what was discarded.
    """

    def __init__(
        self,
        operator: DiscardOpen,
        destinations: KnownDestinations,
        clock: Clock,
        access: Access,
        audit: Audit,
    ) -> None:
        self._operator = operator
        self._destinations = destinations
        self._now = clock.now
        self._access = access
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """Return the route, for operators only."""
        return [operator_route(_DISCARD, self.discard, self._access)]

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """Discard a page of deliveries that wait, or count them."""
        selection = await decode_body(request, WaitingSelection)
        return json_response(await self.discard_page(selection, caller_of(request)))

    async def discard_page(self, selection: WaitingSelection, caller: Caller) -> WaitingDiscarded:
        """Discard or count a page for a caller. Raise as ``discard_waiting``."""
        await self._destinations.check(selection.destination)
        page = await discard_waiting(self._operator, selection, self._now())
        if page.discarded and not selection.dry_run:
            entry = audit_entry(
                caller,
                AuditAction.DISCARDED,
                Audited.DELIVERIES,
                selection.destination,
                details={"deliveries": page.discarded, **selection.described()},
            )
            await self._audit.record(entry)
        return page
