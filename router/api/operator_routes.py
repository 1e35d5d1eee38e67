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
}
_UNAVAILABLE: Final = ResponseSpec(
    "Redis is unavailable.", headers={"Retry-After": "Seconds after which to try again."}
)


def operator_operation(
    method: str,
    path: str,
    summary: str,
    responses: Mapping[int, ResponseSpec],
    *,
    uses_redis: bool = True,
    **more: Any,
) -> Operation:
    """Return an operation with the security and the responses that all operator routes share.

    Args:
        method: HTTP method.
        path: Path with its parameters in braces.
        summary: What it does, in the imperative.
        responses: The responses of this operation beside the shared ones.
        uses_redis: Whether it may answer 503.
        more: Other fields of ``Operation``.
    """
    shared = {**_RESPONSES, 503: _UNAVAILABLE} if uses_redis else _RESPONSES
    return Operation(
        method=method,
        path=path,
        summary=summary,
        tag="operators",
        responses=dict(sorted({**responses, **shared}.items())),
        security=(OPERATOR,),
        **more,
    )


def operator_route(operation: Operation, handler: Handler, token: Secret | None) -> web.RouteDef:
    """Return the route of an operation, for operators only."""
    return web.route(
        operation.method, operation.path, require_operator(handle_errors(handler), token)
    )
