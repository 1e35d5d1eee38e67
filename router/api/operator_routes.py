"""Routes of the operator API: each has an operation, needs the token and answers errors as JSON."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from router.api.auth import Handler, require_operator
from router.api.requests import handle_errors
from router.datatypes import Secret
from router.http.openapi import OPERATOR, Operation, ResponseSpec

_RESPONSES: Final[Mapping[int, ResponseSpec]] = {
    401: ResponseSpec("The token is missing.", headers={"WWW-Authenticate": "Bearer."}),
    403: ResponseSpec("The token is wrong, or ROUTER_ADMIN_TOKEN is not set."),
    503: ResponseSpec(
        "Redis is unavailable.", headers={"Retry-After": "Seconds after which to try again."}
    ),
}


def operator_operation(
    method: str, path: str, summary: str, responses: Mapping[int, ResponseSpec], **more: Any
) -> Operation:
    """Return an operation with the responses and the security that all operator routes share."""
    return Operation(
        method=method,
        path=path,
        summary=summary,
        tag="operators",
        responses=dict(sorted({**responses, **_RESPONSES}.items())),
        security=(OPERATOR,),
        **more,
    )


def operator_route(operation: Operation, handler: Handler, token: Secret | None) -> web.RouteDef:
    """Return the route of an operation, for operators only."""
    return web.route(
        operation.method, operation.path, require_operator(handle_errors(handler), token)
    )
