"""``POST /-/reload``: read the rules folder again, now, in this process."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.auth import ok, operators_only
from router.configuration.reload import Report
from router.datatypes import Secret
from router.errors import Finding
from router.http.openapi import OPERATORS, Answer, Operation

Reload = Callable[[], Awaitable[Report]]


class Reloaded(msgspec.Struct, frozen=True):
    """The answer 200."""

    status: str
    """``reloaded``, or ``nothing to reload`` of a process that has no rules."""
    generation: str = ""
    rules: int = 0
    destinations: int = 0


class Refusal(msgspec.Struct, frozen=True):
    code: str
    message: str
    path: str


class Refused(msgspec.Struct, frozen=True):
    """The answer 422: nothing has changed."""

    error: Refusal
    findings: tuple[Finding, ...]


OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_POST,
        path="/-/reload",
        tag="operators",
        summary="Read the rules folder again, now, in this process",
        answers={
            200: Answer("It is in force.", Reloaded),
            401: Answer("No token was sent.", headers={"WWW-Authenticate": "Bearer"}),
            403: Answer("The token is wrong, or none is configured."),
            422: Answer("It was refused: nothing has changed.", Refused),
        },
        security=(OPERATORS,),
    ),
)


class Reloads:
    """``reload`` is None in a process that uses no rules."""

    def __init__(self, reload: Reload | None, token: Secret | None) -> None:
        self._reload = reload
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/-/reload", operators_only(self.reload, self._token))]

    async def reload(self, _request: web.Request) -> web.Response:
        """200 when the folder is in force, 422 with all findings when it was refused."""
        if self._reload is None:
            return ok(Reloaded("nothing to reload"))
        report = await self._reload()
        if report.error:
            return ok(Refused(Refusal("refused", report.error, ""), report.findings), 422)
        return ok(Reloaded("reloaded", report.generation, report.rules, report.destinations))
