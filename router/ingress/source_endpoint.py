"""The endpoint of sources: verifies a request, and maps it to events.

Requests of unknown paths and methods are counted and recorded as those of every source are.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web

from router.events.model import Event, Malformed, Received
from router.ingress.forwarded import Sender
from router.ingress.reception import Reading, Reception, RequestEvents
from router.ingress.request_head import called_urls, request_head
from router.ingress.responses import RequestRejectedError
from router.ingress.source_record import UNKNOWN
from router.ingress.source_table import ActiveSource, SourceTable
from router.settings.model import Settings
from router.sources.contract import Fetch, FetchError, Refusal, RequestHead
from router.sources.mapping import OpenedRequest, SourceReply, UnmappableError
from router.sources.mapping_budget import MappingBudget
from router.sources.remapping import unmapped_request
from router.sources.spec import PREFIX

ROUTE: Final = f"{PREFIX}{{tail:.*}}"


class _HandshakeAnswer(web.Response):
    """The answer to a handshake, which may be a 202 too."""


class SourceEndpoint:
    """Accepts the requests of sources.

    Args:
        settings: The public URL and the limit of bodies.
        reception: Commits and answers.
        table: The active sources.
        fetch: Gets the URLs that confirm subscriptions.
    """

    def __init__(
        self, settings: Settings, reception: Reception, table: SourceTable, fetch: Fetch
    ) -> None:
        self._public_url = settings.public_url
        self._max_body = settings.max_body
        self._reception = reception
        self._table = table
        self._fetch = fetch

    def routes(self) -> list[web.RouteDef]:
        """Return the route of all sources, whose paths a reload may change."""
        return [web.route(hdrs.METH_ANY, ROUTE, self.receive)]

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Accept a request of the source whose path it has."""
        source = self._table.find(request.path)
        if source is None:
            return self._reception.reject(request, UNKNOWN, _no_source(request))
        if request.method == hdrs.METH_OPTIONS:
            return self._reception.handshake(request, source.spec.name, source.buckets.per_minute)
        if request.method not in source.spec.methods:
            return self._reception.reject(request, source.spec.name, _wrong_method(request, source))
        response = await self._reception.receive(
            request, source.spec.name, partial(self._read, source)
        )
        accepted = source.spec.accepted
        is_answer = isinstance(response, _HandshakeAnswer) or response.status != HTTPStatus.ACCEPTED
        if accepted is None or is_answer:
            return response
        return _like(response, web.Response(status=accepted.status, text=accepted.text))

    async def _read(
        self, source: ActiveSource, request: web.BaseRequest, sender: Sender | None
    ) -> Reading:
        head = request_head(
            request,
            called_urls(request, sender, self._public_url),
            sender=sender,
            received_at=self._reception.clock.now(),
        )
        _check_open(source)
        for verifier in source.verifiers:
            _reject_if(verifier.check_head(head))
        body = await self._reception.body_reader.read(
            request, take_gzip=not source.needs_exact_body
        )
        for verifier in source.verifiers:
            _reject_if(await verifier.check_body(head, body))
        source.buckets.admit(source.spec.name)
        try:
            opened = source.mapping.open(head, body, request.headers.get(hdrs.CONTENT_TYPE, ""))
            reply = source.mapping.reply(opened)
            if reply is not None:
                return await self._answer(reply)
            received = await self._mapped(source, opened, head)
        except UnmappableError as error:
            received = _unmappable(source, error, head, body)
            return _events(source, received, body)
        source.buckets.charge(source.spec.name, len(received.events))
        return _events(source, received, body)

    async def _mapped(
        self, source: ActiveSource, opened: OpenedRequest, head: RequestHead
    ) -> Received:
        events: list[Event] = []
        malformed: list[Malformed] = []
        skipped = 0
        budget = MappingBudget(self._max_body, self._reception.clock.monotonic)
        for index in range(len(opened.items)):
            mapped = source.mapping.event(opened, index, head.received_at)
            match mapped:
                case Event() as event:
                    events.append(event)
                case Malformed() as item if source.is_verified:
                    malformed.append(item)
                case Malformed() as item:
                    raise RequestRejectedError(
                        HTTPStatus.BAD_REQUEST, "not_mappable", item.reason, path=item.path
                    )
                case None:
                    skipped += 1
            await budget.spend(0 if mapped is None else len(mapped.body))
        if skipped:
            self._reception.note_skipped(source.spec.name, skipped)
        return Received(events, _of_source(source, malformed, head, are_items=True))

    async def _answer(self, reply: SourceReply) -> web.Response:
        if reply.visit is not None:
            await self._visit(reply.visit, reply.hosts)
        return _HandshakeAnswer(
            status=reply.status, body=reply.content, content_type=reply.content_type
        )

    async def _visit(self, url: str, hosts: Sequence[str]) -> None:
        """Get a URL that confirms a subscription, if its host is one of the source's."""
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        if not any(_fits(host, pattern) for pattern in hosts):
            raise RequestRejectedError(
                HTTPStatus.FORBIDDEN, "wrong_host", "the URL to visit has another host"
            )
        try:
            await self._fetch(url)
        except FetchError as error:
            raise RequestRejectedError(
                HTTPStatus.FAILED_DEPENDENCY,
                "not_confirmed",
                "the URL to visit did not answer",
                detail=str(error),
            ) from None


def _like(response: web.StreamResponse, other: web.Response) -> web.Response:
    """Return the other response, which closes the connection if the first one does."""
    if response.keep_alive is False:
        other.force_close()
    return other


def _check_open(source: ActiveSource) -> None:
    missing = source.spec.missing_variables
    if missing:
        raise RequestRejectedError(
            HTTPStatus.FORBIDDEN,
            "closed",
            "this source is closed",
            detail=f"{', '.join(f'${{{name}}}' for name in missing)} is not set",
        )


def _reject_if(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise RequestRejectedError(
            refusal.status,
            refusal.code,
            refusal.reason,
            detail=refusal.hint,
            headers=refusal.headers,
        )


def _events(source: ActiveSource, received: Received, body: bytes) -> RequestEvents:
    return RequestEvents(received, len(body), source.is_verified, source.spec.continues_trace)


def _unmappable(
    source: ActiveSource, error: UnmappableError, head: RequestHead, body: bytes
) -> Received:
    """Return a request that is quarantined as a whole. Raise RequestRejectedError if not verified."""
    if not source.is_verified:
        raise RequestRejectedError(
            HTTPStatus.BAD_REQUEST, error.code, error.message, path=error.path
        )
    item = Malformed(error.message, error.path or "$", head.received_at, body)
    return Received([], _of_source(source, [item], head, are_items=False))


def _of_source(
    source: ActiveSource, items: list[Malformed], head: RequestHead, *, are_items: bool
) -> list[Malformed]:
    """Return what cannot be mapped of a request, with what a replay needs besides the bodies."""
    if not items:
        return items
    content_type = head.headers.get(hdrs.CONTENT_TYPE, "")
    rest = unmapped_request(source.mapping, head, content_type, is_item=are_items)
    return [
        msgspec.structs.replace(
            item, reason=f"source {source.spec.name}: {item.reason}", request=rest
        )
        for item in items
    ]


def _fits(host: str, pattern: str) -> bool:
    """Return whether a host is one of a pattern, whose ``*`` stands for one part of the name."""
    return host.count(".") == pattern.count(".") and fnmatchcase(host, pattern.lower())


def _no_source(request: web.BaseRequest) -> RequestRejectedError:
    return RequestRejectedError(
        HTTPStatus.NOT_FOUND, "not_found", f"there is no source at {request.path[:100]}"
    )


def _wrong_method(request: web.BaseRequest, source: ActiveSource) -> RequestRejectedError:
    allowed = ", ".join(source.spec.methods)
    return RequestRejectedError(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method",
        f"{request.method} is not allowed, use {allowed}",
        headers={"Allow": allowed},
    )
