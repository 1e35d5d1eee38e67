"""``GET /openapi.json``: the OpenAPI description of the routes that this process serves."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.http.openapi import Operation, ResponseSpec, describe, undescribed
from router.media_types import JSON

PATH: Final = "/openapi.json"
_SELF: Final = Operation(
    method=hdrs.METH_GET,
    path=PATH,
    tag="status",
    summary="Describe the API in OpenAPI 3.1",
    description="Contains the routes that this process serves, and no others.",
    responses={
        200: ResponseSpec(
            "This document.",
            {
                "type": "object",
                "required": ["openapi", "info", "paths", "components"],
                "properties": {"openapi": {"const": "3.1.0"}},
            },
        )
    },
)


class OpenApiEndpoint:
    """Serves the description of ``routes`` and of itself.

    Args:
        routes: All other routes of the process.
        operations: Their descriptions, and maybe those of routes that are not served.
        server: The public URL; ``""`` if none is set.
        further: Returns operations that a route for several paths serves and that may change; the same
            object while they have not.

    Raises:
        LookupError: A route has no operation. The process does not start, so that no route can be
            added without its description.
    """

    def __init__(
        self,
        routes: Iterable[web.RouteDef],
        operations: Sequence[Operation],
        server: str,
        further: Callable[[], Sequence[Operation]] = tuple,
    ) -> None:
        self._routes = [*routes, *self.routes()]
        self._operations = [*operations, _SELF]
        missing = undescribed(self._routes, self._operations)
        if missing:
            names = ", ".join(f"{method} {path}" for method, path in missing)
            raise LookupError(f"no Operation describes {names}")
        self._server = server or "/"
        self._further = further
        self._described: Sequence[Operation] = ()
        self._body = b""

    def routes(self) -> list[web.RouteDef]:
        """Return the route of the description."""
        return [web.get(PATH, self.get)]

    async def get(self, _request: web.Request) -> web.Response:
        """Return the document; the first request after a change builds it."""
        further = self._further()
        if not self._body or further is not self._described:
            self._described = further
            document = describe(
                self._routes, self._operations, server=self._server, further=further
            )
            self._body = msgspec.json.encode(document)
        return web.Response(body=self._body, content_type=JSON)
