"""``GET /api/v1/audit``: who did what, when and from where."""

from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access
from router.api.json_responses import json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.records import DEFAULT_LIMIT, After, Limit
from router.api.requests import (
    BAD_REQUEST,
    BadRequestError,
    describe_age,
    query_params,
    time_range,
)
from router.clock import Clock
from router.http.openapi import ResponseSpec
from router.journal.audit import (
    Audit,
    AuditAction,
    Audited,
    AuditFilter,
    AuditRecord,
    FoundEntries,
    Via,
)


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of the audit trail; an empty field matches all."""

    name: Annotated[
        str, Meta(description="Who did it: the name of a token or user, or one that was given.")
    ] = ""
    action: Annotated[
        str, Meta(description="What was done.", extra_json_schema={"enum": list(AuditAction)})
    ] = ""
    older_than: Annotated[str, describe_age("Minimum age")] = ""
    newer_than: Annotated[str, describe_age("Maximum age")] = ""
    limit: Limit = DEFAULT_LIMIT
    after: After = ""


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """An action."""

    id: str
    at: Annotated[float, Meta(description="Unix seconds.")]
    action: Annotated[str, Meta(description="A word of the parameter `action`, or a newer one.")]
    kind: Annotated[str, Meta(description=f"What was acted on: {', '.join(Audited)}.")]
    object: Annotated[str, Meta(description="Its key, id or name; empty if there is only one.")]
    by: Annotated[
        str, Meta(description="Whom the token or the machine names; empty for one without a name.")
    ]
    named: Annotated[str, Meta(description="Whom the request names, which nothing proves.")]
    via: Annotated[str, Meta(description=f"The way: {', '.join(Via)}.")]
    address: Annotated[str, Meta(description="Address of the caller, or name of its machine.")]
    details: dict[str, str | int]


class AuditTrail(msgspec.Struct, frozen=True):
    """A page of the audit trail, newest first."""

    entries: tuple[AuditView, ...]
    after: Annotated[
        str, Meta(description="Cursor of the next page, empty at the end. A page may be empty.")
    ]


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    "/api/v1/audit",
    "List what operators did",
    {200: ResponseSpec("A page, newest first.", AuditTrail), **BAD_REQUEST},
    description=(
        "The newest 10,000 actions of operators, and the newest 2,000 of alert links and failed"
        " logins."
    ),
    query=AuditQuery,
)
OPERATIONS: Final = (_LIST,)
"""Description of the route."""


def audit_view(stored: AuditRecord) -> AuditView:
    """Return an entry as the API and the command show it."""
    entry = stored.entry
    return AuditView(
        id=stored.id,
        at=stored.at,
        action=entry.action,
        kind=entry.kind,
        object=entry.object,
        by=entry.by,
        named=entry.named,
        via=entry.via,
        address=entry.address,
        details=dict(entry.details),
    )


async def read_trail(audit: Audit, query: AuditQuery, now: float) -> FoundEntries:
    """Return a page of the trail, newest first.

    Args:
        audit: The audit trail.
        query: What is wanted.
        now: Unix time in seconds.

    Raises:
        BadRequestError: A parameter is invalid.
        JournalUnavailableError: Redis did not answer in time.
    """
    if query.action and query.action not in list(AuditAction):
        expected = ", ".join(AuditAction)
        raise BadRequestError(f"action: is {query.action[:60]!r}, expected one of {expected}")
    times = time_range(query.older_than, query.newer_than, now=now)
    wanted = AuditFilter(name=query.name, action=query.action, times=times)
    try:
        return await audit.page(wanted, query.after, limit=query.limit)
    except ValueError as error:
        raise BadRequestError(f"after: {error}") from None


class AuditApi:
    """Handler of the audit trail.

    Args:
        audit: The audit trail.
        clock: The time.
        access: Who may call.
    """

    def __init__(self, audit: Audit, clock: Clock, access: Access) -> None:
        self._audit = audit
        self._now = clock.now
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the route, for viewers too."""
        return [viewer_route(_LIST, self.list, self._access)]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page, newest first."""
        query = query_params(request, AuditQuery)
        found = await read_trail(self._audit, query, self._now())
        return json_response(AuditTrail(tuple(map(audit_view, found.items)), found.after))
