"""Routes of the operators' API: each has an operation, needs a token and answers errors as JSON.

Who may call a route stands in its operation, so that the description cannot differ from it:
``operator_operation`` is for operators, ``viewer_operation`` for viewers too.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from router.api.access import Access, Handler, Role, require
from router.api.requests import handle_errors
from router.http.openapi import OPERATOR, VIEWER, Operation, ResponseSpec

_MISSING: Final = {
    401: ResponseSpec("The token is missing.", headers={"WWW-Authenticate": "Bearer."})
}
_FOR_OPERATORS: Final[Mapping[int, ResponseSpec]] = {
    **_MISSING,
    403: ResponseSpec("The token is wrong or that of a viewer, or ROUTER_ADMIN_TOKEN is not set."),
}
_FOR_VIEWERS: Final[Mapping[int, ResponseSpec]] = {
    **_MISSING,
    403: ResponseSpec("The token is wrong, or none is set."),
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
    """Return an operation for operators, with the responses that all operator routes share.

    Args:
        method: HTTP method.
        path: Path with its parameters in braces.
        summary: What it does, in the imperative.
        responses: The responses of this operation beside the shared ones.
        uses_redis: Whether it may answer 503.
        more: Other fields of ``Operation``.
    """
    shared = {**_FOR_OPERATORS, 503: _UNAVAILABLE} if uses_redis else _FOR_OPERATORS
    return Operation(
        method=method,
        path=path,
        summary=summary,
        tag="operators",
        responses=dict(sorted({**responses, **shared}.items())),
        security=(OPERATOR,),
        **more,
    )


def viewer_operation(
    method: str,
    path: str,
    summary: str,
    responses: Mapping[int, ResponseSpec],
    *,
    uses_redis: bool = True,
    **more: Any,
) -> Operation:
    """Return an operation that changes nothing, for viewers and operators.

    The arguments are those of ``operator_operation``.
    """
    operation = operator_operation(method, path, summary, responses, uses_redis=uses_redis, **more)
    return msgspec.structs.replace(
        operation,
        responses={**operation.responses, **_FOR_VIEWERS},
        security=(OPERATOR, VIEWER),
    )


def operator_route(operation: Operation, handler: Handler, access: Access) -> web.RouteDef:
    """Return the route of an operation for operators only.

    Raises:
        ValueError: The operation is one of ``viewer_operation``.
    """
    return _route(operation, handler, access, Role.OPERATOR)


def viewer_route(operation: Operation, handler: Handler, access: Access) -> web.RouteDef:
    """Return the route of an operation for viewers and operators.

    Raises:
        ValueError: The operation is one of ``operator_operation``.
    """
    return _route(operation, handler, access, Role.VIEWER)


def _route(operation: Operation, handler: Handler, access: Access, role: Role) -> web.RouteDef:
    described = Role.VIEWER if VIEWER in operation.security else Role.OPERATOR
    if described is not role:
        raise ValueError(f"{operation.method} {operation.path} is described for {described}s")
    return web.route(
        operation.method, operation.path, require(role, handle_errors(handler), access)
    )
