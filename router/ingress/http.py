"""The doors: routes, limits, answers.

Source for the answers: CloudEvents 1.0 "HTTP 1.1 Web Hooks" section 2.1; Twilio retries whatever
is not 2xx for four hours.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from router.clock import Clock
from router.errors import (
    EventError,
    EventsTooLargeError,
    JournalUnavailableError,
    OverloadedError,
)
from router.events import Received, decode_request, decode_strictly
from router.ingress import twilio
from router.ingress.commit import weight
from router.ingress.gate import Gate
from router.journal.group_commit import GroupCommit
from router.settings import Settings
from router.telemetry import Metrics

logger = logging.getLogger(__name__)

_JSON: Final = "application/json"
_STRUCTURED: Final = "application/cloudevents+json"
_BATCHED: Final = "application/cloudevents-batch+json"
_CONTENT_TYPES: Final = frozenset({_JSON, _STRUCTURED, _BATCHED})
_RETRY_AFTER: Final = "1"
_encode = msgspec.json.encode


class RefusalError(Exception):
    """A request that is answered with an error. ``detail`` is for the log only."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, path: str = "", detail: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.detail = detail


class Ingress:
    """Takes events in by HTTP: each request is answered after its own commit."""

    def __init__(
        self,
        settings: Settings,
        commit: GroupCommit[Received],
        gate: Gate,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._commit = commit
        self._gate = gate
        self._metrics = metrics
        self._clock = clock
        self._received = {
            (source, outcome): metrics.events_received.labels(source, outcome)
            for source in ("twilio", "events")
            for outcome in ("accepted", "quarantined")
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/twilio", self.from_twilio), web.post("/events", self.from_anybody)]

    async def from_twilio(self, request: web.Request) -> web.Response:
        """Twilio Event Streams: one event or an array, signed."""
        return await self._answer(request, "twilio", self._read_twilio)

    async def from_anybody(self, request: web.Request) -> web.Response:
        """CloudEvents 1.0 over HTTP, structured or batched, with a bearer token if one is set."""
        return await self._answer(request, "events", self._read_cloudevents)

    async def _answer(
        self,
        request: web.Request,
        source: str,
        read: Callable[[web.Request], Awaitable[tuple[Received, int]]],
    ) -> web.Response:
        started = self._clock.monotonic()
        try:
            self._gate.enter()
            received, size = await read(request)
            if received.events or received.malformed:
                await self._commit.commit(received, weight(received, size))
        except (RefusalError, EventError, OverloadedError, JournalUnavailableError) as error:
            return self._refuse(request, source, _refusal(error))
        accepted, quarantined = len(received.events), len(received.malformed)
        self._received[source, "accepted"].inc(accepted)
        if quarantined:
            self._received[source, "quarantined"].inc(quarantined)
            logger.warning(
                "malformed events are in quarantine",
                extra={
                    "source": source,
                    "count": quarantined,
                    "reason": f"{received.malformed[0].path}: {received.malformed[0].reason}",
                },
            )
        self._metrics.ingress_request_seconds.observe(self._clock.monotonic() - started)
        return web.Response(
            status=202,
            body=b'{"accepted":%d,"quarantined":%d}' % (accepted, quarantined),
            content_type=_JSON,
        )

    async def _read_twilio(self, request: web.Request) -> tuple[Received, int]:
        body = await self._body(request)
        url = twilio.called_url(
            self._settings.public_url or f"{request.scheme}://{request.host}", request.raw_path
        )
        result = twilio.check(
            signature=request.headers.get("X-Twilio-Signature"),
            url=url,
            body=body,
            auth_tokens=self._settings.twilio_auth_tokens,
        )
        if result is not twilio.Check.GENUINE:
            missing = result is twilio.Check.NO_SIGNATURE
            raise RefusalError(
                HTTPStatus.UNAUTHORIZED if missing else HTTPStatus.FORBIDDEN,
                result.name.lower(),
                str(result),
                detail=f"signed URL {url}",
            )
        received = decode_request(
            body,
            received_at=self._clock.now(),
            max_events=self._settings.max_events_per_request,
        )
        return received, len(body)

    async def _read_cloudevents(self, request: web.Request) -> tuple[Received, int]:
        self._check_token(request)
        body = await self._body(request)
        _check_mode(request.content_type, body)
        events = decode_strictly(
            body,
            received_at=self._clock.now(),
            max_events=self._settings.max_events_per_request,
        )
        return Received(events, []), len(body)

    def _check_token(self, request: web.Request) -> None:
        token = self._settings.events_token
        if token is None:
            return
        given = request.headers.get("Authorization", "")
        wanted = f"Bearer {token.reveal()}"
        if not given:
            raise RefusalError(
                HTTPStatus.UNAUTHORIZED, "no_token", "send Authorization: Bearer <token>"
            )
        if not hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), wanted.encode("utf-8", "surrogateescape")
        ):
            raise RefusalError(HTTPStatus.FORBIDDEN, "wrong_token", "the bearer token is wrong")

    async def _body(self, request: web.Request) -> bytes:
        if request.content_type not in _CONTENT_TYPES:
            raise RefusalError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "content_type",
                f"send one of {', '.join(sorted(_CONTENT_TYPES))}",
            )
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise RefusalError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_encoding", "send the body as it is"
            )
        limit = self._settings.max_body
        if request.content_length is not None and request.content_length > limit:
            raise _too_large(limit)
        try:
            if request.content.is_eof():  # it came with the headers: a deadline would only cost
                return await request.read()
            async with asyncio.timeout(self._settings.body_timeout):
                return await request.read()
        except TimeoutError:
            raise RefusalError(
                HTTPStatus.REQUEST_TIMEOUT,
                "body_timeout",
                f"the body did not come within {self._settings.body_timeout:g} s",
            ) from None
        except web.HTTPRequestEntityTooLarge:
            raise _too_large(limit) from None

    def _refuse(self, request: web.Request, source: str, refusal: RefusalError) -> web.Response:
        self._metrics.requests_refused.labels(source, str(refusal.status.value)).inc()
        logger.warning(
            "request refused",
            extra={
                "source": source,
                "status": refusal.status.value,
                "code": refusal.code,
                "reason": refusal.message,
                "path": refusal.path,
                "remote": request.remote,
                **({"detail": refusal.detail} if refusal.detail else {}),
            },
        )
        error = {"code": refusal.code, "message": refusal.message, "path": refusal.path}
        response = web.Response(
            status=refusal.status, body=_encode({"error": error}), content_type=_JSON
        )
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = _RETRY_AFTER
        if refusal.status == HTTPStatus.UNAUTHORIZED and source == "events":
            response.headers["WWW-Authenticate"] = "Bearer"
        if not request.content.is_eof():
            response.force_close()  # what is left of the body is not worth reading
        return response


def _check_mode(content_type: str, body: bytes) -> None:
    """A batch is an array and a structured event an object; plain JSON may be either."""
    is_array = body.lstrip(b" \t\r\n")[:1] == b"["
    if content_type == _BATCHED and not is_array:
        raise EventError("not_a_batch", f"{_BATCHED} holds an array of events", "$")
    if content_type == _STRUCTURED and is_array:
        raise EventError("not_one_event", f"an array of events is {_BATCHED}", "$")


def _too_large(limit: int) -> RefusalError:
    return RefusalError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"the body may have {limit} bytes at most"
    )


def _refusal(error: Exception) -> RefusalError:
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
            return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", str(error))
        case _:
            # What exactly Redis said concerns the operator, not the sender.
            return RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "journal_unavailable",
                "the events could not be made durable, send them again",
                detail=str(error),
            )
