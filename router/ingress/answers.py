"""What is said to a sender: 202, or one clear error.

Source for the status codes: CloudEvents 1.0 "HTTP 1.1 Web Hooks" section 2.1; Twilio retries
whatever is not 2xx for four hours.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from router.errors import EventError, EventsTooLargeError, OverloadedError
from router.openapi import JSON, Problem, Refused

NO_HEADERS: Final[Mapping[str, str]] = {}
RETRY_SOON: Final = {"Retry-After": "1"}
"""For what failed for no fault of the sender's."""


class RefusalError(Exception):
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


def accepted(events: int, quarantined: int) -> web.Response:
    """202: all of the request is durable."""
    return web.Response(
        status=202,
        body=b'{"accepted":%d,"quarantined":%d}' % (events, quarantined),
        content_type=JSON,
    )


def refused(refusal: RefusalError) -> web.Response:
    """The error as JSON, with the headers that belong to it."""
    problem = Problem(refusal.code, refusal.message, refusal.path)
    return web.Response(
        status=refusal.status,
        body=msgspec.json.encode(Refused(problem)),
        content_type=JSON,
        headers=refusal.headers,
    )


def refusal_of(error: Exception) -> RefusalError:
    """What an error means to the sender."""
    match error:
        case RefusalError():
            return error
        case EventsTooLargeError():
            return RefusalError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error.code, error.message, path=error.path
            )
        case EventError():
            return RefusalError(HTTPStatus.BAD_REQUEST, error.code, error.message, path=error.path)
        case OverloadedError():
            return RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", str(error), headers=RETRY_SOON
            )
        case _:
            # What exactly Redis said concerns the operator, not the sender.
            return RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "journal_unavailable",
                "the events could not be made durable, send them again",
                detail=str(error),
                headers=RETRY_SOON,
            )
