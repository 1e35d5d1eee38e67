"""The body of a request, read within limits of size, time and memory.

Most bodies arrive together with their head and are read at once. All others have a deadline, a
maximum size each, and a maximum size all together. A thousand senders that are slow, or whose
bodies never end, therefore occupy no more memory than a few.
"""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from router.ingress.decode_turns import DecodeTurns
from router.ingress.gzip_stream import BadGzipError, GzipStream
from router.ingress.responses import RETRY_SOON, RequestRejectedError

_IDENTITY: Final = "identity"
_GZIP: Final = frozenset({"gzip", "x-gzip"})
"""Two names of one encoding (RFC 9110, section 8.4.1.3)."""


class BodyReader:
    """Reads bodies.

    Args:
        max_size: Bytes of one body, decompressed.
        max_total: Bytes of all bodies that are incomplete, together.
        timeout: Seconds until a body must be complete.
        turns: The turns to decode; ``read`` returns a large body when its turn begins.
    """

    def __init__(
        self, *, max_size: int, max_total: int, timeout: float, turns: DecodeTurns
    ) -> None:
        self._max_size = max_size
        self._max_total = max_total
        self._timeout = timeout
        self._turns = turns
        self._incomplete_bytes = 0

    async def read(self, request: web.BaseRequest, *, take_gzip: bool) -> bytes:
        """Return the whole body, decompressed if ``take_gzip`` and the sender compressed it.

        Raises:
            RequestRejectedError: The body is too large, too slow, incomplete or wrongly encoded.
        """
        if _is_complete(request):  # a deadline would only cost
            body = request.content.read_nowait()
            if len(body) > self._max_size:
                raise self._too_large()
            return body
        encodings = _encodings(request)
        is_gzip = len(encodings) == 1 and encodings[0] in _GZIP
        if encodings and not (take_gzip and is_gzip):
            raise _wrong_encoding("gzip" if take_gzip else _IDENTITY)
        length = request.content_length
        if length is not None and length > self._max_size:
            raise self._too_large()
        try:
            return await self._read_pieces(request, is_gzip=is_gzip)
        except TimeoutError:
            raise RequestRejectedError(
                HTTPStatus.REQUEST_TIMEOUT,
                "body_timeout",
                f"the body did not arrive within {self._timeout:g} s",
            ) from None
        except web.HTTPRequestEntityTooLarge:
            raise self._too_large() from None
        except (web.RequestPayloadError, ConnectionError):
            raise RequestRejectedError(
                HTTPStatus.BAD_REQUEST, "broken_body", "the body is truncated or badly framed"
            ) from None

    async def _read_pieces(self, request: web.BaseRequest, *, is_gzip: bool) -> bytes:
        gzip = GzipStream() if is_gzip else None
        body = bytearray()
        arrived = 0
        try:
            async with asyncio.timeout(self._timeout):
                while chunk := await request.content.readany():
                    arrived += len(chunk)
                    # One byte more than allowed is enough to see that the body is too large.
                    most = self._max_size - len(body) + 1
                    piece = gzip.decompress(chunk, most) if gzip else chunk
                    if max(arrived, len(body) + len(piece)) > self._max_size:
                        raise self._too_large()
                    self._reserve(len(piece))
                    body += piece
            if gzip is not None:
                gzip.end()
            await self._turns.take(len(body))
        except BadGzipError as error:
            raise RequestRejectedError(
                HTTPStatus.BAD_REQUEST, "bad_gzip", f"the body is not valid gzip: {error}"
            ) from None
        finally:
            self._incomplete_bytes -= len(body)
        return bytes(body)

    def _reserve(self, size: int) -> None:
        if self._incomplete_bytes and self._incomplete_bytes + size > self._max_total:
            raise RequestRejectedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "overloaded",
                "too many large bodies arrive at once",
                headers=RETRY_SOON,
            )
        self._incomplete_bytes += size

    def _too_large(self) -> RequestRejectedError:
        return RequestRejectedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_large",
            f"the body exceeds {self._max_size} bytes, decompressed",
        )


def _is_complete(request: web.BaseRequest) -> bool:
    """Return whether the body is not encoded and arrived together with its head."""
    content = request.content
    return (
        content.is_eof()
        and content.exception() is None
        and hdrs.CONTENT_ENCODING not in request.headers
    )


def _encodings(request: web.BaseRequest) -> list[str]:
    """Return the encodings of a body in the order in which they were applied."""
    stated = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, ()))
    names = [name.strip().lower() for name in stated.split(",")]
    return [name for name in names if name not in {"", _IDENTITY}]


def _wrong_encoding(accepted: str) -> RequestRejectedError:
    alternative = " or with Content-Encoding: gzip" if accepted == "gzip" else ""
    return RequestRejectedError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "content_encoding",
        f"send the body without a Content-Encoding{alternative}",
        headers={"Accept-Encoding": accepted},
    )
