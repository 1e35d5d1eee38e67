"""The description fits what is served: every route, and every answer that schemathesis finds."""

import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import schemathesis
from aiohttp import hdrs
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.running import Running, running, settings_for

from router.datatypes import Secret
from router.ingress.openapi import CLOUDEVENT
from router.runtime.build_api import OPERATIONS
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DESCRIBED = {(one.method, one.path) for one in OPERATIONS}
"""Of the others little is promised but that they do not fail."""
SEED = 20261125
CREDENTIALS = "sink:password-of-the-test"
OPERATOR = "operator-token-of-the-test"


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(
        redis_url,
        public_url="https://r.example.com",
        link_secret=Secret("a secret of the test"),
    )
    async with running(settings, ROLES) as one:
        yield one


@pytest.fixture
async def description(ingress: Running) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{ingress.url}/openapi.json") as answer:
        assert answer.content_type == "application/json"
        found: dict[str, Any] = await answer.json()
        return found


async def test_every_route_is_described_and_no_other(description: dict[str, Any]) -> None:
    served = {
        (method.upper(), path)
        for path, methods in description["paths"].items()
        for method in methods
    }

    assert {(one.method, one.path) for one in OPERATIONS} <= served
    assert ("GET", "/openapi.json") in served
    assert all(method != hdrs.METH_ANY for method, _ in served)


async def test_its_references_lead_somewhere_and_its_schemas_are_schemas(
    description: dict[str, Any],
) -> None:
    schemas = description["components"]["schemas"]
    text = msgspec.json.encode(description).decode()

    assert set(_references(text)) <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert description["servers"] == [{"url": "https://r.example.com"}]


def _references(text: str) -> Iterator[str]:
    for part in text.split('"#/components/schemas/')[1:]:
        yield part.split('"')[0]


def test_the_documented_example_fits_the_described_event(sample: bytes) -> None:
    Draft202012Validator(CLOUDEVENT).validate(msgspec.json.decode(sample))


@pytest.fixture
def served(redis_url: Secret, tmp_path: Path) -> Iterator[str]:
    """A router of its own process: schemathesis asks from a thread that blocks."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ROUTER_")}
    environ = {
        **kept,
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_TWILIO_BASIC_AUTH": CREDENTIALS,
        "ROUTER_ADMIN_TOKEN": OPERATOR,
        "ROUTER_WEBHOOK_ORIGINS": "a.example",
        "ROUTER_MAX_EVENTS_PER_REQUEST": "3",
    }
    log = tmp_path / "log"
    command = [sys.executable, "-m", "router", "ingress"]
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
        return {"Authorization": f"Bearer {OPERATOR}"}
    return {}


def statuses_of(url: str, examples: int, *modes: GenerationMode) -> dict[tuple[str, str], set[int]]:
    """Ask so many times for each operation, check each answer; what statuses there were."""
    seen: dict[tuple[str, str], set[int]] = {}
    for found in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        operation = found.ok()
        name = operation.method.upper(), operation.path
        checks = CHECKS if name in DESCRIBED else CHECKS[:1]
        statuses = seen.setdefault(name, set())
        for mode in modes if operation.body else modes[:1]:

            @seed(SEED)
            @settings(
                max_examples=examples,
                phases=[Phase.generate],
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any, statuses: set[int], checks: list[Any]) -> None:
                answer = case.call(headers=headers_for(case.path), timeout=10)
                statuses.add(answer.status_code)
                case.validate_response(answer, checks=checks)

            ask(statuses=statuses, checks=checks)
    return seen


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(120)
def test_every_answer_is_one_that_is_described(served: str) -> None:
    seen = statuses_of(served, 5, GenerationMode.POSITIVE)

    assert 202 in seen["POST", "/events"]
    assert 202 in seen["POST", "/twilio"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(1800)
def test_of_very_many_answers_every_one_is_described(served: str) -> None:
    print(f"seed {SEED}:", statuses_of(served, 1000, *GenerationMode))  # noqa: T201 - the figures
