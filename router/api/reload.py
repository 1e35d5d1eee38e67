"""``POST /-/reload``: reload the rules folder in this process."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, audit_entry, caller_of
from router.api.json_responses import json_response
from router.api.operator_routes import operator_operation, operator_route
from router.configuration.reload import ReloadReport
from router.errors import Diagnostic
from router.http.openapi import ErrorDetail, ResponseSpec
from router.journal.audit import Audit, AuditAction, Audited

Reload = Callable[[], Awaitable[ReloadReport]]


class ReloadResult(msgspec.Struct, frozen=True):
    """The rules in force."""

    status: Annotated[
        Literal["reloaded", "nothing to reload"],
        Meta(description="A process without rules has nothing to reload."),
    ]
    generation: Annotated[str, Meta(description="Fingerprint of the rules folder.")] = ""
    rules: Annotated[int, Meta(description="Number of rules.")] = 0
    destinations: Annotated[int, Meta(description="Number of destinations.")] = 0


class ReloadRejected(msgspec.Struct, frozen=True):
    """The problems of a folder that was rejected."""

    error: ErrorDetail
    findings: tuple[Diagnostic, ...]


_RELOAD: Final = operator_operation(
    hdrs.METH_POST,
    "/-/reload",
    "Reload the rules folder in this process",
    {
        200: ResponseSpec("The rules are in force.", ReloadResult),
        422: ResponseSpec("The folder was rejected; previous rules stay active.", ReloadRejected),
    },
    uses_redis=False,
)
OPERATIONS: Final = (_RELOAD,)
"""Description of the route."""


class ReloadApi:
    """Handler of reloads.

    Args:
        reload: Reloads the rules; None in a process without rules.
        access: Who may call.
        audit: The audit trail.
    """

    def __init__(self, reload: Reload | None, access: Access, audit: Audit) -> None:
        self._reload = reload
        self._access = access
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """Return the route, for operators only."""
        return [operator_route(_RELOAD, self.reload, self._access)]

    async def reload(self, request: web.Request) -> web.Response:
        """Return 200 with the rules in force, or 422 with all problems of the folder."""
        if self._reload is None:
            return json_response(ReloadResult("nothing to reload"))
        report = await self._reload()
        if report.error:
            error = ErrorDetail("refused", report.error, "")
            return json_response(ReloadRejected(error, report.diagnostics), 422)
        details = {"generation": report.generation}
        await self._audit.record(
            audit_entry(caller_of(request), AuditAction.RELOADED, Audited.RULES, details=details)
        )
        return json_response(
            ReloadResult("reloaded", report.generation, report.rules, report.destinations)
        )
