"""``POST /-/reload``: read the rules folder again, now, in this process."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.auth import ok, require_operator
from router.configuration.reload import ReloadReport
from router.datatypes import Secret
from router.errors import Diagnostic
from router.http.openapi import OPERATOR, Operation, ResponseSpec

Reload = Callable[[], Awaitable[ReloadReport]]


class ReloadResult(msgspec.Struct, frozen=True):
    """The answer 200."""

    status: str
    """``reloaded``, or ``nothing to reload`` of a process that has no rules."""
    generation: str = ""
    rules: int = 0
    destinations: int = 0


class ReloadError(msgspec.Struct, frozen=True):
    code: str
    message: str
    path: str


class ReloadRejected(msgspec.Struct, frozen=True):
    """The answer 422: nothing has changed."""

    error: ReloadError
    findings: tuple[Diagnostic, ...]


OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_POST,
        path="/-/reload",
        tag="operators",
        summary="Read the rules folder again, now, in this process",
        responses={
            200: ResponseSpec("It is in force.", ReloadResult),
            401: ResponseSpec("No token was sent.", headers={"WWW-Authenticate": "Bearer"}),
            403: ResponseSpec("The token is wrong, or none is configured."),
            422: ResponseSpec("It was refused: nothing has changed.", ReloadRejected),
        },
        security=(OPERATOR,),
    ),
)


class ReloadApi:
    """``reload`` is None in a process that uses no rules."""

    def __init__(self, reload: Reload | None, token: Secret | None) -> None:
        self._reload = reload
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/-/reload", require_operator(self.reload, self._token))]

    async def reload(self, _request: web.Request) -> web.Response:
        """200 when the folder is in force, 422 with all findings when it was refused."""
        if self._reload is None:
            return ok(ReloadResult("nothing to reload"))
        report = await self._reload()
        if report.error:
            return ok(
                ReloadRejected(ReloadError("refused", report.error, ""), report.diagnostics), 422
            )
        return ok(ReloadResult("reloaded", report.generation, report.rules, report.destinations))
