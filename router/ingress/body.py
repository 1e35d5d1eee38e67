"""The body of a request: of a known form, within its size, within its time."""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web

from router.ingress.answers import JSON, RefusalError
from router.settings import Settings

JSON_TYPES: Final = frozenset(
    {JSON, "application/cloudevents+json", "application/cloudevents-batch+json"}
)


async def read(request: web.Request, settings: Settings) -> bytes:
    """The whole body. Raises RefusalError for one that is too large, too slow or encoded."""
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise RefusalError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_encoding", "send the body as it is"
        )
    limit = settings.max_body
    if request.content_length is not None and request.content_length > limit:
        raise too_large(limit)
    try:
        if request.content.is_eof():  # it came with the headers: a deadline would only cost
            return await request.read()
        async with asyncio.timeout(settings.body_timeout):
            return await request.read()
    except TimeoutError:
        raise RefusalError(
            HTTPStatus.REQUEST_TIMEOUT,
            "body_timeout",
            f"the body did not come within {settings.body_timeout:g} s",
        ) from None
    except web.HTTPRequestEntityTooLarge:
        raise too_large(limit) from None


def check_is_json(request: web.Request) -> None:
    """Raise RefusalError unless the body says that it is JSON."""
    if request.content_type not in JSON_TYPES:
        raise RefusalError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            f"send one of {', '.join(sorted(JSON_TYPES))}",
        )


def too_large(limit: int) -> RefusalError:
    return RefusalError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"the body may have {limit} bytes at most"
    )
