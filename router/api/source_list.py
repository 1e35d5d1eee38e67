"""``/api/v1/sources``: the senders of events, what came of their requests, and why some were refused."""

from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access
from router.api.destinations import NoQuery
from router.api.json_responses import json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.requests import BAD_REQUEST, BadRequestError, query_params
from router.api.source_reading import SourceReader
from router.api.source_views import SourceDetails, SourceView
from router.http.openapi import ResponseSpec
from router.journal.source_log import REFUSALS_LIMIT
from router.suggestions import suggestion

_PATH: Final = "/api/v1/sources"


class SourceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a source to show."""

    limit: Annotated[
        int, Meta(ge=1, le=REFUSALS_LIMIT, description="Refusals, the newest first.")
    ] = REFUSALS_LIMIT


class SourceList(msgspec.Struct, frozen=True):
    """All sources: those of the rules folder by name, then those of every router."""

    sources: list[SourceView]


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List the sources of events with what came of their requests",
    {200: ResponseSpec("All sources.", SourceList), **BAD_REQUEST},
    description=(
        "Those of the rules folder, /twilio and /events; a Kinesis stream, and unknown paths below"
        " /in/, once something came of them. No secret is shown."
    ),
)
_SHOW: Final = viewer_operation(
    hdrs.METH_GET,
    f"{_PATH}/{{name}}",
    "Show a source with its mapping and its latest refusals",
    {
        200: ResponseSpec("The source.", SourceDetails),
        404: ResponseSpec("The source does not exist in the rules folder of this process."),
        **BAD_REQUEST,
    },
    path_parameters={"name": "Name of the source."},
    query=SourceQuery,
)
OPERATIONS: Final = (_LIST, _SHOW)
"""Descriptions of the routes."""


class SourcesApi:
    """Handlers of sources.

    Args:
        sources: Reads them.
        access: Who may call.
    """

    def __init__(self, sources: SourceReader, access: Access) -> None:
        self._sources = sources
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for viewers too."""
        return [
            viewer_route(_LIST, self.list, self._access),
            viewer_route(_SHOW, self.show, self._access),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return all sources."""
        query_params(request, NoQuery)
        return json_response(SourceList(await self._sources.all()))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return one source."""
        name = request.match_info["name"]
        found = await self._sources.one(name, limit=query_params(request, SourceQuery).limit)
        if found is None:
            raise unknown_source(name, self._sources)
        return json_response(found)


def unknown_source(name: str, sources: SourceReader) -> BadRequestError:
    """Return the error for a name that no source has, with the closest one, or all."""
    message = f"there is no source {name[:60]!r}, {suggestion(name, sources.names())}"
    return BadRequestError(message, status=404, code="not_found")
