"""The parts of aiohttp's server that this package relies on and that aiohttp does not document.

No other module uses them. They were read in aiohttp 3.14.5 (``web_protocol.py``,
``base_protocol.py``, ``web_server.py``), and pyproject.toml caps aiohttp below 3.15.

| name | use | if it is missing |
|---|---|---|
| ``web.RequestHandler`` as a base | counts connections | connections have no limits |
| ``RequestHandler._request_count`` | shows that a head is complete | heads have no limits |
| ``RequestHandler._waiter`` | shows that a connection awaits a head | heads have no limits |
| ``RequestHandler._current_request`` | shows whether its body is complete | it waits for its deadline |
| ``RequestHandler._reading_paused`` | whether there is anything to resume | each body is resumed |
| ``RequestHandler.resume_reading`` | overridden: resumes only what was paused | each body is resumed |
| ``RequestHandler._messages`` | shows that bytes were malformed | they occupy memory for a while |
| ``RequestHandler.handle_error`` | overridden: answers malformed HTTP in JSON | aiohttp's plain text |
| ``RequestHandler._max_msg_queue_size`` | bounds pipelined requests | they have no limit |
| ``BaseRequest.writer.output_size`` | whether a response has begun | aiohttp's plain text |
| ``web.Server.request_factory`` | rejects targets that cannot be parsed | a logged traceback |
| ``web.Server.request_handler`` | the fast path of plain requests | aiohttp searches the routes |

``missing_names`` tries all of them when a server starts. If one is missing, the server uses
documented API alone for that part, after one warning.

Documented, and therefore used elsewhere: ``web.Server`` as a protocol factory of
``loop.create_server`` (page "Low Level Server"), and the connection's parameters of ``AppRunner``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

if TYPE_CHECKING or hasattr(web, "RequestHandler"):
    _RequestHandler = web.RequestHandler
else:
    _RequestHandler = asyncio.Protocol

logger = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_NO_TARGET: Final = "/"
_UNPARSABLE: Final = web.RequestKey("unparsable_target", bool)

READ_IN: Final = "3.14.5"

CONNECTION: Final = "RequestHandler"
HEAD_COUNT: Final = "RequestHandler._request_count"
HEAD_WAITER: Final = "RequestHandler._waiter"
CURRENT_REQUEST: Final = "RequestHandler._current_request"
READING_PAUSED: Final = "RequestHandler._reading_paused"
RESUME_READING: Final = "RequestHandler.resume_reading"
PIPELINE_LIMIT: Final = "RequestHandler._max_msg_queue_size"
MESSAGES: Final = "RequestHandler._messages"
HANDLE_ERROR: Final = "RequestHandler.handle_error"
OUTPUT_SIZE: Final = "BaseRequest.writer.output_size"
SERVER_HANDLER: Final = "Server.request_handler"
REQUEST_FACTORY: Final = "Server.request_factory"

_EFFECTS: Final[Mapping[str, str]] = {
    CONNECTION: "connections and heads have no limits",
    HEAD_COUNT: "heads have no deadline and no size limit",
    HEAD_WAITER: "heads have no deadline and no size limit",
    CURRENT_REQUEST: "an incomplete body of a client that sends no more waits for its deadline",
    READING_PAUSED: "each body costs more",
    RESUME_READING: "each body costs more",
    PIPELINE_LIMIT: "pipelined requests have no limit",
    MESSAGES: "malformed HTTP occupies memory until the next garbage collection",
    HANDLE_ERROR: "malformed HTTP is answered in plain text",
    OUTPUT_SIZE: "malformed HTTP is answered in plain text",
    SERVER_HANDLER: "each request costs more",
    REQUEST_FACTORY: "a host that cannot be parsed ends its connection with a traceback",
}
_ATTRIBUTES: Final = {
    HEAD_COUNT: "_request_count",
    HEAD_WAITER: "_waiter",
    CURRENT_REQUEST: "_current_request",
    READING_PAUSED: "_reading_paused",
    PIPELINE_LIMIT: "_max_msg_queue_size",
    MESSAGES: "_messages",
}
_METHODS: Final = {RESUME_READING: "resume_reading", HANDLE_ERROR: "handle_error"}


class ServerConnection(_RequestHandler):
    """aiohttp's protocol of one connection, with names for what a subclass reads of it."""

    __slots__ = ("_is_malformed",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_malformed = False

    def data_received(self, data: bytes) -> None:
        """Parse bytes; ignore what follows malformed HTTP, because its connection is closed.

        aiohttp leaves each parse error in a reference cycle with ``data``, up to 256 KB of it. A
        stranger could fill the memory with them before the next garbage collection.
        """
        if self._is_malformed:
            return
        super().data_received(data)
        messages = getattr(self, "_messages", ())
        error = getattr(messages[-1][0], "exc", None) if messages else None
        if error is not None:
            self._is_malformed = True
            _forget_tracebacks(error)

    @property
    def head_count(self) -> int:
        """Number of heads that have been complete on this connection."""
        return self._request_count

    @property
    def is_awaiting_head(self) -> bool:
        """True if no request is under way, nor complete and waiting."""
        waiter = self._waiter
        if waiter is None:
            # aiohttp's task may not have begun when the first bytes arrive.
            return self._request_count == 0
        return not waiter.done()

    @property
    def has_incomplete_body(self) -> bool:
        """True if the request under way has a body of which a part has not arrived."""
        request = getattr(self, "_current_request", None)
        return request is not None and not request.content.is_eof()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Resume only what was paused.

        aiohttp calls this for each body that was read, and parses an empty piece of data each time.
        """
        if getattr(self, "_reading_paused", True):
            super().resume_reading(resume_parser)


def _forget_tracebacks(error: BaseException | None) -> None:
    """Remove the tracebacks of an error and of those that led to it, with all that they refer to."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def has_sent_output(request: web.BaseRequest) -> bool:
    """Return whether a response to ``request`` has begun; True if aiohttp does not show it."""
    size: int = getattr(getattr(request, "writer", None), "output_size", 1)
    return size > 0


def wrap_handler(server: web.Server, wrap: Callable[[Handler], Handler]) -> None:
    """Replace the handler of all requests of ``server``, before its first connection."""
    server.request_handler = wrap(server.request_handler)


def mark_unparsable_targets(server: web.Server) -> None:
    """Let requests whose target cannot be parsed reach the handler, for ``has_unparsable_target``.

    aiohttp parses the host of an absolute target outside of any handler. An error there would end
    the task of the connection with a traceback. Call this before the first connection.
    """
    make: Callable[..., web.BaseRequest] = server.request_factory

    def make_or_mark(message: Any, *parts: Any) -> web.BaseRequest:
        try:
            return make(message, *parts)
        except ValueError:  # UnicodeError is one
            request = make(message._replace(path=_NO_TARGET, url=URL(_NO_TARGET)), *parts)
            request[_UNPARSABLE] = True
            return request

    server.request_factory = make_or_mark


def has_unparsable_target(request: web.BaseRequest) -> bool:
    """Return whether the target of ``request`` could not be parsed."""
    return _UNPARSABLE in request


async def missing_names(server: web.Server) -> frozenset[str]:
    """Return the names that this aiohttp does not have, or that mean something else in it.

    Logs one warning if there are any.
    """
    missing = await _missing_of_connection(server)
    if not hasattr(web.BaseRequest, "writer") or not hasattr(AbstractStreamWriter, "output_size"):
        missing.add(OUTPUT_SIZE)
    if not hasattr(server, "request_handler"):
        missing.add(SERVER_HANDLER)
    if not hasattr(server, "request_factory"):
        missing.add(REQUEST_FACTORY)
    if missing:
        logger.warning(
            "aiohttp internals missing; documented API used instead",
            extra={
                "version": aiohttp.__version__,
                "read_in": READ_IN,
                "missing": ", ".join(sorted(missing)),
                "effect": "; ".join(sorted({_EFFECTS[name] for name in missing})),
            },
        )
    return frozenset(missing)


class _NoTransport(asyncio.Transport):
    """A transport to nowhere."""

    def close(self) -> None:
        """Do nothing."""


async def _missing_of_connection(server: web.Server) -> set[str]:
    """Try two connections: the first must count a head in two pieces, the second must await one."""
    loop = asyncio.get_running_loop()
    try:
        connection: Any = ServerConnection(server, loop=loop)
    except TypeError:
        return {CONNECTION}
    missing = {
        name for name, attribute in _ATTRIBUTES.items() if not hasattr(connection, attribute)
    }
    missing |= {name for name, method in _METHODS.items() if not hasattr(_RequestHandler, method)}
    if HEAD_COUNT not in missing and not _counts_heads(connection):
        missing.add(HEAD_COUNT)
    if HEAD_WAITER not in missing and not await _awaits_head(ServerConnection(server, loop=loop)):
        missing.add(HEAD_WAITER)
    return missing


def _counts_heads(connection: ServerConnection) -> bool:
    counts = []
    for piece in (b"OPTIONS * HTTP/1.1\r\n", b"Host: x\r\n\r\n"):
        connection.data_received(piece)  # to no handler: only a connection that was made has one
        counts.append(connection.head_count)
    return counts == [0, 1]


async def _awaits_head(connection: ServerConnection) -> bool:
    connection.connection_made(_NoTransport())
    await asyncio.sleep(0)  # aiohttp's task of the connection begins
    found = connection.is_awaiting_head
    connection.connection_lost(None)
    await asyncio.sleep(0)  # and ends
    return found
