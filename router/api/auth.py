"""Who may use the operator's API, and how it answers.

A bearer token (``ROUTER_ADMIN_TOKEN``) opens all of it. Without one it is closed: a router that
anybody can reach must not take orders from anybody.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from router.datatypes import Secret

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def require_operator(answer: Handler, token: Secret | None) -> Handler:
    """``answer``, for requests that carry the token; 401 without, 403 with another."""

    @functools.wraps(answer)
    async def checked(request: web.Request) -> web.StreamResponse:
        if token is None:
            return error(403, "closed", "set ROUTER_ADMIN_TOKEN to open the operator's API")
        given = request.headers.get("Authorization", "")
        if not given:
            refusal = error(401, "no_token", "send Authorization: Bearer <ROUTER_ADMIN_TOKEN>")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        if not token.matches_bearer(given):
            return error(403, "wrong_token", "the bearer token is wrong")
        return await answer(request)

    return checked


def ok(value: Any, status: int = 200) -> web.Response:
    """``value`` as JSON."""
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json"
    )


def error(status: int, code: str, message: str, path: str = "") -> web.Response:
    """``{"error": {"code", "message", "path"}}``, as the doors for events answer too."""
    return ok({"error": {"code": code, "message": message, "path": path}}, status)
