"""Responses to requests that no handler answers: unknown paths, methods and expectations.

They have the body of all other errors, are counted as those are, and cause one log line.
"""

import logging
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.http import aiohttp_adapter
from router.http.aiohttp_adapter import Handler
from router.http.openapi import ErrorBody, ErrorDetail
from router.log_throttle import LogThrottle
from router.media_types import JSON
from router.metrics import Metrics
from router.printable import shortened

logger = logging.getLogger(__name__)

OTHER: Final = "other"
"""Label of requests to paths that are not those of senders."""
_SHOWN: Final = 60
"""Characters of a path or a method that a message repeats."""
_NO_HEADERS: Final[Mapping[str, str]] = {}
_DENIED: Final = frozenset({401, 403})
_MAX_REASON: Final = 200
"""Characters of a parser's reason that a response repeats."""
_WORDS: Final[Mapping[str, str]] = {
    "Got more than": "the first line or a header is too long",
    "Invalid method": "the first line has no method of HTTP",
    "Pause on PRI": "HTTP/2 is not supported here, use HTTP/1.1",
    "Bad status line": "the first line is malformed",
    "Invalid char in url": "the request target has an invalid character",
    "Invalid header token": "the name of a header has an invalid character",
}
"""Our words by the beginning of the reason that the parser gives."""
_CODES: Final[Mapping[int, str]] = {
    404: "not_found",
    405: "method",
    413: "too_large",
    417: "bad_http",
}


def error_body(code: str, message: str) -> bytes:
    """Return the body of an error response."""
    return msgspec.json.encode(ErrorBody(ErrorDetail(code, message, "")))


def _early_response(status: HTTPStatus, code: str, message: str, headers: str = "") -> bytes:
    """Return the bytes of a response to a connection that has no request."""
    body = error_body(code, message)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{headers}Content-Type: {JSON}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


RESPONSE_503: Final = _early_response(
    HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "too many connections", "Retry-After: 1\r\n"
)
RESPONSE_408: Final = _early_response(
    HTTPStatus.REQUEST_TIMEOUT, "head_timeout", "the first line and headers did not arrive in time"
)
RESPONSE_431: Final = _early_response(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head_too_large",
    "the first line and headers are too large",
)


def closing_response(status: int, code: str, message: str) -> web.Response:
    """Return an error after which the connection closes."""
    response = web.Response(status=status, body=error_body(code, message), content_type=JSON)
    response.force_close()
    return response


def malformed_reason(error: BaseException | None, message: str) -> str:
    """Return why a request is no HTTP, in one line that repeats nothing of the request.

    Args:
        error: What aiohttp's parser raised.
        message: Its description. The message of an invalid URL is the URL.
    """
    if type(error).__name__ == "InvalidURLError":
        return "the request target is not a path or a URL"
    reason = message.strip().partition("\n")[0]
    for beginning, words in _WORDS.items():
        if reason.startswith(beginning):
            return words
    return reason.rstrip(":. ")[:_MAX_REASON] or "malformed HTTP"


class ErrorResponses:
    """Answers what aiohttp would answer in plain text.

    Args:
        metrics: Counts the requests.
        paths: The paths of senders, whose names are labels.
        prefix: The beginning of further paths of senders; ``""`` for none.
    """

    def __init__(self, metrics: Metrics, paths: Collection[str], prefix: str = "") -> None:
        self._metrics = metrics
        self._paths = frozenset(paths)
        self._prefix = prefix
        self._throttle = LogThrottle(logger)

    def wrap(self, otherwise: Handler) -> Handler:
        """Return a handler that answers the errors of ``otherwise``."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if aiohttp_adapter.has_unparsable_target(request):
                message = "the host of the request target is malformed"
                response = self._answer(request, HTTPStatus.BAD_REQUEST, "bad_http", message)
                response.force_close()
                return response
            try:
                answer = await otherwise(request)
            except web.HTTPException as error:
                if error.status < HTTPStatus.BAD_REQUEST:
                    raise
                return self._of(request, error)
            if answer.status in _DENIED:
                self._count_denied(request, answer.status)
            return answer

        return handle

    def _of(self, request: web.BaseRequest, error: web.HTTPException) -> web.Response:
        allowed = error.headers.get(hdrs.ALLOW, "")
        match error.status:
            case HTTPStatus.NOT_FOUND:
                message = self._not_found(request)
            case HTTPStatus.METHOD_NOT_ALLOWED:
                message = f"{shortened(request.method, _SHOWN)} is not allowed, use {allowed}"
            case HTTPStatus.EXPECTATION_FAILED:
                message = "Expect may be 100-continue only"
            case _:
                message = error.reason
        return self._answer(
            request,
            HTTPStatus(error.status),
            _CODES.get(error.status, "bad_request"),
            message,
            {"Allow": allowed} if allowed else _NO_HEADERS,
        )

    def _count_denied(self, request: web.BaseRequest, status: int) -> None:
        """Count and log a request that a handler denied; those of senders count their own."""
        path = request.path.rstrip("/")
        if path in self._paths or (self._prefix and path.startswith(self._prefix)):
            return
        self._metrics.requests_refused.labels(OTHER, str(status)).inc()
        fields = {"source": OTHER, "status": status, **_request_fields(request, path)}
        self._throttle.warning(
            "request rejected",
            kind="denied",
            client=request.remote or "",
            fields=fields,
        )

    def _not_found(self, request: web.BaseRequest) -> str:
        path = _path_of(request)
        plain = path.rstrip("/")
        if plain in self._paths and plain != path:
            return f"there is no such path: the endpoint is {plain}, without a slash at its end"
        return "there is no such path"

    def _answer(
        self,
        request: web.BaseRequest,
        status: HTTPStatus,
        code: str,
        message: str,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> web.Response:
        path = _path_of(request).rstrip("/")
        source = path.removeprefix("/") if path in self._paths else OTHER
        self._metrics.requests_refused.labels(source, str(status.value)).inc()
        fields = {
            "source": source,
            "status": status.value,
            "code": code,
            "reason": message,
            **_request_fields(request, path),
        }
        self._throttle.warning(
            "request rejected", kind=code, client=request.remote or "", fields=fields
        )
        response = web.Response(
            status=status, body=error_body(code, message), content_type=JSON, headers=headers
        )
        if not request.content.is_eof():
            response.force_close()  # so that no rest of a body is read
        return response


def _path_of(request: web.BaseRequest) -> str:
    return request.raw_path.partition("?")[0]


def _request_fields(request: web.BaseRequest, path: str) -> dict[str, object]:
    """Return the fields of a log line that tell a request from others."""
    return {
        "method": shortened(request.method, _SHOWN),
        "target": _shown(path),
        "remote": request.remote,
    }


def _shown(path: str) -> str:
    """Return the first part of a path, because the rest may be the token of a link."""
    first, slash, rest = path.removeprefix("/").partition("/")
    return f"/{shortened(first, _SHOWN)}{'/…' if slash and rest else ''}"
