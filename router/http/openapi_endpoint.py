"""``GET /openapi.json``: the description of all that this process serves."""

from collections.abc import Iterable, Sequence

import msgspec
from aiohttp import hdrs, web

from router.http.openapi import JSON, Operation, ResponseSpec, document

PATH = "/openapi.json"
_SELF = Operation(
    method=hdrs.METH_GET,
    path=PATH,
    tag="status",
    summary="This description",
    responses={200: ResponseSpec("OpenAPI 3.1.", {"type": "object", "required": ["openapi"]})},
)


class OpenApiEndpoint:
    """Describes ``routes`` and itself. ``server`` is the public URL, ``""`` where there is none."""

    def __init__(
        self, routes: Iterable[web.RouteDef], operations: Sequence[Operation], server: str
    ) -> None:
        self._served = [*routes, *self.routes()]
        self._operations = [*operations, _SELF]
        self._server = server or "/"
        self._body = b""

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self.describe)]

    async def describe(self, _request: web.Request) -> web.Response:
        """Made when it is first asked for."""
        if not self._body:
            described = document(self._served, self._operations, server=self._server)
            self._body = msgspec.json.encode(described)
        return web.Response(body=self._body, content_type=JSON)
