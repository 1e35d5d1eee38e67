"""What is said to a sender: 202, or one clear error.

Source for the status codes: CloudEvents 1.0 "HTTP 1.1 Web Hooks" section 2.1; Twilio retries
whatever is not 2xx for four hours.
"""

import functools
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.http import SERVER_SOFTWARE

from router.errors import EventError, EventsTooLargeError, OverloadedError
from router.http.openapi import JSON, ErrorBody, ErrorDetail

NO_HEADERS: Final[Mapping[str, str]] = {}
RETRY_SOON: Final = {"Retry-After": "1"}
"""For what failed for no fault of the sender's."""


class RequestRejectedError(Exception):
    """A request that is answered with an error.

    ``detail`` is for the log only, ``headers`` belong to the answer.
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
    """The body of a 202: how many events are durable, and how many of a signed request are none.

    The latter are kept too, in quarantine.
    """

    accepted: int
    quarantined: int


class _PreparedResponse(web.StreamResponse):
    """An answer that is there as bytes, head and all; any number of requests may be given it.

    For the one that is given all day: putting headers into a dictionary and writing them out again
    costs more than checking the event.
    """

    _keep_alive = True

    def __init__(self, answer: bytes) -> None:
        super().__init__(status=HTTPStatus.ACCEPTED)
        self._answer = answer

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send it. Raises ConnectionResetError when nobody is there any more."""
        if request.transport is None:
            raise ConnectionResetError
        request.transport.write(self._answer)
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """There is nothing more."""


def accepted_response(
    request: web.BaseRequest, events: int, quarantined: int, *, now: float, is_last: bool
) -> web.StreamResponse:
    """202: all of the request is durable.

    ``now`` is Unix time in seconds. With ``is_last`` the connection takes no further request.
    """
    if request.version == HttpVersion11 and request.keep_alive and not is_last:
        return _prepared_response(events, quarantined, int(now))
    body = _counts(events, quarantined)
    response = web.Response(status=HTTPStatus.ACCEPTED, body=body, content_type=JSON)
    if is_last:
        response.force_close()
    return response


def _counts(events: int, quarantined: int) -> bytes:
    return b'{"accepted":%d,"quarantined":%d}' % (events, quarantined)


@functools.lru_cache(maxsize=16)
def _prepared_response(events: int, quarantined: int, second: int) -> _PreparedResponse:
    """The 202 of that second of Unix time."""
    body = _counts(events, quarantined)
    head = (
        f"HTTP/1.1 202 Accepted\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n"
        f"Date: {formatdate(second, usegmt=True)}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
    )
    return _PreparedResponse(head.encode() + body)


def rejection_response(refusal: RequestRejectedError) -> web.Response:
    """The error as JSON, with the headers that belong to it."""
    problem = ErrorDetail(refusal.code, refusal.message, refusal.path)
    return web.Response(
        status=refusal.status,
        body=msgspec.json.encode(ErrorBody(problem)),
        content_type=JSON,
        headers=refusal.headers,
    )


def to_rejection(error: Exception) -> RequestRejectedError:
    """What an error means to the sender."""
    match error:
        case RequestRejectedError():
            return error
        case EventsTooLargeError():
            return RequestRejectedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error.code, error.message, path=error.path
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
            # What exactly Redis said concerns the operator, not the sender.
            return RequestRejectedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "journal_unavailable",
                "the events could not be made durable, send them again",
                detail=str(error),
                headers=RETRY_SOON,
            )
