"""A client of Twilio's APIs for Event Streams and the Debugger: one method for each operation.

The deadline of a call covers its retries. A request that Twilio cannot have processed (429, no
connection) is sent again, and so is each read. Another write that was not answered is not, because a
second sink would be the result: the next run of the command finds what the first one has made.

Source: Twilio's OpenAPI documents twilio_events_v1.yaml and twilio_monitor_v1.yaml, of which each
method names its operation; "Twilio API responses" for errors and pages.
"""

import asyncio
import base64
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from router.alerts import Failed, Refused
from router.client.twilio_credentials import TwilioCredentials, TwilioHosts
from router.client.twilio_resources import (
    DebuggerAlert,
    SubscribedType,
    TwilioCall,
    TwilioEventType,
    TwilioSink,
    TwilioSubscription,
)
from router.clock import Clock
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.transport.http_client import HttpClient, HttpOptions
from router.destinations.transport.http_status import HttpReply, phrase, retry_after_seconds
from router.errors import RouterError
from router.media_types import FORM, JSON
from router.timestamps import rfc3339_utc

T = TypeVar("T")

_ATTEMPT_SECONDS: Final = 15.0
_CALL_SECONDS: Final = 60.0
_FIRST_BACKOFF: Final = 0.5
_PAGE_SIZE: Final = 100
"""Entries of a page: at most 1,000 by Twilio's document, and a reply must fit into 1 MiB."""
_MAX_PAGES: Final = 100
_RETRIED: Final = frozenset({429, 502, 503, 504})
_SHOWN: Final = 300
"""Characters of an error that Twilio answers."""
_FORM: Final = {"Content-Type": FORM}


class TwilioApiError(RouterError):
    """Raised when Twilio's API did not answer, or refused a call.

    Args:
        call: The method and the path of the call.
        reason: The network's error, or Twilio's message.
        status: The HTTP status; 0 if there was no answer.
        code: Twilio's own code for the error; 0 if it gave none.
        wait: Seconds that Twilio asks to wait.
    """

    def __init__(
        self, call: str, reason: str, *, status: int = 0, code: int = 0, wait: float = 0.0
    ) -> None:
        super().__init__(f"{call}: {reason}")
        self.call = call
        self.reason = reason
        self.status = status
        self.code = code
        self.wait = wait


class _ErrorAnswer(msgspec.Struct, frozen=True):
    code: int | None = None
    message: str | None = None


class _Schema(msgspec.Struct, frozen=True):
    latest_version: int = 0


class _Result(msgspec.Struct, frozen=True):
    result: str | None = None


class _PageLinks(msgspec.Struct, frozen=True):
    key: str
    next_page_url: str | None = None


class _Page(msgspec.Struct, frozen=True):
    meta: _PageLinks


class TwilioApi:
    """Calls Twilio's API over connections of its own. An asynchronous context manager.

    Args:
        hosts: The URLs of the API.
        credentials: User and password.
        environment: Gives the proxy, the egress policy and the certificates to trust.
        clock: Measures deadlines, and reads a Retry-After that is a date.
        call_seconds: The deadline of a call with its retries.
    """

    def __init__(
        self,
        hosts: TwilioHosts,
        credentials: TwilioCredentials,
        environment: Environment,
        clock: Clock,
        *,
        call_seconds: float = _CALL_SECONDS,
    ) -> None:
        pair = f"{credentials.user}:{credentials.password.reveal()}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._events, self._monitor = (
            HttpClient(
                url,
                environment,
                HttpOptions(timeout=_ATTEMPT_SECONDS, connections=4),
                headers={"Authorization": authorization, "Accept": JSON},
                secrets=(credentials.password, Secret(authorization)),
                keeps_content=True,
            )
            for url in (hosts.events, hosts.monitor)
        )
        self._clock = clock
        self._call_seconds = call_seconds

    async def __aenter__(self) -> Self:
        await self._events.open()
        await self._monitor.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._events.close()
        await self._monitor.close()

    async def event_types(self) -> list[TwilioEventType]:
        """List the types of events: ListEventType. Raises TwilioApiError, as all methods do."""
        return await self._list(self._events, "/v1/Types", TwilioEventType)

    async def latest_schema_version(self, schema_id: str) -> int:
        """Return the newest version of a schema: FetchSchema."""
        call = TwilioCall(method="GET", path=f"/v1/Schemas/{quote(schema_id, safe='.')}")
        return (await self._answer(self._events, call, _Schema)).latest_version

    async def sinks(self) -> list[TwilioSink]:
        """List the sinks of the account: ListSink."""
        return await self._list(self._events, "/v1/Sinks", TwilioSink)

    async def sink(self, sid: str) -> TwilioSink:
        """Return one sink: FetchSink."""
        call = TwilioCall(method="GET", path=f"/v1/Sinks/{quote(sid, safe='')}")
        return await self._answer(self._events, call, TwilioSink)

    async def create_sink(self, call: TwilioCall) -> TwilioSink:
        """Make a call of ``create_sink_call``, and return the sink."""
        return await self._answer(self._events, call, TwilioSink)

    async def subscriptions(self) -> list[TwilioSubscription]:
        """List the subscriptions of the account: ListSubscription."""
        return await self._list(self._events, "/v1/Subscriptions", TwilioSubscription)

    async def create_subscription(self, call: TwilioCall) -> TwilioSubscription:
        """Make a call of ``create_subscription_call``, and return the subscription."""
        return await self._answer(self._events, call, TwilioSubscription)

    async def subscribed_types(self, subscription_sid: str) -> list[SubscribedType]:
        """List the types of a subscription: ListSubscribedEvent."""
        path = f"/v1/Subscriptions/{quote(subscription_sid, safe='')}/SubscribedEvents"
        return await self._list(self._events, path, SubscribedType)

    async def run(self, call: TwilioCall) -> None:
        """Make a call whose answer is not needed. What it deletes may be gone already."""
        try:
            await self._answer(self._events, call, _Result)
        except TwilioApiError as error:
            if call.method != "DELETE" or error.status != 404:
                raise

    async def debugger_alerts(self, since: float) -> list[DebuggerAlert]:
        """List the errors that the Debugger has: ListAlert.

        Args:
            since: Unix time in seconds, at most 30 days ago.
        """
        query = {"LogLevel": "error", "StartDate": rfc3339_utc(int(since))}
        return await self._list(self._monitor, "/v1/Alerts", DebuggerAlert, query)

    async def _list(
        self, client: HttpClient, path: str, kind: type[T], query: dict[str, str] | None = None
    ) -> list[T]:
        """Return the entries of all pages."""
        found: list[T] = []
        following = urlencode({**(query or {}), "PageSize": _PAGE_SIZE})
        for _ in range(_MAX_PAGES):
            call = TwilioCall(method="GET", path=f"{path}?{following}")
            content = await self._content(client, call)
            links = self._decoded(call, content, _Page).meta
            page = self._decoded(call, content, dict[str, msgspec.Raw])
            found += self._decoded(call, bytes(page.get(links.key, b"[]")), list[kind])  # type: ignore[valid-type]
            if not links.next_page_url:
                return found
            # Only the query, so that credentials go to no host that an answer names.
            following = urlsplit(links.next_page_url).query
        raise TwilioApiError(f"GET {path}", f"more than {_MAX_PAGES} pages")

    async def _answer(self, client: HttpClient, call: TwilioCall, kind: type[T]) -> T:
        return self._decoded(call, await self._content(client, call) or b"{}", kind)

    def _decoded(self, call: TwilioCall, content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            reason = f"the answer is not Twilio's: {str(error)[:_SHOWN]}"
            raise TwilioApiError(_named(call), reason) from None

    async def _content(self, client: HttpClient, call: TwilioCall) -> bytes:
        """Make a call, again if it may be repeated, and return the body of a 2xx."""
        until = self._clock.monotonic() + self._call_seconds
        backoff = _FIRST_BACKOFF
        while True:
            reply = await client.send(
                call.body,
                _FORM if call.form else {},
                method=call.method,
                path=call.path,
                secrets=call.secrets,
            )
            if isinstance(reply, HttpReply) and 200 <= reply.status < 300:
                return reply.content
            error = self._error(client, call, reply)
            wait = error.wait or backoff
            if not _is_repeatable(call, reply) or self._clock.monotonic() + wait > until:
                raise error
            await asyncio.sleep(wait)
            backoff *= 2

    def _error(
        self, client: HttpClient, call: TwilioCall, reply: HttpReply | Failed | Refused
    ) -> TwilioApiError:
        if not isinstance(reply, HttpReply):
            return TwilioApiError(_named(call), reply.reason)
        try:
            stated = msgspec.json.decode(reply.content, type=_ErrorAnswer)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            stated = _ErrorAnswer()
        wait = retry_after_seconds(reply.retry_after, now=self._clock.now()) or 0.0
        message = client.show(
            (stated.message or phrase(reply.status)).encode(), secrets=call.secrets
        )
        return TwilioApiError(
            _named(call),
            message[:_SHOWN],
            status=reply.status,
            code=stated.code or 0,
            wait=wait,
        )


def _is_repeatable(call: TwilioCall, reply: HttpReply | Failed | Refused) -> bool:
    """Return whether a call may be sent again (pure)."""
    if isinstance(reply, Refused):
        return False
    if isinstance(reply, Failed):
        return call.method == "GET" and not _is_permanent(reply.reason)
    if call.method == "GET":
        return reply.status in _RETRIED
    return reply.status == 429


def _is_permanent(reason: str) -> bool:
    """Return whether a network's error will be the same in a second: DNS, certificates, ports."""
    return reason in {"name not found", "connection refused"} or "TLS" in reason


def _named(call: TwilioCall) -> str:
    return f"{call.method} {call.path.partition('?')[0]}"
