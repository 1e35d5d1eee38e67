"""Twilio's APIs for Event Streams and the Debugger as their documents describe them, on loopback.

It validates what it is sent, pages its lists, keeps the states of sinks, and calls a sink with a test
event signed as Twilio signs. Faults come on order.

Sources, named at each handler by the operation: Twilio's OpenAPI documents twilio_events_v1.yaml (paths
/v1/Types, /v1/Schemas/{Id}, /v1/Sinks, /v1/Sinks/{Sid}/Test, /Validate, /v1/Subscriptions,
/v1/Subscriptions/{SubscriptionSid}/SubscribedEvents) and twilio_monitor_v1.yaml (/v1/Alerts); "Twilio API
responses" for errors and pages; the error dictionary for codes: 20003, 20404, 20429, 91000, 91001, 91003,
91007, 91100, 91101, 91102, 91305, 91306, 91307. What is not documented and was chosen here: 20001 for a
field that the document does not have, and 91101 for a second subscription of a sink.
"""

import asyncio
import base64
import itertools
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from router.clock import system_clock
from router.datatypes import Secret
from router.sources.twilio_signature import body_hash, sign
from router.timestamps import rfc3339_utc

ACCOUNT: Final = "AC" + "0" * 31 + "1"
TOKEN: Final = Secret("auth-token-of-the-test-account")
KEY: Final = "SK" + "0" * 31 + "1"
KEY_SECRET: Final = Secret("secret-of-the-api-key")
_INSIGHTS: Final = "com.twilio.voice.insights"
_SID: Final = "[0-9a-fA-F]{32}"
SINK_LIMIT: Final = 100
_SINK_TYPES: Final = frozenset({"kinesis", "webhook", "segment", "email"})

TYPES: Final = (
    (f"{_INSIGHTS}.call-summary.complete", "VoiceInsights.CallSummary", 7, "available"),
    (f"{_INSIGHTS}.call-summary.partial", "VoiceInsights.CallSummary", 7, "available"),
    (f"{_INSIGHTS}.conference-summary.complete", "VoiceInsights.ConferenceSummary", 2, "available"),
    (f"{_INSIGHTS}.call-event.gateway", "VoiceInsights.CallEvent", 3, "available"),
    (f"{_INSIGHTS}.call-event.old", "VoiceInsights.CallEvent", 3, "deprecated"),
    ("com.twilio.messaging.message.delivered", "Messaging.MessageStatus", 4, "available"),
    ("com.twilio.messaging.message.failed", "Messaging.MessageStatus", 4, "available"),
    ("com.twilio.error-logs.error.logged", "ErrorLogs.Error", 1, "available"),
    ("com.twilio.studio.flow.step.ended", "Studio.FlowStep", 3, "discontinued"),
)
"""Type, schema, latest version of the schema, status."""


class ApiFault(msgspec.Struct, eq=False):
    """What calls are answered instead."""

    method: str
    path: str
    """A regular expression that the path matches."""
    status: int
    code: int = 0
    message: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    times: int | None = None
    """For so many calls; None for all."""
    is_after: bool = False
    """The call is carried out, and its answer lost."""
    hangs: bool = False
    body: bytes | None = None
    """The whole body instead of an error of Twilio's form."""


class ApiRequest(msgspec.Struct, frozen=True):
    method: str
    path: str
    form: list[tuple[str, str]]
    user_agent: str = ""


class _AnswerError(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


Deliver = Callable[[aiohttp.ClientSession, dict[str, Any]], "asyncio.Future[int]"]


class TwilioApiServer:
    """``sinks``, ``subscriptions`` and ``alerts`` are the resources as the API shows them."""

    def __init__(self) -> None:
        self.url = ""
        self.users = {ACCOUNT: TOKEN, KEY: KEY_SECRET}
        self.signing_token = TOKEN
        """The auth token of the account, which signs requests to sinks."""
        self.page_size_limit = 1000
        self.new_sinks_are = "active"
        """Twilio: "The status of Sinks is active by default"; before 2022 it was initialized."""
        self.validated_sinks_are = "active"
        self.delivers = True
        self.is_prompt = False
        """Whether a test event is sent before its request is answered; Twilio sends it afterwards."""
        self.called_url: Callable[[str], str] = lambda url: url
        """Where a request to a sink really goes: the way through the proxy in front of a router."""
        self.sinks: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.types: dict[str, dict[str, int]] = {}
        """Schema versions by type, by subscription."""
        self.alerts: list[dict[str, Any]] = []
        self.requests: list[ApiRequest] = []
        self.faults: list[ApiFault] = []
        self.answers: list[int] = []
        """The statuses that sinks answered; 0 for none."""
        self._numbers = itertools.count(1)
        self._tests: dict[str, str] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def changes(self) -> list[str]:
        """The calls that change something, as ``POST /v1/Sinks``."""
        return [f"{each.method} {each.path}" for each in self.requests if each.method != "GET"]

    def add_sink(self, destination: str, **changes: Any) -> str:
        """Make a sink as another program does; return its SID."""
        sid = self._sid("DG")
        now = rfc3339_utc(int(system_clock().now()))
        self.sinks[sid] = {
            "sid": sid,
            "sink_type": "webhook",
            "status": "active",
            "description": "by hand",
            "sink_configuration": {"destination": destination, "method": "POST"},
            "date_created": now,
            "date_updated": now,
            "url": f"https://events.twilio.com/v1/Sinks/{sid}",
            "links": {},
            **changes,
        }
        return sid

    def add_subscription(
        self, sink_sid: str, types: dict[str, int], description: str = "by hand"
    ) -> str:
        sid = self._sid("DF")
        now = rfc3339_utc(int(system_clock().now()))
        self.subscriptions[sid] = {
            "sid": sid,
            "account_sid": ACCOUNT,
            "sink_sid": sink_sid,
            "description": description,
            "date_created": now,
            "date_updated": now,
            "url": f"https://events.twilio.com/v1/Subscriptions/{sid}",
            "links": {},
        }
        self.types[sid] = dict(types)
        return sid

    def add_alert(self, code: str, sink_sid: str, text: str = "", **changes: Any) -> None:
        sid = self._sid("NO")
        now = rfc3339_utc(int(system_clock().now()))
        self.alerts.insert(
            0,
            {
                "sid": sid,
                "account_sid": ACCOUNT,
                "error_code": code,
                "log_level": "error",
                "alert_text": text,
                "date_generated": now,
                "date_created": now,
                "date_updated": now,
                "api_version": None,
                "more_info": f"https://www.twilio.com/docs/errors/{code}",
                "request_method": "POST",
                "request_url": None,
                "resource_sid": sink_sid,
                "service_sid": None,
                "url": f"https://monitor.twilio.com/v1/Alerts/{sid}",
                **changes,
            },
        )

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):032x}"

    def _routes(self) -> list[web.RouteDef]:
        sinks, subscriptions = "/v1/Sinks", "/v1/Subscriptions"
        sink, subscription = (
            rf"{path}/{{sid:{prefix}{_SID}}}"
            for path, prefix in ((sinks, "DG"), (subscriptions, "DF"))
        )
        routes = [
            web.get("/v1/Types", self._list_types),
            web.get("/v1/Schemas/{id}", self._fetch_schema),
            web.get(sinks, self._list_sinks),
            web.post(sinks, self._create_sink),
            web.get(sink, self._fetch_sink),
            web.delete(sink, self._delete_sink),
            web.post(f"{sink}/Test", self._test_sink),
            web.post(f"{sink}/Validate", self._validate_sink),
            web.get(subscriptions, self._list_subscriptions),
            web.post(subscriptions, self._create_subscription),
            web.delete(subscription, self._delete_subscription),
            web.get(f"{subscription}/SubscribedEvents", self._list_subscribed),
            web.post(f"{subscription}/SubscribedEvents", self._add_subscribed),
            web.get("/v1/Alerts", self._list_alerts),
        ]
        return [web.route(each.method, each.path, self._answering(each.handler)) for each in routes]

    def _answering(self, handler: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            form = [(name, str(value)) for name, value in (await request.post()).items()]
            agent = request.headers.get("User-Agent", "")
            self.requests.append(ApiRequest(request.method, request.path, form, agent))
            fault = self._fault(request)
            if fault is not None and fault.hangs:
                await asyncio.sleep(60)
            if fault is not None and not fault.is_after:
                return self._faulty(fault)
            try:
                self._authenticate(request)
                status, body = await handler(request, form)
            except _AnswerError as error:
                return _error(error.status, error.code, str(error))
            if fault is not None:
                return self._faulty(fault)
            return (
                web.Response(status=204) if body is None else web.json_response(body, status=status)
            )

        return answer

    def _fault(self, request: web.Request) -> ApiFault | None:
        for fault in self.faults:
            if fault.method == request.method and re.fullmatch(fault.path, request.path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                return fault
        return None

    def _faulty(self, fault: ApiFault) -> web.Response:
        if fault.body is not None:
            return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
        response = _error(fault.status, fault.code, fault.message)
        response.headers.update(fault.headers)
        return response

    def _authenticate(self, request: web.Request) -> None:
        try:
            given = aiohttp.BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            raise _AnswerError(401, 20003, "Authenticate") from None
        known = self.users.get(given.login)
        if known is None or known.reveal() != given.password:
            raise _AnswerError(401, 20003, "Authenticate")

    def _page(self, request: web.Request, key: str, entries: list[Any]) -> tuple[int, Any]:
        """A page of a list, with the links that Twilio's lists have in ``meta``."""
        size = min(int(request.query.get("PageSize", "50")), self.page_size_limit)
        if not 1 <= size <= 1000:
            raise _AnswerError(400, 20001, "PageSize must be from 1 to 1000")
        page = int(request.query.get("Page", "0"))
        if page and request.query.get("PageToken") != f"PT{page}":
            raise _AnswerError(400, 20001, "PageToken is missing")
        rest = {name: value for name, value in request.query.items() if not name.startswith("Page")}

        def at(number: int) -> str:
            query = {**rest, "PageSize": str(size), "Page": str(number)}
            if number:
                query["PageToken"] = f"PT{number}"
            # The address of Twilio, whatever gateway the request came through.
            return str(
                URL.build(scheme="https", host="events.twilio.com", path=request.path, query=query)
            )

        has_more = len(entries) > (page + 1) * size
        meta = {
            "key": key,
            "page": page,
            "page_size": size,
            "first_page_url": at(0),
            "previous_page_url": at(page - 1) if page else None,
            "url": at(page),
            "next_page_url": at(page + 1) if has_more else None,
        }
        return 200, {key: entries[page * size : (page + 1) * size], "meta": meta}

    async def _list_types(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation ListEventType."""
        entries = [
            {
                "type": name,
                "schema_id": schema,
                "status": status,
                "description": f"About {name}",
                "documentation_url": None,
                "url": f"https://events.twilio.com/v1/Types/{name}",
                "links": {},
            }
            for name, schema, _version, status in TYPES
        ]
        return self._page(request, "types", entries)

    async def _fetch_schema(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation FetchSchema."""
        wanted = request.match_info["id"]
        versions = {schema: version for _name, schema, version, _status in TYPES}
        if wanted not in versions:
            raise _AnswerError(404, 20404, f"The requested resource {request.path} was not found")
        return 200, {"id": wanted, "latest_version": versions[wanted], "links": {}}

    async def _list_sinks(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation ListSink."""
        return self._page(request, "sinks", list(self.sinks.values()))

    async def _fetch_sink(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation FetchSink."""
        return 200, self._sink(request)

    async def _create_sink(self, _: web.Request, form: Any) -> tuple[int, Any]:
        """Operation CreateSink: Description, SinkConfiguration and SinkType are required."""
        fields = _fields(form, required=("Description", "SinkConfiguration", "SinkType"))
        if len(self.sinks) >= SINK_LIMIT:
            raise _AnswerError(400, 91003, "Account reached the max sink limit")
        try:
            configuration = json.loads(fields["SinkConfiguration"])
        except ValueError:
            raise _AnswerError(400, 91000, "SinkConfiguration is not JSON") from None
        is_complete = (
            fields["Description"]
            and fields["SinkType"] in _SINK_TYPES
            and configuration.get("destination")
            and configuration.get("method") in {"GET", "POST"}
        )
        if not is_complete:
            raise _AnswerError(400, 91000, "Sink could not be created")
        sid = self.add_sink(
            configuration["destination"],
            description=fields["Description"],
            sink_type=fields["SinkType"],
            sink_configuration=configuration,
            status=self.new_sinks_are,
        )
        return 201, self.sinks[sid]

    async def _delete_sink(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation DeleteSink; a sink in use stays (91007)."""
        sink = self._sink(request)
        if any(each["sink_sid"] == sink["sid"] for each in self.subscriptions.values()):
            raise _AnswerError(400, 91007, "Sink still in use")
        del self.sinks[sink["sid"]]
        return 204, None

    async def _test_sink(self, request: web.Request, form: Any) -> tuple[int, Any]:
        """Operation CreateSinkTest: a test event is on its way when it is answered."""
        _fields(form)
        sink = self._sink(request)
        if sink["status"] == "initialized":
            sink["status"] = "validating"
        if self.delivers and self.is_prompt:
            await self._deliver_test(sink)
        elif self.delivers:
            assert self._group is not None
            self._group.create_task(self._deliver_test(sink))
        return 201, {"result": "submitted"}

    async def _validate_sink(self, request: web.Request, form: Any) -> tuple[int, Any]:
        """Operation CreateSinkValidate."""
        fields = _fields(form, required=("TestId",))
        sink = self._sink(request)
        if sink["status"] != "active" and self._tests.get(fields["TestId"]) != sink["sid"]:
            raise _AnswerError(400, 20001, "TestId is not that of a test of this sink")
        sink["status"] = self.validated_sinks_are
        return 201, {"result": "valid"}

    async def _list_subscriptions(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation ListSubscription, also by SinkSid."""
        wanted = request.query.get("SinkSid")
        found = [each for each in self.subscriptions.values() if wanted in {None, each["sink_sid"]}]
        return self._page(request, "subscriptions", found)

    async def _create_subscription(self, _: web.Request, form: Any) -> tuple[int, Any]:
        """Operation CreateSubscription: the sink must be active (91100), types not twice (91101)."""
        fields = _fields(
            form, required=("Description", "SinkSid", "Types"), repeated=frozenset({"Types"})
        )
        sink = self.sinks.get(fields["SinkSid"])
        if sink is None:
            raise _AnswerError(404, 91001, "Sink could not be found")
        if sink["status"] != "active":
            raise _AnswerError(400, 91100, "Subscription could not be created: sink is not active")
        if any(each["sink_sid"] == sink["sid"] for each in self.subscriptions.values()):
            raise _AnswerError(400, 91101, "Subscription could not be created: sink is in use")
        types = [json.loads(value) for name, value in form if name == "Types"]
        names = [each["type"] for each in types]
        if len(set(names)) < len(names) or not fields["Description"]:
            raise _AnswerError(400, 91101, "Subscription could not be created")
        versions = {
            each["type"]: self._version(each.get("schema_version"), each["type"]) for each in types
        }
        sid = self.add_subscription(sink["sid"], versions, fields["Description"])
        return 201, self.subscriptions[sid]

    async def _delete_subscription(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation DeleteSubscription."""
        del self.subscriptions[self._subscription(request)["sid"]]
        return 204, None

    async def _list_subscribed(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation ListSubscribedEvent."""
        sid = self._subscription(request)["sid"]
        entries = [_subscribed(sid, *each) for each in self.types[sid].items()]
        return self._page(request, "types", entries)

    async def _add_subscribed(self, request: web.Request, form: Any) -> tuple[int, Any]:
        """Operation CreateSubscribedEvent."""
        fields = _fields(form, required=("Type",), optional=("SchemaVersion",))
        sid = self._subscription(request)["sid"]
        name = fields["Type"]
        if name in self.types[sid]:
            raise _AnswerError(400, 91101, "Event types are duplicated")
        self.types[sid][name] = self._version(fields.get("SchemaVersion"), name)
        return 201, _subscribed(sid, name, self.types[sid][name])

    async def _list_alerts(self, request: web.Request, _: Any) -> tuple[int, Any]:
        """Operation ListAlert, by LogLevel and StartDate."""
        level, start = request.query.get("LogLevel"), request.query.get("StartDate", "")
        if start and not re.fullmatch(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?", start):
            raise _AnswerError(400, 20001, "StartDate is no date")
        found = [
            each
            for each in self.alerts
            if level in {None, each["log_level"]} and each["date_generated"] >= start
        ]
        return self._page(request, "alerts", found)

    def _sink(self, request: web.Request) -> dict[str, Any]:
        sink = self.sinks.get(request.match_info["sid"])
        if sink is None:
            raise _AnswerError(404, 91001, "Sink could not be found")
        return sink

    def _subscription(self, request: web.Request) -> dict[str, Any]:
        found = self.subscriptions.get(request.match_info["sid"])
        if found is None:
            raise _AnswerError(404, 91102, "Subscription could not be found")
        return found

    def _version(self, given: Any, name: str) -> int:
        latest = {each: version for each, _schema, version, _status in TYPES}
        if name not in latest:
            raise _AnswerError(400, 91101, f"Event type {name} does not exist")
        version = latest[name] if given is None else int(given)
        if not 1 <= version <= latest[name]:
            raise _AnswerError(400, 91101, f"Schema version {version} does not exist")
        return version

    async def _deliver_test(self, sink: dict[str, Any]) -> None:
        """Call the sink as Event Streams does, once; an error is a line in the Debugger."""
        test_id = secrets.token_hex(16)
        self._tests[test_id] = sink["sid"]
        event = {
            "specversion": "1.0",
            "type": "com.twilio.eventstreams.test-event",
            "source": "Sink",
            "id": ACCOUNT,
            "dataschema": "https://events-schemas.twilio.com/EventStreams.TestSink/1",
            "datacontenttype": "application/json",
            "time": rfc3339_utc(int(system_clock().now())),
            "data": {"test_id": test_id},
        }
        body = json.dumps([event]).encode()
        status = await self._call(sink["sink_configuration"]["destination"], body)
        self.answers.append(status)
        if not 200 <= status < 300:
            code = "91307" if status == 0 else "91305" if status < 500 else "91306"
            self.add_alert(code, sink["sid"], f"Sink {sink['sid']} answered {status}")

    async def publish(self, event: bytes) -> list[int]:
        """Send an event to each sink that subscribes to its type; return what they answer."""
        name = json.loads(event)["type"]
        return [
            await self._call(
                self.sinks[each["sink_sid"]]["sink_configuration"]["destination"],
                b"[" + event + b"]",
            )
            for each in self.subscriptions.values()
            if name in self.types[each["sid"]]
        ]

    async def _call(self, destination: str, body: bytes) -> int:
        """Return the status; 0 without an answer."""
        parts = urlsplit(destination)
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        signed = f"{bare}{'&' if parts.query else '?'}bodySHA256={body_hash(body)}"
        headers = {
            "Content-Type": "application/json",
            "X-Twilio-Signature": sign(signed, self.signing_token),
        }
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        timeout = aiohttp.ClientTimeout(total=5)  # Twilio: the maximum for a sink's response
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    URL(self.called_url(signed), encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                return response.status
        except (aiohttp.ClientError, OSError):
            return 0


def _fields(
    form: list[tuple[str, str]],
    required: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    repeated: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Return the fields of a form, if they are those of the document."""
    names = [name for name, _ in form]
    for name in names:
        if name not in {*required, *optional}:
            raise _AnswerError(400, 20001, f"{name} is no parameter of this operation")
        if names.count(name) > 1 and name not in repeated:
            raise _AnswerError(400, 20001, f"{name} is there twice")
    for name in required:
        if name not in names:
            raise _AnswerError(400, 20001, f"Missing required parameter {name} in the post body")
    return dict(form)


def _subscribed(sid: str, name: str, version: int) -> dict[str, Any]:
    path = f"/v1/Subscriptions/{sid}/SubscribedEvents/{quote(name)}"
    return {
        "account_sid": ACCOUNT,
        "subscription_sid": sid,
        "type": name,
        "schema_version": version,
        "url": f"https://events.twilio.com{path}",
    }


def _error(status: int, code: int, message: str) -> web.Response:
    """An error as Twilio's APIs answer it."""
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return web.json_response(body, status=status)


@asynccontextmanager
async def twilio_api() -> AsyncIterator[TwilioApiServer]:
    """Serve Twilio's APIs on a free port of loopback."""
    server = TwilioApiServer()
    app = web.Application()
    app.add_routes(server._routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _host, port = runner.addresses[0][:2]
    server.url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.TaskGroup() as group:
            server._group = group
            yield server
    finally:
        await runner.cleanup()
