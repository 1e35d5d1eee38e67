"""Access to the operator API: the bearer token ROUTER_ADMIN_TOKEN.

Without a configured token the API is closed, because a router that is reachable from the internet
must not obey anonymous requests.
"""

import functools
from collections.abc import Awaitable, Callable

from aiohttp import web

from router.api.json_responses import error_response
from router.datatypes import Secret

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""A handler of aiohttp."""


def require_operator(handler: Handler, token: Secret | None) -> Handler:
    """Return ``handler`` for requests with the token; others get 401 or 403.

    Args:
        handler: Handles authorized requests.
        token: The expected bearer token; None closes the API.
    """

    @functools.wraps(handler)
    async def authorized(request: web.Request) -> web.StreamResponse:
        if token is None:
            return error_response(403, "closed", "set ROUTER_ADMIN_TOKEN to open the operator API")
        authorization = request.headers.get("Authorization", "")
        if not authorization:
            response = error_response(
                401, "no_token", "send Authorization: Bearer <ROUTER_ADMIN_TOKEN>"
            )
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        if not token.matches_bearer(authorization):
            return error_response(403, "wrong_token", "the bearer token is wrong")
        return await handler(request)

    return authorized
