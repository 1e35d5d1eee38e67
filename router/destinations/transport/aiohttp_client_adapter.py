"""The parts of aiohttp's client that this package relies on and that aiohttp does not document.

No other module uses them. They were read in aiohttp 3.14.5 (``client_proto.py``, ``connector.py``,
``_http_parser.pyx``), and pyproject.toml caps aiohttp below 3.15. aiohttp has no setting for a
lenient parser, so the parser of a connection is wrapped: a head that it rejects is repaired and
parsed again, and a body that it rejects ends there.

| name | use | if it is missing |
|---|---|---|
| ``client_proto.ResponseHandler`` as a base | wraps the parser of a connection | strict parser |
| ``TCPConnector._factory`` | makes that class instead of aiohttp's | strict parser |
| ``ResponseHandler._parser`` | replaced by the wrapper | strict parser |
| ``ResponseHandler.set_response_params`` | overridden: called for each request | strict parser |

With the strict parser a delivery whose receiver replies oddly is retried and then given up.
``warn_once`` says so.
"""

import functools
import logging
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from router.destinations.transport.reply_head import HEAD_LIMIT, repair

try:
    from aiohttp.client_proto import ResponseHandler as _ResponseHandler
except ImportError:  # pragma: no cover - another aiohttp
    if not TYPE_CHECKING:
        _ResponseHandler = object

logger = logging.getLogger(__name__)

READ_IN: Final = "3.14.5"

_NOTHING: Final[tuple[Any, ...]] = ((), False, b"")
"""The result of a parser for data that completes no head."""


class MalformedBodyError(aiohttp.ClientPayloadError):
    """Raised to the reader of a body whose framing is not HTTP. Its head was complete."""


class LenientConnection(_ResponseHandler):
    """aiohttp's protocol of one client connection, with a lenient parser for each reply."""

    def set_response_params(self, **params: Any) -> None:
        """Prepare for a reply, as aiohttp's own method does."""
        self._params = params
        super().set_response_params(**params)
        lenient: Any = _LenientParser(self, self._parser)
        self._parser = lenient

    def strict_parser(self) -> Any:
        """Return a new parser of aiohttp for the present reply."""
        kept = self._parser
        super().set_response_params(**self._params)
        made, self._parser = self._parser, kept
        return made


class _LenientParser:
    """aiohttp's parser of one reply, and its repair.

    It has the methods that aiohttp calls of a parser.
    """

    __slots__ = ("_body", "_connection", "_error", "_is_over", "_received", "_strict")

    def __init__(self, connection: LenientConnection, strict: Any) -> None:
        self._connection = connection
        self._strict = strict
        self._received: bytes | None = b""
        """The bytes of the head; None once it is complete."""
        self._error: Exception | None = None
        """Why the head is being repaired."""
        self._body: Any = None
        self._is_over = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strict, name)

    def feed_data(self, data: bytes) -> Any:
        """Return new messages, whether the protocol was upgraded, and the rest of the data."""
        if self._is_over:
            return _NOTHING
        if self._received is None:
            return self._feed_body(data)
        self._received += data
        if self._error is None:
            try:
                parsed = self._strict.feed_data(data)
            except Exception as error:  # noqa: BLE001 - the parser has no common base
                self._error = error
            else:
                if parsed[0]:
                    self._note(parsed[0])
                    return parsed
                if len(self._received) <= HEAD_LIMIT:
                    return parsed
                self._error = aiohttp.ClientPayloadError("the head is too large")
        return self._repair(self._received, self._error)

    def feed_eof(self) -> Any:
        """End the reply with its connection."""
        if self._is_over or (self._error is not None and self._received is not None):
            return None
        return self._strict.feed_eof()

    def _note(self, messages: Any) -> None:
        message, body = messages[-1]
        if message.code >= 200 or message.code == 101:
            self._received, self._body = None, body

    def _repair(self, received: bytes, error: Exception) -> Any:
        try:
            head = repair(received)
        except ValueError:
            raise error from None
        if head is None:
            return _NOTHING
        self._connection.force_close()
        self._strict = self._connection.strict_parser()
        parsed = self._strict.feed_data(head.content)
        self._note(parsed[0])
        if head.body is None:
            self._is_over = True
        elif head.body:
            self._feed_body(head.body)
        return parsed

    def _feed_body(self, data: bytes) -> Any:
        try:
            return self._strict.feed_data(data)
        except Exception:  # noqa: BLE001 - as above
            self._is_over = True
            self._connection.force_close()
            if not self._body.is_eof():  # else it follows a complete body and concerns no reader
                self._body.set_exception(MalformedBodyError())
            return _NOTHING


def accept_odd_replies(connector: aiohttp.TCPConnector) -> None:
    """Let the connections that ``connector`` makes from now on parse replies leniently.

    Without effect, after one warning, if aiohttp lacks what it takes.
    """
    missing = missing_names(connector)
    if missing:
        warn_once(missing)
        return
    factory: Any = connector._factory  # noqa: SLF001 - this is the adapter
    connector._factory = functools.partial(  # type: ignore[assignment]  # noqa: SLF001
        LenientConnection, **factory.keywords
    )


def missing_names(connector: aiohttp.TCPConnector) -> tuple[str, ...]:
    """Return the names that the installed aiohttp lacks, or that mean something else in it."""
    missing = []
    factory = getattr(connector, "_factory", None)
    if not isinstance(factory, functools.partial) or factory.func is not _ResponseHandler:
        missing.append("TCPConnector._factory")
    if not hasattr(_ResponseHandler, "set_response_params"):
        missing.append("ResponseHandler.set_response_params")
    return tuple(missing)


@functools.cache
def warn_once(missing: tuple[str, ...]) -> None:
    """Log a warning about names that the installed aiohttp lacks."""
    logger.warning(
        "aiohttp internals missing; odd replies are rejected",
        extra={"read_in": READ_IN, "missing": ", ".join(missing)},
    )
