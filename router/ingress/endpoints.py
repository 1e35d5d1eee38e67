"""The HTTP endpoints for events: from a request to its response."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from router.events.decode import (
    decode_leniently,
    decode_strictly,
)
from router.events.model import (
    Received,
)
from router.ingress import authentication, http_binding
from router.ingress.forwarded import Sender
from router.ingress.rate_limit import TokenBuckets
from router.ingress.reception import Reception, RequestEvents, media_type
from router.ingress.request_head import called_urls, request_head
from router.ingress.responses import (
    RequestRejectedError,
)
from router.metrics import Metrics
from router.settings.choices import EventsOpen
from router.settings.model import Settings
from router.sources.contract import NO_SECRETS
from router.sources.signature_hints import HintBudget
from router.sources.twilio_hints import TwilioMismatch, explain_twilio_mismatch
from router.sources.twilio_signature import SETTINGS_HEADER, SIGNATURE_HEADER

TWILIO: Final = "/twilio"
EVENTS: Final = "/events"
FAST_PATHS: Final = (TWILIO, EVENTS)
"""Paths whose POST requests skip the search for a route."""


class Ingress:
    """Accepts events at the two paths that every router has.

    Args:
        settings: Credentials and rates.
        reception: Commits and answers.
        metrics: Counts events.
    """

    def __init__(self, settings: Settings, reception: Reception, metrics: Metrics) -> None:
        self._settings = settings
        self._reception = reception
        self._clock = reception.clock
        self._body_reader = reception.body_reader
        self._hints = HintBudget()
        self._credential_buckets = TokenBuckets(
            rate=settings.credential_rate,
            burst=settings.credential_burst,
            monotonic=reception.clock.monotonic,
            by="credential",
        )
        for source in ("twilio", "events"):  # so that both are exported before their first event
            for outcome in ("accepted", "quarantined"):
                metrics.events_received.labels(source, outcome)

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
        return await self._reception.receive(request, "twilio", self._read_twilio)

    async def post_events(self, request: web.BaseRequest) -> web.StreamResponse:
        """Accept CloudEvents 1.0 in each mode of the HTTP binding, with a bearer token if one is set."""
        return await self._reception.receive(request, "events", self._read_cloudevents)

    async def options_events(self, request: web.Request) -> web.Response:
        """Tell an origin whether it may send: the handshake of CloudEvents web hooks."""
        return self._reception.handshake(request, "events", self._events_per_minute())

    async def reject_method(self, request: web.Request) -> web.Response:
        """Reject a method other than POST, and log it, because a sink may be set up with GET."""
        rejection = RequestRejectedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method",
            f"{request.method} is not allowed: the sink's method must be POST",
            headers={"Allow": "POST"},
        )
        return self._reception.reject(request, "twilio", rejection)

    async def _read_twilio(self, request: web.BaseRequest, sender: Sender | None) -> RequestEvents:
        settings = self._settings
        if sender is not None:
            authentication.check_address(settings, sender.address)
        credentials = authentication.check_credentials(
            settings, request.headers.get(hdrs.AUTHORIZATION)
        )
        urls = called_urls(request, sender, settings.public_url, settings.twilio_url)
        try:
            token = authentication.check_signature(settings, request.headers, urls, credentials)
        except RequestRejectedError as rejection:
            raise self._explained(rejection, request, urls, credentials) from None
        self._credential_buckets.admit(token or credentials)
        http_binding.check_json_content_type(media_type(request))
        # No gzip, because bodySHA256 is the hash of the bytes that were sent.
        content = await self._body_reader.read(request, take_gzip=False)
        authentication.check_body(settings, urls[0], content)
        received = decode_leniently(
            content,
            content_type=request.headers.get(hdrs.CONTENT_TYPE, ""),
            received_at=self._clock.now(),
            max_events=settings.max_events_per_request,
            max_depth=settings.max_depth,
            max_values=self._reception.max_values,
        )
        self._credential_buckets.charge(token or credentials, len(received.events))
        return RequestEvents(received, len(content), is_verified=True)

    def _explained(
        self,
        rejection: RequestRejectedError,
        request: web.BaseRequest,
        urls: Sequence[str],
        credentials: str,
    ) -> RequestRejectedError:
        """Return a rejection that tells operators which URL or token the signature fits, if any."""
        now = self._clock.now()
        if rejection.code != "wrong_signature" or not self._hints.take(now):
            return rejection
        hint = explain_twilio_mismatch(
            TwilioMismatch(
                head=request_head(request, urls, received_at=now),
                signature=request.headers.get(SIGNATURE_HEADER, ""),
                settings=request.headers.get(SETTINGS_HEADER, ""),
                credentials=credentials,
                fields="",
                auth_tokens=self._settings.twilio_auth_tokens,
                other_secrets=NO_SECRETS,
            )
        )
        detail = f"{hint}; {rejection.detail}" if hint else rejection.detail
        return RequestRejectedError(
            rejection.status, rejection.code, rejection.message, detail=detail
        )

    async def _read_cloudevents(self, request: web.BaseRequest, _: Sender | None) -> RequestEvents:
        settings = self._settings
        token = authentication.check_token(
            settings, request.headers.get(hdrs.AUTHORIZATION), request.query.get("access_token")
        )
        if token is not None:
            self._credential_buckets.admit(token)
        content_type = media_type(request)
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
            max_values=self._reception.max_values,
        )
        if token is not None:
            self._credential_buckets.charge(token, len(events))
        else:
            authentication.check_types(settings, events)
        # Who lets everyone send events of Twilio trusts all who reach the endpoint.
        is_verified = token is not None or settings.events_open is EventsOpen.ALL
        return RequestEvents(Received(events, []), len(content), is_verified)

    def _events_per_minute(self) -> int:
        """Return the rate to grant in the handshake; 0 for no limit."""
        limits = [self._reception.client_buckets.per_minute]
        if self._settings.events_token:
            limits.append(self._credential_buckets.per_minute)
        return min((limit for limit in limits if limit), default=0)
