"""The body of a request: within its size, within its time, decompressed within bounds.

Most bodies come with their head and are simply there. For all others there is a deadline, a
limit for each and one for all together, so that a thousand senders that are slow, or whose bodies
never end, hold no more memory than a few.
"""

import asyncio
import zlib
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from router.ingress.responses import RETRY_SOON, RequestRejectedError

_GZIP: Final = 16 + zlib.MAX_WBITS
_IDENTITY: Final = "identity"


class BodyReader:
    """Reads bodies. Sizes are bytes, ``timeout`` is seconds."""

    def __init__(self, *, largest: int, together: int, timeout: float) -> None:
        self._largest = largest
        self._together = together
        self._timeout = timeout
        self.held = 0
        """Bytes of bodies that are not complete."""

    async def read(self, request: web.BaseRequest, *, take_gzip: bool) -> bytes:
        """The whole body. Raises RequestRejectedError for one that is too large, too slow or encoded."""
        if self._is_at_hand(request):
            return request.content.read_nowait()
        encoding = request.headers.get("Content-Encoding", _IDENTITY).strip().lower()
        if encoding != _IDENTITY and not (take_gzip and encoding == "gzip"):
            raise _encoded("gzip" if take_gzip else _IDENTITY)
        length = request.content_length
        if length is not None and length > self._largest:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._read_slowly(request, is_gzip=encoding == "gzip")
        except TimeoutError:
            raise RequestRejectedError(
                HTTPStatus.REQUEST_TIMEOUT,
                "body_timeout",
                f"the body did not come within {self._timeout:g} s",
            ) from None
        except web.HTTPRequestEntityTooLarge:
            raise self._too_large() from None
        except (web.RequestPayloadError, ConnectionError):
            raise RequestRejectedError(
                HTTPStatus.BAD_REQUEST, "broken_body", "the body broke off or is badly framed"
            ) from None

    def _is_at_hand(self, request: web.BaseRequest) -> bool:
        """Whether the body is plain and came with its head: then a deadline would only cost."""
        content = request.content
        return (
            content.is_eof()
            and content.exception() is None
            and content.total_bytes <= self._largest
            and hdrs.CONTENT_ENCODING not in request.headers
        )

    async def _read_slowly(self, request: web.BaseRequest, *, is_gzip: bool) -> bytes:
        gzip = zlib.decompressobj(_GZIP) if is_gzip else None
        body = bytearray()
        try:
            while chunk := await request.content.readany():
                piece = self._inflate(gzip, chunk, len(body)) if gzip else chunk
                if len(body) + len(piece) > self._largest:
                    raise self._too_large()
                self._hold(len(piece))
                body += piece
        finally:
            self.held -= len(body)
        if gzip is not None and not gzip.eof:
            raise _bad_gzip("it ends too early")
        return bytes(body)

    def _inflate(self, gzip: "zlib._Decompress", chunk: bytes, size: int) -> bytes:
        try:
            # One byte more than may be: so much tells that it is too large.
            inflated = gzip.decompress(chunk, self._largest - size + 1)
        except zlib.error:
            raise _bad_gzip("the compressed data is damaged") from None
        if gzip.unused_data:
            raise _bad_gzip("there is more after its end")
        return inflated

    def _hold(self, size: int) -> None:
        if self.held and self.held + size > self._together:
            raise RequestRejectedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "overloaded",
                "too many large bodies are on their way",
                headers=RETRY_SOON,
            )
        self.held += size

    def _too_large(self) -> RequestRejectedError:
        return RequestRejectedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_large",
            f"the body may have {self._largest} bytes at most, decompressed",
        )


def _encoded(taken: str) -> RequestRejectedError:
    return RequestRejectedError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "content_encoding",
        "send the body as it is" + (" or with Content-Encoding: gzip" if taken == "gzip" else ""),
        headers={"Accept-Encoding": taken},
    )


def _bad_gzip(reason: str) -> RequestRejectedError:
    return RequestRejectedError(
        HTTPStatus.BAD_REQUEST, "bad_gzip", f"the body is no gzip: {reason}"
    )
