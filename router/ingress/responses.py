"""Responses to senders: 202, or one error.

Source of the status codes: CloudEvents 1.0 "HTTP 1.1 Web Hooks", section 2.1. Twilio retries for
four hours whatever is not answered with 2xx.
"""

import functools
import sys
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec
from aiohttp import web

from router.errors import (
    EventError,
    EventsTooLargeError,
    OverloadedError,
    UnsupportedCharsetError,
)
from router.http.openapi import ErrorBody, ErrorDetail
from router.media_types import JSON

NO_HEADERS: Final[Mapping[str, str]] = {}
RETRY_SOON: Final = {"Retry-After": "1"}
"""Headers of an error that is not the sender's fault."""
_HTTP_1_1: Final = (1, 1)
_UNSENT_LIMIT: Final = 16 * 1024
"""Bytes that may wait in a transport. Above asyncio's default low-water mark (a quarter of 64 KiB)
writing may be paused, and only aiohttp's own response waits for the receiver then."""
_SERVER: Final = (
    f"Python/{sys.version_info.major}.{sys.version_info.minor} aiohttp/{aiohttp.__version__}"
)
"""The header Server, as aiohttp sends it with all other responses."""


class RequestRejectedError(Exception):
    """Raised when a request is answered with an error.

    Args:
        status: The HTTP status.
        code: A stable word for programs.
        message: A sentence for people.
        path: A JSON path into the request, ``""`` if none applies.
        detail: A sentence for operators, which the log and the list of refusals show: what is
            probably wrong, and what to change. It has no secret.
        headers: Headers of the response.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        path: str = "",
        detail: str = "",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.detail = detail
        self.headers = headers


class Accepted(msgspec.Struct, frozen=True):
    """The body of a 202."""

    accepted: int
    """Events that are durable."""
    quarantined: int
    """Items of a signed request that are no events; they are durable too, in quarantine."""


class _PreparedResponse(web.StreamResponse):
    """A 202 whose bytes, head included, exist already.

    Nearly every response is a 202, and writing its headers each time costs more than checking
    the event. The bytes are shared; the object belongs to one request.
    """

    def __init__(self, response: bytes) -> None:
        super().__init__(status=202)  # HTTPStatus.ACCEPTED would be converted to int each time
        self._response = response

    @property
    def keep_alive(self) -> bool:
        """True: ``accepted_response`` takes another form for the last request of a connection."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send all of the response.

        Raises:
            ConnectionResetError: The connection is closed.
        """
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        transport.write(self._response)

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing, because ``prepare`` sent all."""


def accepted_response(
    request: web.BaseRequest, events: int, quarantined: int, *, now: float, is_last: bool
) -> web.StreamResponse:
    """Return the 202 of a request whose events are durable.

    Args:
        request: The request.
        events: How many events were accepted.
        quarantined: How many items went to quarantine.
        now: Unix time in seconds.
        is_last: Whether the connection closes after this response.
    """
    transport = request.transport
    if (
        not is_last
        and request.version == _HTTP_1_1
        and request.keep_alive
        and transport is not None
        and transport.get_write_buffer_size() < _UNSENT_LIMIT
    ):
        return _PreparedResponse(_accepted_bytes(events, quarantined, int(now)))
    body = _accepted_body(events, quarantined)
    response = web.Response(status=HTTPStatus.ACCEPTED, body=body, content_type=JSON)
    if is_last:
        response.force_close()
    return response


def _accepted_body(events: int, quarantined: int) -> bytes:
    return b'{"accepted":%d,"quarantined":%d}' % (events, quarantined)


@functools.lru_cache(maxsize=16)
def _accepted_bytes(events: int, quarantined: int, second: int) -> bytes:
    """Return head and body of a 202 of that second of Unix time."""
    body = _accepted_body(events, quarantined)
    head = (
        f"HTTP/1.1 202 Accepted\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n"
        f"Date: {formatdate(second, usegmt=True)}\r\nServer: {_SERVER}\r\n\r\n"
    )
    return head.encode() + body


def rejection_response(rejection: RequestRejectedError) -> web.Response:
    """Return the error as JSON, with its headers."""
    detail = ErrorDetail(rejection.code, rejection.message, rejection.path)
    return web.Response(
        status=rejection.status,
        body=msgspec.json.encode(ErrorBody(detail)),
        content_type=JSON,
        headers=rejection.headers,
    )


def to_rejection(error: Exception) -> RequestRejectedError:
    """Return the response that an error of reading or committing a request becomes."""
    match error:
        case RequestRejectedError():
            return error
        case EventsTooLargeError():
            return RequestRejectedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error.code, error.message, path=error.path
            )
        case UnsupportedCharsetError():
            return RequestRejectedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error.code, error.message, path=error.path
            )
        case EventError():
            return RequestRejectedError(
                HTTPStatus.BAD_REQUEST, error.code, error.message, path=error.path
            )
        case OverloadedError():
            return RequestRejectedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", str(error), headers=RETRY_SOON
            )
        case _:
            # The words of Redis are for the operator, so only the log has them.
            return RequestRejectedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "journal_unavailable",
                "Redis did not confirm the events in time; send them again",
                detail=str(error),
                headers=RETRY_SOON,
            )
