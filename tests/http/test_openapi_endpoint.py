"""The description equals what is served: every route, and every response to a generated request."""

import asyncio
import base64
import contextlib
import io
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema import Draft202012Validator
from support.events import alert_of, deliveries_of, event_from
from support.keyed import put
from support.raw import answer_to, statuses
from support.router_program import router_program
from support.rules_folder import RulesFolder, capture, rule
from support.running import Running, running, settings_for

from router.alerts import AlertKey, Attempt
from router.api.signed_links import LinkSigner
from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.configuration.model import ActiveConfiguration, Configuration
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.events.masks import Masks
from router.events.model import Malformed, Received
from router.history.kept_body import BodyKeeper
from router.http.openapi import OPERATOR, VIEWER, Operation
from router.ingress.openapi import CLOUDEVENT_SCHEMA
from router.journal.batches import Batches
from router.journal.connection import connect
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.history_log import HistoryLimits, HistoryLog, name_digest
from router.journal.keys import BatchId, SetId
from router.journal.memory_budget import MemoryBudget
from router.journal.pauses import Pause, PauseKind, Pauses
from router.journal.settlements import GivenUp
from router.journal.silences import Silences
from router.journal.twilio_tests import SinkTest, SinkTests
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import SilenceText
from router.runtime.build_api import OPERATIONS
from router.runtime.roles import Roles, WorkerConfig
from router.settings.choices import KeptBody
from router.worker.evaluation.history_entry import EventEntries, FinishedEvent

SEED = 20261125
SHORT_EXAMPLES = 3
LONG_EXAMPLES = 300
LONG_SECONDS = 8.0
"""Per operation and way of asking, so that the long test takes nine minutes at most."""
CREDENTIALS = "sink:password-of-the-test"
TOKEN = "operator-token-of-the-test"
VIEWER_TOKEN = "viewer-token-of-the-test"
LINK_SECRET = Secret("a link secret of the test")
PUBLIC_URL = "https://r.example.com"
OPERATOR_ROUTES = [one for one in OPERATIONS if OPERATOR in one.security]
SUCCESS = {
    **{(one.method, one.path): min(one.responses) for one in OPERATIONS},
    ("POST", "/api/v1/alerts/{key}/resolve"): 202,  # the process has no worker
    ("POST", "/api/v1/silences"): 201,  # 200 is a dry run
    ("GET", "/api/v1/rules/{name}"): 404,  # nor rules
    ("POST", "/api/v1/destinations/{name}/test"): 202,  # so nothing is sent
    ("GET", "/api/v1/rules/{name}/events"): 404,
}


SOURCE = "https://a.example/b?c"
OF_RULES = {"/api/v1/rules", "/api/v1/rules/{name}", "/api/v1/rules/{name}/events"}
"""Routes that a process without rules answers without Redis."""


def name_of(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def path_of(operation: Operation) -> str:
    """The path with a name for each parameter."""
    name = "twilio" if "/sources/" in operation.path else "mail"
    return re.sub(r"\{\w+\}", name, operation.path)


@pytest.fixture
def folder(tmp_path: Path) -> RulesFolder:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("mail"), rules="rules:\n" + rule("all", "mail"))
    return folder


@pytest.fixture
async def everything(redis_url: Secret, folder: RulesFolder) -> AsyncIterator[Running]:
    """A process that serves all routes."""
    options = settings_for(
        redis_url,
        public_url=PUBLIC_URL,
        link_secret=LINK_SECRET,
        admin_token=Secret(TOKEN),
        viewer_token=Secret(VIEWER_TOKEN),
    )
    source = ConfigurationSource(folder=folder.path, environ={})
    environment = Environment(
        egress=options.egress, now=system_clock().now, on_template_error=pytest.fail
    )
    worker = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    async with running(options, Roles(port=0, ingress=True, worker=worker)) as one:
        yield one


@pytest.fixture
async def description(everything: Running) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http:
        return await described_by(http, everything.url)


async def described_by(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(f"{url}/openapi.json") as response:
        assert response.content_type == "application/json"
        found: dict[str, Any] = await response.json()
        return found


def check_response(
    description: dict[str, Any], operation: Operation, response: aiohttp.ClientResponse, body: Any
) -> None:
    """Fail unless the response is one that is described."""
    responses = description["paths"][operation.path][operation.method.lower()]["responses"]
    described = responses[str(response.status)]
    (media_type,) = described["content"]
    schema = described["content"][media_type]["schema"]
    assert response.content_type == media_type
    assert set(described.get("headers", {})) <= set(response.headers)
    Draft202012Validator({**schema, "components": description["components"]}).validate(body)


async def test_exactly_the_routes_that_are_served_are_described(
    description: dict[str, Any],
) -> None:
    described = {
        (method.upper(), path)
        for path, methods in description["paths"].items()
        for method in methods
    }

    assert described == {
        ("GET", "/openapi.json"),
        *((one.method, one.path) for one in OPERATIONS),
    }


async def test_a_process_describes_only_what_it_serves(redis_url: Secret) -> None:
    async with (
        running(settings_for(redis_url), Roles(port=0)) as one,
        aiohttp.ClientSession() as http,
    ):
        paths = (await described_by(http, one.url))["paths"]

    assert "/api/v1/dead-letters" in paths
    assert paths.keys().isdisjoint({"/twilio", "/events", "/alerts/{token}"})


async def test_every_operation_says_what_it_takes_and_answers(description: dict[str, Any]) -> None:
    for methods in description["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            for response in operation["responses"].values():
                assert response["description"]
                for content in response.get("content", {}).values():
                    assert content["schema"]
            for parameter in operation.get("parameters", ()):
                assert parameter["schema"]
                assert parameter["description"]


async def test_its_references_lead_somewhere_and_its_schemas_are_schemas(
    description: dict[str, Any],
) -> None:
    schemas = description["components"]["schemas"]
    text = msgspec.json.encode(description).decode()

    assert set(_references(text)) <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert description["servers"] == [{"url": PUBLIC_URL}]


def _references(text: str) -> Iterator[str]:
    for part in text.split('"#/components/schemas/')[1:]:
        yield part.split('"')[0]


def test_the_documented_example_fits_the_described_event(sample: bytes) -> None:
    Draft202012Validator(CLOUDEVENT_SCHEMA).validate(msgspec.json.decode(sample))


@pytest.mark.fault_row(71)
async def test_each_route_is_closed_to_those_who_may_not_use_it(
    everything: Running, description: dict[str, Any]
) -> None:
    """Mutants: a route without a token; a viewer's token for a route that changes something."""
    answers: dict[str, list[tuple[int, str]]] = {}
    async with aiohttp.ClientSession() as http:
        for operation in OPERATOR_ROUTES:
            url = f"{everything.url}{path_of(operation)}"
            for authorization in ("", "Bearer wrong", f"Bearer {VIEWER_TOKEN}"):
                headers = {"Authorization": authorization} if authorization else {}
                async with http.request(operation.method, url, headers=headers) as response:
                    code = ""
                    if response.status in {401, 403}:
                        body = await response.json()
                        check_response(description, operation, response, body)
                        code = body["error"]["code"]
                    answers.setdefault(name_of(operation), []).append((response.status, code))

    for operation in OPERATOR_ROUTES:
        *rejected, viewer = answers[name_of(operation)]
        assert rejected == [(401, "no_token"), (403, "wrong_token")], operation
        if VIEWER in operation.security:
            assert viewer[0] not in {401, 403}, operation
        else:
            assert viewer == (403, "read_only"), operation


def test_a_viewer_may_use_no_route_that_changes_something() -> None:
    """A route for viewers that is no GET is listed here, and changes nothing."""
    assert {
        name_of(one) for one in OPERATIONS if VIEWER in one.security and one.method != "GET"
    } == {"POST /api/v1/playground"}


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", f"Bearer {VIEWER_TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
        [("Authorization", f"Bearer {VIEWER_TOKEN}, Bearer {TOKEN}")],
        [("Authorization", f"Bearer {VIEWER_TOKEN}"), ("X-HTTP-Method-Override", "GET")],
        [("Authorization", f"Bearer {VIEWER_TOKEN}"), ("X-Forwarded-For", "127.0.0.1")],
        [("Cookie", f"Authorization=Bearer {TOKEN}; token={TOKEN}")],
        [("Proxy-Authorization", f"Bearer {TOKEN}")],
        [("Authorization", "Bearer \x00"), ("X-Authorization", f"Bearer {TOKEN}")],
        [("Authorization", "Bearer é")],
        [("Authorization", "Bearer")],
        [("Authorization", "bearer  ")],
    ],
)
async def test_no_other_header_opens_a_route(
    everything: Running, headers: list[tuple[str, str]]
) -> None:
    """A header that other software reads, or a second one, gives no right."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    answer = await answer_to(
        everything.address,
        f"POST /-/reload?access_token={TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"{head}Content-Length: 0\r\n\r\n".encode(),
    )

    assert statuses(answer)[0] in {400, 401, 403}, answer


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_of_a_process_with_rules_is_described(
    everything: Running, description: dict[str, Any], path: str
) -> None:
    operation = next(one for one in OPERATIONS if one.path == path)
    async with aiohttp.ClientSession() as http, http.get(f"{everything.url}{path}") as response:
        check_response(description, operation, response, await response.json())


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
async def test_each_format_of_metrics_is_described(
    everything: Running, description: dict[str, Any], accept: str
) -> None:
    content = description["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    async with (
        aiohttp.ClientSession(headers={"Accept": accept}) as http,
        http.get(f"{everything.url}/metrics") as response,
    ):
        assert response.content_type == accept
    assert accept in content


async def test_a_rejected_reload_is_described(
    everything: Running, description: dict[str, Any], folder: RulesFolder
) -> None:
    operation = next(one for one in OPERATIONS if one.path == "/-/reload")
    folder.write(destinations=capture("mail"), rules="rulse: []\n")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{everything.url}/-/reload") as response,
    ):
        answer = await response.json()
        check_response(description, operation, response, answer)

    assert (response.status, len(answer["findings"])) == (422, 1)


@pytest.fixture
async def without_redis(tmp_path: Path) -> AsyncIterator[tuple[Running, dict[str, Any]]]:
    """A process whose Redis has stopped, and its description."""
    server = EmbeddedRedis(find_server(""), tmp_path)
    server.start()
    options = settings_for(server.url, admin_token=Secret(TOKEN))
    async with running(options, Roles(port=0, ingress=True)) as one:
        async with aiohttp.ClientSession() as http:
            description = await described_by(http, one.url)
        await asyncio.to_thread(server.stop)
        yield one, description


BODIES = {
    "/api/v1/events/replay": {"all": True},
    "/api/v1/dead-letters/replay": {"destination": "mail", "all": True},
    "/api/v1/dead-letters/discard": {"destination": "mail", "all": True},
    "/api/v1/deliveries/discard": {"destination": "mail", "all": True},
    "/api/v1/quarantine/replay": {"all": True},
    "/api/v1/quarantine/discard": {"all": True},
    "/api/v1/silences": {
        "match": {"rule": "one"},
        "ends": "2100-01-01T00:00:00Z",
        "author": "ann",
        "comment": "work",
    },
    "/api/v1/alerts/{key}/acknowledge": {"by": "ann"},
    "/api/v1/alerts/{key}/unacknowledge": {"by": "ann"},
    "/api/v1/alerts/{key}/resolve": {"by": "ann"},
}


async def test_without_redis_every_answer_is_a_described_503(
    without_redis: tuple[Running, dict[str, Any]],
) -> None:
    running_one, description = without_redis
    asked = [one for one in OPERATOR_ROUTES if 503 in one.responses and one.path not in OF_RULES]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        for operation in asked:
            url = f"{running_one.url}{path_of(operation)}"
            body = BODIES.get(operation.path) if operation.body else None
            async with http.request(operation.method, url, json=body) as response:
                assert response.status == 503, operation.path
                check_response(description, operation, response, await response.json())

    without = {one.path for one in OPERATOR_ROUTES} - {one.path for one in asked}
    assert without == {"/-/reload", "/api/v1/playground", *OF_RULES}


async def test_a_body_that_is_too_large_is_described(
    everything: Running, description: dict[str, Any]
) -> None:
    asked = [one for one in OPERATOR_ROUTES if one.body]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        for operation in asked:
            url = f"{everything.url}{path_of(operation)}"
            async with http.request(
                operation.method, url, data=io.BytesIO(b" " * (5 << 20)), expect100=True
            ) as response:
                assert response.status == 413, operation.path
                check_response(description, operation, response, await response.json())

    assert len(asked) >= 10


class Records(msgspec.Struct, frozen=True):
    """Ids of records in Redis."""

    dead_letters: list[str]
    quarantined: str
    silence: str
    link: str
    event: str
    delivery: str

    def path_parameters(self, path: str) -> dict[str, str]:
        if path.startswith("/api/v1/alerts/"):
            return {"key": "ak_1"}
        return {
            "/api/v1/dead-letters/{destination}/{id}": {
                "destination": "mail",
                "id": self.dead_letters[0],
            },
            "/api/v1/events/{reference}": {"reference": self.event},
            "/api/v1/events/{source}/{id}": {"source": SOURCE, "id": "e1"},
            "/api/v1/deliveries/{id}": {"id": self.delivery},
            "/api/v1/quarantine/{id}": {"id": self.quarantined},
            "/api/v1/silences/{id}": {"id": self.silence},
            "/api/v1/sources/{name}": {"name": "twilio"},
            "/api/v1/destinations/{name}": {"name": "mail"},
            "/api/v1/destinations/{name}/retry-now": {"name": "mail"},
            "/api/v1/destinations/{name}/test": {"name": "mail"},
            "/api/v1/destinations/{name}/pause": {"name": "mail"},
            "/api/v1/destinations/{name}/resume": {"name": "paused"},
            "/alerts/{token}": {"token": self.link},
        }.get(path, {})


def stored(redis_url: Secret, sample: bytes) -> Records:
    """Store records of each kind: dead letters with attempts, a malformed event, a silence."""
    return asyncio.run(_stored(redis_url, sample))


async def _stored(redis_url: Secret, sample: bytes) -> Records:
    connection = connect(redis_url, deadline=5.0, max_connections=2)
    now = system_clock().now()
    ids = iter(["batch", "quarantined", "set"])
    clock = msgspec.structs.replace(system_clock(), new_id=ids.__next__)
    event = event_from(sample, id="e1", source=SOURCE)
    batches = Batches(connection, clock)
    await connection.redis.flushall()
    malformed = Malformed("no id", "$[0].id", now, b'{"specversion":"1.0"}')
    await batches.accept([Received([event], [malformed])])
    attempt = Attempt(
        number=1, at=now, seconds=0.5, reason="HTTP 404", status=404, response="no", reached=("a",)
    )
    deliveries = [
        msgspec.structs.replace(each, failed_attempts=(attempt,))
        for each in deliveries_of(event, 5)
    ]
    finished = FinishedWork(
        duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=tuple(deliveries)
    )
    no_rules = Configuration(rules=RuleSet([]), destinations=(), generation="1")
    log = HistoryLog(
        HistoryLimits(age_seconds=86_400, share=0.1), MemoryBudget(connection, watermark=0.9)
    )
    entries = EventEntries(
        log, BodyKeeper(KeptBody.FULL, Masks(), ActiveConfiguration(no_rules)), clock
    )
    history = entries.entry([FinishedEvent(event, None)], {}, (), "1")
    await batches.finish(BatchId("batch"), finished, history=history)
    await Deliveries(connection, clock).settle(
        [GivenUp(SetId("set"), delivery, "HTTP 404") for delivery in deliveries[:-1]]
    )
    text = SilenceText(
        match={"rule": "one"}, ends="2100-01-01T00:00:00Z", author="ann", comment="work"
    )
    silence = await Silences(connection, system_clock()).add(text)
    await SinkTests(connection).record(SinkTest(test_id="t1", account_sid="AC1", received_at=now))
    await Pauses(connection).pause("paused", Pause(kind=PauseKind.PAUSED, at=now))
    await put(connection, sample, "ak_1")
    await connection.close()
    alert = msgspec.structs.replace(alert_of(event), key=AlertKey("ak_1"), raised_at=now)
    link = LinkSigner(LINK_SECRET, PUBLIC_URL, lifetime=3600.0).links(alert).silence
    return Records(
        [delivery.id for delivery in deliveries],
        "quarantined",
        silence.id,
        link.split("/")[-1],
        name_digest(event.key).hex(),
        deliveries[-1].id,
    )


@pytest.fixture
def served(redis_url: Secret, tmp_path: Path) -> Iterator[str]:
    """A router of its own process: schemathesis asks from a thread that blocks."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ROUTER_")}
    environ = {
        **kept,
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_TWILIO_BASIC_AUTH": CREDENTIALS,
        "ROUTER_ADMIN_TOKEN": TOKEN,
        "ROUTER_LINK_SECRET": LINK_SECRET.reveal(),
        "ROUTER_PUBLIC_URL": PUBLIC_URL,
        "ROUTER_WEBHOOK_ORIGINS": "a.example",
        "ROUTER_MAX_EVENTS_PER_REQUEST": "3",
        "ROUTER_EVENTS_OPEN": "all",
    }
    log = tmp_path / "log"
    command = [router_program(), "ingress"]
    with log.open("wb") as file, subprocess.Popen(command, env=environ, stderr=file) as process:  # noqa: S603 - ours
        while not (found := re.search(rb'"url":"([^"]+)"', log.read_bytes())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield found[1].decode()
        process.kill()


def headers_for(path: str) -> dict[str, str]:
    if path == "/twilio":
        return {"Authorization": f"Basic {base64.b64encode(CREDENTIALS.encode()).decode()}"}
    if path.startswith(("/api", "/-")):
        return {"Authorization": f"Bearer {TOKEN}"}
    return {}


def aim(case: Any, records: Records) -> None:
    """Let a generated request ask for what is stored."""
    case.path_parameters = {**(case.path_parameters or {}), **records.path_parameters(case.path)}
    if case.method == "GET" and case.path == "/api/v1/dead-letters":
        case.query = {**(case.query or {}), "destination": "mail", "reason": "", "rule": ""}
    if case.method == "POST" and case.path == "/api/v1/silences":
        case.query = {}
    if case.method == "OPTIONS":
        case.headers = {**(case.headers or {}), "WebHook-Request-Origin": "a.example"}
    if isinstance(case.body, dict) and case.path in BODIES:
        case.body = {**case.body, **BODIES[case.path]}


class OutOfTimeError(Exception):
    """Raised when an operation was asked for long enough."""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are generated. ``is_aimed``: for what is stored."""

    is_valid: bool = True
    is_aimed: bool = False


VALID = Asking()
AIMED = Asking(is_aimed=True)
INVALID = Asking(is_valid=False)


def statuses_of(
    url: str, store: Callable[[], Records], *ways: Asking, examples: int, seconds: float
) -> dict[tuple[str, str], set[int]]:
    """Ask for each operation, check each response; return which statuses there were.

    One way of asking for one operation ends after ``examples`` requests or ``seconds``.
    """
    # Imported here, because each process that runs tests reads this module.
    import schemathesis

    seen: dict[tuple[str, str], set[int]] = {}
    for found in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        operation = found.ok()
        statuses = seen.setdefault((operation.method.upper(), operation.path), set())
        records = store()
        for way in ways:
            if way is INVALID and not (operation.body or operation.query):
                continue  # nothing of it can be invalid
            with contextlib.suppress(OutOfTimeError):
                ask_for(operation, way, records, statuses, examples, time.monotonic() + seconds)
    return seen


def ask_for(
    operation: Any,
    way: Asking,
    records: Records,
    statuses: set[int],
    examples: int,
    until: float,
) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    mode = GenerationMode.POSITIVE if way.is_valid else GenerationMode.NEGATIVE

    @seed(SEED)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if time.monotonic() > until:
            raise OutOfTimeError
        if way.is_aimed:
            aim(case, records)
        response = case.call(headers=headers_for(case.path), timeout=60)
        statuses.add(response.status_code)
        case.validate_response(response, checks=checks)

    ask()


@pytest.mark.filterwarnings("ignore")
def test_responses_are_as_described(served: str, redis_url: Secret, sample: bytes) -> None:
    seen = statuses_of(
        served,
        lambda: stored(redis_url, sample),
        VALID,
        AIMED,
        examples=SHORT_EXAMPLES,
        seconds=10,
    )

    never = {name for name, status in SUCCESS.items() if status not in seen[name]}
    assert never == set(), seen


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(900)
def test_many_responses_are_as_described(served: str, redis_url: Secret, sample: bytes) -> None:
    seen = statuses_of(
        served,
        lambda: stored(redis_url, sample),
        VALID,
        AIMED,
        INVALID,
        examples=LONG_EXAMPLES,
        seconds=LONG_SECONDS,
    )

    print(f"seed {SEED}:", seen)  # noqa: T201 - the figures
    assert set(seen) == set(SUCCESS)
