"""What a request asks for: its query, its body, its filters; or a 400 that says what is wrong."""

import asyncio
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec
from aiohttp import web

from router.api.auth import Handler, error
from router.datatypes import Duration
from router.errors import JournalUnavailableError
from router.journal.pagination import PageCursor, TimeRange

T = TypeVar("T")
_BODY_SECONDS: Final = 10.0
DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 1000


class BadRequestError(Exception):
    """A request that cannot be understood; the message says what would be right."""


def handle_errors(answer: Handler) -> Handler:
    """``answer``, with 400 for what it does not understand and 503 while Redis is away."""

    @functools.wraps(answer)
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(request)
        except BadRequestError as wrong:
            return error(400, "bad_request", str(wrong))
        except JournalUnavailableError:
            refusal = error(503, "journal_unavailable", "Redis is away, try again")
            refusal.headers["Retry-After"] = "1"
            return refusal

    return answered


def limit(request: web.Request) -> int:
    text = request.query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LARGEST_LIMIT):
        raise BadRequestError(f"limit must be a number from 1 to {LARGEST_LIMIT}")
    return int(text)


def cursor(text: str) -> PageCursor | None:
    return _parsed(PageCursor.parse, text, "after") if text else None


def time_range(older_than: str, newer_than: str, *, now: float) -> TimeRange:
    """Ages as people write them (``1h``, ``7d``) as times. ``now`` is Unix time in seconds."""
    return TimeRange(
        last_ms=_ago(older_than, "older_than", now), first_ms=_ago(newer_than, "newer_than", now)
    )


async def decode_body(request: web.Request, kind: type[T]) -> T:
    """The JSON body as ``kind``; an empty one is ``{}``."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            text = await request.read()
    except TimeoutError:
        raise BadRequestError("the body did not come in time") from None
    try:
        return msgspec.json.decode(text or b"{}", type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as wrong:
        raise BadRequestError(f"the body does not fit: {wrong}") from None


def query_params(request: web.Request, *names: str) -> dict[str, str]:
    """The query, of which only ``names`` may be there."""
    for name in request.query:
        if name not in names:
            raise BadRequestError(
                f"{name[:60]!r} is not asked for here, there are: {', '.join(names)}"
            )
    return dict(request.query)


def _ago(text: str, name: str, now: float) -> int | None:
    return int((now - _parsed(Duration.parse, text, name)) * 1000) if text else None


def _parsed(parse: Callable[[str], Any], text: str, name: str) -> Any:
    try:
        return parse(text)
    except ValueError as wrong:
        raise BadRequestError(f"{name}: {wrong}") from None


class Bounded(Protocol):
    """An order that may be for some things or for all of them."""

    @property
    def ids(self) -> Sequence[str]: ...
    @property
    def all(self) -> bool: ...
    @property
    def limit(self) -> int: ...


def require_bounds(order: Bounded, filters: Iterable[str]) -> None:
    """Raise BadRequestError for an order that does not say what it is for, or is for too many."""
    if not (order.ids or any(getattr(order, name) for name in filters) or order.all):
        raise BadRequestError('name ids or a filter, or say "all": true')
    if not 1 <= order.limit <= LARGEST_LIMIT or len(order.ids) > order.limit:
        raise BadRequestError(f"limit is from 1 to {LARGEST_LIMIT}, and ids are no more")
