"""The reception of events over HTTP: a request is read, committed, counted and answered.

Every endpoint for events gives its own function that reads a request. The response comes once the
events are durable.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import hdrs, web
from prometheus_client import Counter

from router.errors import EventError, JournalUnavailableError, OverloadedError
from router.events.decode import test_id_of
from router.events.limits import max_request_values
from router.events.model import Event, Received
from router.events.schemas import TEST_EVENT
from router.ingress.body import BodyReader
from router.ingress.decode_turns import DecodeTurns
from router.ingress.forwarded import Sender, called_target, resolve_sender
from router.ingress.http_binding import handshake_headers
from router.ingress.intake import Intake
from router.ingress.rate_limit import TokenBuckets
from router.ingress.responses import (
    RequestRejectedError,
    accepted_response,
    rejection_response,
    to_rejection,
)
from router.ingress.source_record import refused_request
from router.journal.twilio_tests import SinkTest, SinkTests
from router.log_throttle import LogThrottle
from router.media_types import JSON
from router.printable import shortened
from router.settings.model import Settings

logger = logging.getLogger(__name__)

_LOGGED_TEXT: Final = 300
"""Characters of a text of a request in a log line. A signed URL may have 8 KB."""


class RequestEvents(msgspec.Struct, frozen=True):
    """The events of a request."""

    received: Received
    size_bytes: int
    """The size of its body."""
    is_verified: bool
    """Whether the sender has proved who it is, or is trusted without."""
    continues_trace: bool | None = None
    """Whether the trace of the request is continued; None if the settings decide."""


Reading = RequestEvents | web.StreamResponse
"""The events of a request, or its response if it has none."""
Read = Callable[[web.BaseRequest, Sender | None], Awaitable[Reading]]
"""Reads a request. Raises RequestRejectedError or EventError."""


class Reception:
    """Receives requests with events.

    Args:
        settings: Limits and rates.
        intake: Makes events durable, and counts them and requests.
        sink_tests: Records the test events of Twilio sinks.
    """

    def __init__(self, settings: Settings, intake: Intake, sink_tests: SinkTests) -> None:
        clock = intake.clock
        self._proxies = settings.trusted_proxies
        self._origins = settings.webhook_origins
        self._commit = intake.commit
        self._admission = intake.admission
        self._source_record = intake.source_record
        self._traces = intake.traces
        self._sink_tests = sink_tests
        self._metrics = intake.metrics
        self._received: dict[tuple[str, str], Counter] = {}
        self.clock: Final = clock
        self._throttle = LogThrottle(logger)
        self.body_reader: Final = BodyReader(
            max_size=settings.max_body,
            max_total=settings.max_body_memory,
            timeout=settings.body_timeout,
            turns=DecodeTurns(
                clock.monotonic,
                max_wait=settings.body_timeout,
                max_bytes=settings.max_body_memory // 2,
            ),
        )
        self.max_values: Final = max_request_values(settings.max_body)
        """Values of all events of a request together."""
        self.client_buckets: Final = TokenBuckets(
            rate=settings.client_rate, burst=settings.client_burst, monotonic=clock.monotonic
        )
        # Only these settings need the sender, and most routers set none of them.
        self._needs_sender = bool(
            settings.trusted_proxies or settings.twilio_addresses or self.client_buckets.limited
        )

    async def receive(
        self, request: web.BaseRequest, source: str, read: Read
    ) -> web.StreamResponse:
        """Read a request of a source, make its events durable, and return the response."""
        started = self.clock.monotonic()
        exemplar: dict[str, str] | None = None
        try:
            self._admission.check()
            sender = self.sender(request) if self._needs_sender else None
            if sender is not None:
                self.client_buckets.admit(sender.address)
            reading = await read(request, sender)
            if not isinstance(reading, RequestEvents):
                self._source_record.accepted(source, 0, 0, skipped=1)
                return reading
            received = reading.received
            if sender is not None:
                self.client_buckets.charge(sender.address, len(received.events))
            if received.events or received.malformed:
                exemplar = await self._store(request, source, reading, started)
        except (
            RequestRejectedError,
            EventError,
            OverloadedError,
            JournalUnavailableError,
        ) as error:
            return self.reject(request, source, to_rejection(error))
        self._count(request, source, received)
        for event in received.events:
            if event.type == TEST_EVENT:
                await self._record_test_event(event)
        self._metrics.ingress_request_seconds.observe(self.clock.monotonic() - started, exemplar)
        return accepted_response(
            request,
            len(received.events),
            len(received.malformed),
            now=self.clock.now(),
            is_last=self._admission.draining,  # so that the next request goes to another process
        )

    async def _store(
        self, request: web.BaseRequest, source: str, reading: RequestEvents, started: float
    ) -> dict[str, str] | None:
        """Make events durable, and return the exemplar of a recorded trace.

        Raises as ``commit_from`` does.
        """
        received, size = reading.received, reading.size_bytes
        if self._traces is None:
            await self._commit.commit_from(request.transport, received, size)
            return None
        seconds = self.clock.monotonic() - started
        is_continued = self._traces.continues(
            is_verified=reading.is_verified, own=reading.continues_trace
        )
        trace, received = self._traces.begin_request(
            request, source, received, seconds=seconds, is_continued=is_continued
        )
        try:
            await self._commit.commit_from(request.transport, received, size)
        except (OverloadedError, JournalUnavailableError) as error:
            if trace is not None:
                rejection = to_rejection(error)
                trace.end(rejection.status, rejection.code)
            raise
        if trace is None:
            return None
        trace.end(HTTPStatus.ACCEPTED)
        return trace.exemplar

    def sender(self, request: web.BaseRequest) -> Sender:
        """Return the sender of a request, behind trusted proxies. Raise RequestRejectedError."""
        target = called_target(request.scheme, request.host, request.raw_path)
        return resolve_sender(
            request.remote,
            target.scheme,
            target.host,
            request.headers,
            self._proxies,
        )

    def handshake(
        self, request: web.BaseRequest, source: str, events_per_minute: int
    ) -> web.Response:
        """Tell an origin whether it may send: the handshake of CloudEvents web hooks.

        Args:
            request: The request.
            source: The name of the source.
            events_per_minute: The rate to grant; 0 for no limit.
        """
        try:
            allowed = handshake_headers(request.headers, self._origins, events_per_minute)
        except RequestRejectedError as rejection:
            return self.reject(request, source, rejection)
        return web.Response(headers=allowed)

    def note_skipped(self, source: str, items: int) -> None:
        """Count items of an accepted request that the source leaves out."""
        self._source_record.accepted(source, 0, 0, skipped=items)

    def _count(self, request: web.BaseRequest, source: str, received: Received) -> None:
        if not (received.events or received.malformed):
            client = self._client(request)
            self._throttle.warning(
                "request has no events",
                kind="no_events",
                client=client,
                fields={"source": source, "remote": client},
            )
        self._source_record.accepted(source, len(received.events), len(received.malformed))
        self._counter(source, "accepted").inc(len(received.events))
        if received.malformed:
            self._counter(source, "quarantined").inc(len(received.malformed))
            first = received.malformed[0]
            self._throttle.warning(
                "malformed events quarantined",
                kind="malformed",
                client=self._client(request),
                fields={
                    "source": source,
                    "count": len(received.malformed),
                    "reason": shortened(f"{first.path}: {first.reason}", _LOGGED_TEXT),
                },
            )

    def _counter(self, source: str, outcome: str) -> Counter:
        counter = self._received.get((source, outcome))
        if counter is None:
            counter = self._metrics.events_received.labels(source, outcome)
            self._received[source, outcome] = counter
        return counter

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

    def _client(self, request: web.BaseRequest) -> str:
        """Return the sender's address, which is not that of a trusted proxy; ``""`` if unknown."""
        address = self.sender(request).address if self._proxies else request.remote
        return str(address or "")

    def reject(
        self, request: web.BaseRequest, source: str, rejection: RequestRejectedError
    ) -> web.Response:
        """Count and log a rejection, and return its response."""
        self._metrics.requests_refused.labels(source, str(rejection.status.value)).inc()
        client = self._client(request)
        refusal = refused_request(source, request, rejection, at=self.clock.now(), client=client)
        self._source_record.refused(source, refusal)
        fields = {
            "source": source,
            "status": rejection.status.value,
            "code": rejection.code,
            "reason": shortened(rejection.message, _LOGGED_TEXT),
            "path": shortened(rejection.path, _LOGGED_TEXT),
            "remote": client,
        }
        if rejection.detail:
            fields["detail"] = shortened(rejection.detail, _LOGGED_TEXT)
        self._throttle.warning(
            "request rejected", kind=rejection.code, client=client, fields=fields
        )
        response = rejection_response(rejection)
        # Closed so that the next request goes to another process, and no rest of a body is read.
        if self._admission.draining or not request.content.is_eof():
            response.force_close()
        return response


def media_type(request: web.BaseRequest) -> str:
    """Return the content type in small letters, without its parameters.

    aiohttp's own parser builds a whole e-mail header for each value that it has not seen lately.
    """
    stated = request.headers.get(hdrs.CONTENT_TYPE, "")
    return JSON if stated == JSON else stated.partition(";")[0].strip().lower()
