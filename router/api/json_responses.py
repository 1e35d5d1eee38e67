"""JSON responses of the operator API."""

from typing import Any

import msgspec
from aiohttp import web

from router.http.openapi import ErrorBody, ErrorDetail
from router.media_types import JSON


def json_response(value: Any, status: int = 200) -> web.Response:
    """Return a response with ``value`` as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(value), content_type=JSON)


def error_response(status: int, code: str, message: str, path: str = "") -> web.Response:
    """Return an error in the same form as the endpoints for events: an ``ErrorBody``."""
    return json_response(ErrorBody(ErrorDetail(code, message, path)), status)
