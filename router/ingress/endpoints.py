"""The HTTP endpoints for events: from a request to its response."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from router.clock import Clock
from router.errors import EventError, JournalUnavailableError, OverloadedError
from router.events.decode import (
    decode_leniently,
    decode_strictly,
    test_id_of,
)
from router.events.limits import max_request_values
from router.events.model import (
    Event,
    Received,
)
from router.events.schemas import TEST_EVENT
from router.http.openapi import JSON
from router.ingress import authentication, http_binding
from router.ingress.admission import AdmissionControl
from router.ingress.body import BodyReader
from router.ingress.commit import EventCommit
from router.ingress.decode_turns import DecodeTurns
from router.ingress.forwarded import Sender, called_target, check_base_url, resolve_sender
from router.ingress.rate_limit import TokenBuckets
from router.ingress.responses import (
    RequestRejectedError,
    accepted_response,
    rejection_response,
    to_rejection,
)
from router.journal.twilio_tests import SinkTest, SinkTests
from router.log_throttle import LogThrottle
from router.metrics import Metrics
from router.printable import shortened
from router.settings.model import Settings
from router.sources import twilio_signature

logger = logging.getLogger(__name__)

TWILIO: Final = "/twilio"
EVENTS: Final = "/events"
FAST_PATHS: Final = (TWILIO, EVENTS)
"""Paths whose POST requests skip the search for a route."""

_LOGGED_TEXT: Final = 300
"""Characters of a text of a request in a log line. A signed URL may have 8 KB."""

Read = Callable[[web.BaseRequest, Sender | None], Awaitable[tuple[Received, int]]]
"""Reads a request: its events, and the size of its body in bytes."""


class Ingress:
    """Accepts events over HTTP. A request is answered once its events are durable.

    Args:
        settings: Credentials, limits and rates.
        commit: Makes events durable.
        admission: Rejects events while Redis is unsound or nearly full.
        sink_tests: Records the test events of Twilio sinks.
        metrics: Counts events and requests.
        clock: The clock of the process.
    """

    def __init__(
        self,
        settings: Settings,
        commit: EventCommit,
        admission: AdmissionControl,
        sink_tests: SinkTests,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._commit = commit
        self._admission = admission
        self._sink_tests = sink_tests
        self._metrics = metrics
        self._clock = clock
        self._throttle = LogThrottle(logger)
        self._body_reader = BodyReader(
            max_size=settings.max_body,
            max_total=settings.max_body_memory,
            timeout=settings.body_timeout,
            turns=DecodeTurns(
                clock.monotonic,
                max_wait=settings.body_timeout,
                max_bytes=settings.max_body_memory // 2,
            ),
        )
        self._max_values = max_request_values(settings.max_body)
        self._client_buckets = TokenBuckets(
            rate=settings.client_rate, burst=settings.client_burst, monotonic=clock.monotonic
        )
        self._credential_buckets = TokenBuckets(
            rate=settings.credential_rate,
            burst=settings.credential_burst,
            monotonic=clock.monotonic,
            by="credential",
        )
        # Only these settings need the sender, and most routers set none of them.
        self._needs_sender = bool(
            settings.trusted_proxies or settings.twilio_addresses or self._client_buckets.limited
        )
        self._received = {
            (source, outcome): metrics.events_received.labels(source, outcome)
            for source in ("twilio", "events")
            for outcome in ("accepted", "quarantined")
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of both paths."""
        return [
            web.post(TWILIO, self.post_twilio),
            web.route(hdrs.METH_ANY, TWILIO, self.reject_method),
            web.post(EVENTS, self.post_events),
            web.options(EVENTS, self.options_events),
        ]

    async def post_twilio(self, request: web.BaseRequest) -> web.StreamResponse:
        """Accept events of Twilio Event Streams: one event or an array, signed."""
        return await self._ingest(request, "twilio", self._read_twilio)

    async def post_events(self, request: web.BaseRequest) -> web.StreamResponse:
        """Accept CloudEvents 1.0 in each mode of the HTTP binding, with a bearer token if one is set."""
        return await self._ingest(request, "events", self._read_cloudevents)

    async def options_events(self, request: web.Request) -> web.Response:
        """Tell an origin whether it may send: the handshake of CloudEvents web hooks."""
        try:
            allowed = http_binding.handshake_headers(
                request.headers, self._settings.webhook_origins, self._events_per_minute()
            )
        except RequestRejectedError as rejection:
            return self._reject(request, "events", rejection)
        return web.Response(headers=allowed)

    async def reject_method(self, request: web.Request) -> web.Response:
        """Reject a method other than POST, and log it, because a sink may be set up with GET."""
        rejection = RequestRejectedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method",
            f"{request.method} is not allowed: the sink's method must be POST",
            headers={"Allow": "POST"},
        )
        return self._reject(request, "twilio", rejection)

    async def _ingest(
        self, request: web.BaseRequest, source: str, read: Read
    ) -> web.StreamResponse:
        started = self._clock.monotonic()
        try:
            self._admission.check()
            sender = self._sender(request) if self._needs_sender else None
            if sender is not None:
                self._client_buckets.admit(sender.address)
            received, size = await read(request, sender)
            if sender is not None:
                self._client_buckets.charge(sender.address, len(received.events))
            if received.events or received.malformed:
                await self._commit.commit_from(request.transport, received, size)
        except (
            RequestRejectedError,
            EventError,
            OverloadedError,
            JournalUnavailableError,
        ) as error:
            return self._reject(request, source, to_rejection(error))
        self._count(request, source, received)
        for event in received.events:
            if event.type == TEST_EVENT:
                await self._record_test_event(event)
        self._metrics.ingress_request_seconds.observe(self._clock.monotonic() - started)
        return accepted_response(
            request,
            len(received.events),
            len(received.malformed),
            now=self._clock.now(),
            is_last=self._admission.draining,  # so that the next request goes to another process
        )

    def _called_urls(self, request: web.BaseRequest, sender: Sender | None) -> list[str]:
        """Return the URLs that Twilio may have called and signed, without reading the body.

        Raises RequestRejectedError.
        """
        settings = self._settings
        base_url, path = f"{request.scheme}://{request.host}", request.raw_path
        if not path.startswith("/"):
            target = called_target(request.scheme, request.host, path)
            base_url, path = target.base_url, target.path
        if settings.public_url or settings.twilio_url:
            return twilio_signature.called_urls(settings.public_url, path, settings.twilio_url)
        if sender is not None:
            base_url, path = sender.base_url, sender.prefix + path
        check_base_url(base_url)
        return [base_url + path]

    def _sender(self, request: web.BaseRequest) -> Sender:
        target = called_target(request.scheme, request.host, request.raw_path)
        return resolve_sender(
            request.remote,
            target.scheme,
            target.host,
            request.headers,
            self._settings.trusted_proxies,
        )

    async def _read_twilio(
        self, request: web.BaseRequest, sender: Sender | None
    ) -> tuple[Received, int]:
        settings = self._settings
        if sender is not None:
            authentication.check_address(settings, sender.address)
        credentials = authentication.check_credentials(
            settings, request.headers.get(hdrs.AUTHORIZATION)
        )
        urls = self._called_urls(request, sender)
        token = authentication.check_signature(settings, request.headers, urls, credentials)
        self._credential_buckets.admit(token or credentials)
        http_binding.check_json_content_type(_content_type(request))
        # No gzip, because bodySHA256 is the hash of the bytes that were sent.
        content = await self._body_reader.read(request, take_gzip=False)
        authentication.check_body(settings, urls[0], content)
        received = decode_leniently(
            content,
            content_type=request.headers.get(hdrs.CONTENT_TYPE, ""),
            received_at=self._clock.now(),
            max_events=settings.max_events_per_request,
            max_depth=settings.max_depth,
            max_values=self._max_values,
        )
        self._credential_buckets.charge(token or credentials, len(received.events))
        return received, len(content)

    async def _read_cloudevents(
        self, request: web.BaseRequest, _: Sender | None
    ) -> tuple[Received, int]:
        settings = self._settings
        is_authenticated = authentication.has_token(
            settings, request.headers.get(hdrs.AUTHORIZATION), request.query.get("access_token")
        )
        if is_authenticated:
            self._credential_buckets.admit(settings.events_token)
        content_type = _content_type(request)
        is_binary = http_binding.is_binary_mode(content_type, request.headers)
        content = await self._body_reader.read(request, take_gzip=True)
        if is_binary:
            content = http_binding.to_structured(request.headers, content)
        else:
            content = http_binding.structured_text(
                request.headers.get(hdrs.CONTENT_TYPE, ""), content
            )
            http_binding.check_shape(content_type, content)
        events = decode_strictly(
            content,
            received_at=self._clock.now(),
            max_events=settings.max_events_per_request,
            max_depth=settings.max_depth,
            max_values=self._max_values,
        )
        if is_authenticated:
            self._credential_buckets.charge(settings.events_token, len(events))
        else:
            authentication.check_types(settings, events)
        return Received(events, []), len(content)

    def _events_per_minute(self) -> int:
        """Return the rate to grant in the handshake; 0 for no limit."""
        limits = [self._client_buckets.per_minute]
        if self._settings.events_token is not None:
            limits.append(self._credential_buckets.per_minute)
        return min((limit for limit in limits if limit), default=0)

    def _count(self, request: web.BaseRequest, source: str, received: Received) -> None:
        if not (received.events or received.malformed):
            self._throttle.warning(
                "request has no events",
                kind="no_events",
                client=request.remote or "",
                fields={"source": source, "remote": request.remote},
            )
        self._received[source, "accepted"].inc(len(received.events))
        if received.malformed:
            self._received[source, "quarantined"].inc(len(received.malformed))
            first = received.malformed[0]
            self._throttle.warning(
                "malformed events quarantined",
                kind="malformed",
                client=request.remote or "",
                fields={
                    "source": source,
                    "count": len(received.malformed),
                    "reason": shortened(f"{first.path}: {first.reason}", _LOGGED_TEXT),
                },
            )

    async def _record_test_event(self, event: Event) -> None:
        """Show the operator the test id, which Twilio asks for when a sink is validated."""
        self._metrics.twilio_test_events.inc()
        test_id = test_id_of(event)
        logger.info(
            "Twilio test event received", extra={"test_id": test_id, "account_sid": event.id}
        )
        try:
            await self._sink_tests.record(
                SinkTest(test_id=test_id, account_sid=event.id, received_at=event.received_at)
            )
        except JournalUnavailableError as error:
            # Not an error of the request, because the event itself is durable.
            logger.warning("Twilio test event not recorded", extra={"reason": str(error)})

    def _reject(
        self, request: web.BaseRequest, source: str, rejection: RequestRejectedError
    ) -> web.Response:
        self._metrics.requests_refused.labels(source, str(rejection.status.value)).inc()
        fields = {
            "source": source,
            "status": rejection.status.value,
            "code": rejection.code,
            "reason": shortened(rejection.message, _LOGGED_TEXT),
            "path": shortened(rejection.path, _LOGGED_TEXT),
            "remote": request.remote,
        }
        if rejection.detail:
            fields["detail"] = shortened(rejection.detail, _LOGGED_TEXT)
        self._throttle.warning(
            "request rejected", kind=rejection.code, client=request.remote or "", fields=fields
        )
        response = rejection_response(rejection)
        # Closed so that the next request goes to another process, and no rest of a body is read.
        if self._admission.draining or not request.content.is_eof():
            response.force_close()
        return response


def _content_type(request: web.BaseRequest) -> str:
    """Return the content type in small letters, without its parameters.

    aiohttp's own parser builds a whole e-mail header for each value that it has not seen lately.
    """
    stated = request.headers.get(hdrs.CONTENT_TYPE, "")
    return JSON if stated == JSON else stated.partition(";")[0].strip().lower()
