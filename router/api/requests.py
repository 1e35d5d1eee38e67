"""Requests to the operator API: query, body, and the errors of either."""

import asyncio
import functools
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web
from multidict import MultiMapping

from router.api.access import Handler
from router.api.json_responses import error_response
from router.datatypes import Duration
from router.errors import JournalUnavailableError
from router.events.json_text import BOM
from router.http.openapi import ResponseSpec
from router.journal.pagination import PageCursor, TimeRange

T = TypeVar("T", bound=msgspec.Struct)

BODY_SECONDS: Final = 10.0
"""Time for a body to arrive."""
BAD_REQUEST: Final = {400: ResponseSpec("The request is invalid; the message says why.")}
"""Responses of an operation with parameters."""
BAD_BODY: Final = {
    **BAD_REQUEST,
    408: ResponseSpec(f"The body did not arrive within {BODY_SECONDS:g} s."),
    413: ResponseSpec("The body is too large."),
}
"""Responses of an operation with a body."""


class BadRequestError(Exception):
    """Raised when a request is invalid; the message says what to send instead.

    ``code`` is a stable word for programs, ``path`` a JSON path into the body or ``""``.
    """

    def __init__(
        self, message: str, *, status: int = 400, code: str = "bad_request", path: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.path = path


def handle_errors(handler: Handler) -> Handler:
    """Return ``handler`` with an error response for a bad request and for unavailable Redis."""

    @functools.wraps(handler)
    async def handled(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BadRequestError as error:
            return error_response(error.status, error.code, str(error), error.path)
        except JournalUnavailableError:
            response = error_response(503, "journal_unavailable", "Redis is unavailable, try again")
            response.headers["Retry-After"] = "1"
            return response

    return handled


def query_params(request: web.Request, kind: type[T]) -> T:
    """Decode the query into ``kind``. A field that is a tuple has each value of a repeated parameter.

    Raises:
        BadRequestError: A parameter is unknown, missing or invalid.
    """
    return query_values(request.query, kind)


def query_values(query: MultiMapping[str], kind: type[T]) -> T:
    """Decode the parameters of a query into ``kind``, as ``query_params`` does."""
    known = kind.__struct_fields__
    for name in query:
        if name not in known:
            expected = ", ".join(known) or "none"
            raise BadRequestError(f"unknown query parameter {name[:60]!r}, expected {expected}")
    lists = {field.name for field in msgspec.structs.fields(kind) if field.default == ()}
    values = {name: query.getall(name) if name in lists else query[name] for name in query}
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        message, path = _message_and_path(error, kind)
        raise BadRequestError(f"{path.removeprefix('$.')}: {message}") from None


async def read_body(request: web.Request, *, limit: int) -> bytes:
    """Return the body of at most ``limit`` bytes.

    Raises:
        BadRequestError: The body is too large, or does not arrive within ``BODY_SECONDS``.
    """
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while len(body) <= limit and not request.content.at_eof():
                body += await request.content.read(limit + 1 - len(body))
    except TimeoutError:
        message = f"the body did not arrive within {BODY_SECONDS:g} s"
        raise BadRequestError(message, status=408, code="body_too_slow") from None
    if len(body) > limit:
        message = f"the body is larger than {limit} bytes"
        raise BadRequestError(message, status=413, code="too_large")
    return body


async def decode_body(
    request: web.Request, kind: type[T], *, limit: int | None = None, code: str = "bad_request"
) -> T:
    """Decode the JSON body into ``kind``; an empty body counts as ``{}``.

    Args:
        request: The request.
        kind: The expected type.
        limit: Maximum size in bytes; None for the server's limit.
        code: Code of the error for a body that is not of this type.

    Raises:
        BadRequestError: The body is not valid; ``path`` says where.
    """
    body = await read_body(request, limit=limit or request.client_max_size)
    try:
        return msgspec.json.decode(body.removeprefix(BOM) or b"{}", type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message, path = _message_and_path(error, kind)
        raise BadRequestError(message, code=code, path=path) from None


def parse_cursor(text: str) -> PageCursor | None:
    """Return the cursor of the parameter ``after``, None if empty. Raise BadRequestError."""
    try:
        return PageCursor.parse(text) if text else None
    except ValueError as error:
        raise BadRequestError(f"after: {error}") from None


def time_range(older_than: str, newer_than: str, *, now: float) -> TimeRange:
    """Return the times that two ages such as ``1h`` or ``7d`` mean.

    Args:
        older_than: Minimum age, ``""`` for none.
        newer_than: Maximum age, ``""`` for none.
        now: Unix time in seconds.

    Raises:
        BadRequestError: An age is not a duration.
    """
    return TimeRange(
        last_ms=_time_ms(older_than, "older_than", now),
        first_ms=_time_ms(newer_than, "newer_than", now),
    )


def _time_ms(age: str, name: str, now: float) -> int | None:
    try:
        return int((now - Duration.parse(age)) * 1000) if age else None
    except OverflowError:
        raise BadRequestError(f"{name}: the duration is too long") from None
    except ValueError as error:
        raise BadRequestError(f"{name}: {error}") from None


def _message_and_path(error: Exception, kind: type[msgspec.Struct]) -> tuple[str, str]:
    """Return the message of a decoding error and its JSON path, which msgspec appends."""
    if not isinstance(error, msgspec.DecodeError):
        return "the body is not JSON", "$"
    message, _, path = str(error).partition(" - at `")
    field = message.partition(" ")[0]
    if not path and field in kind.__struct_fields__:
        # A check in __post_init__ has no path, but its message begins with the field.
        return message, f"$.{field}"
    return message, path.rstrip("`") or "$"


def describe_age(text: str) -> Any:
    """Return the msgspec metadata of a parameter that is an age."""
    return msgspec.Meta(
        description=f"{text}: a duration such as 30m or 7d.",
        extra_json_schema={"pattern": r"^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d))*$"},
    )
