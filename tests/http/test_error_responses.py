"""Requests that no handler answers get JSON, are counted and cause one log line."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from support.raw import answer_to, head, statuses
from support.running import Running, running, settings_for, worker_of

from router.datatypes import Secret
from router.ingress.endpoints import Ingress
from router.runtime.roles import Roles

CLOSE = ("Connection", "close")
TOKEN = Secret("0perator-token-of-the-test")


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    async with running(
        settings_for(redis_url, admin_token=TOKEN), Roles(port=0, ingress=True)
    ) as process:
        yield process


def refused(process: Running) -> dict[tuple[str, str], float]:
    """Return the requests that were counted, by source and status."""
    return {
        (sample.labels["source"], sample.labels["status"]): sample.value
        for family in process.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "router_requests_refused_total"
    }


def error_of(answer: bytes) -> dict[str, str]:
    top, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: application/json" in top
    assert f"Content-Length: {len(body)}".encode() in top
    error: dict[str, str] = msgspec.json.decode(body)["error"]
    return error


@pytest.mark.parametrize(
    ("method", "path", "headers", "source", "status", "code", "words"),
    [
        ("GET", "/events", [], "events", 405, "method", "GET is not allowed, use OPTIONS,POST"),
        ("PUT", "/events", [], "events", 405, "method", "PUT is not allowed"),
        ("DELETE", "/events?access_token=x", [], "events", 405, "method", "DELETE is not allowed"),
        ("PATCH", "/events", [], "events", 405, "method", "PATCH is not allowed"),
        ("POST", "/events/", [], "events", 404, "not_found", "the endpoint is /events, without"),
        ("POST", "/twilio/", [], "twilio", 404, "not_found", "the endpoint is /twilio, without"),
        ("GET", "/twilio", [], "twilio", 405, "method", "the sink's method must be POST"),
        ("POST", "/events", [("Expect", "200-ok")], "events", 417, "bad_http", "100-continue only"),
        ("POST", "/twilio", [("Expect", "")], "twilio", 401, "no_token", ""),
        ("POST", "/twilio", [("Expect", "x")], "twilio", 417, "bad_http", "100-continue only"),
        ("GET", "/", [], "other", 404, "not_found", "there is no such path"),
        ("GET", "/nowhere/s3cret", [], "other", 404, "not_found", "there is no such path"),
        ("POST", "/healthz", [], "other", 405, "method", "POST is not allowed, use GET,HEAD"),
        ("GET", "/%ff%00", [], "other", 404, "not_found", "there is no such path"),
        ("GET", "/nowhere", [("Expect", "x")], "other", 417, "bad_http", "100-continue only"),
        ("POST", "http://xn--a/events", [], "other", 400, "bad_http", "host of the request target"),
    ],
    ids=range(16),
)
async def test_an_error_of_no_handler_is_json_counted_and_logged_once(
    ingress: Running,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    source: str,
    status: int,
    code: str,
    words: str,
) -> None:
    """Case I19."""
    answer = await answer_to(ingress.address, head(path, [*headers, CLOSE], method))

    assert statuses(answer) == [status]
    error = error_of(answer)
    if status != 401:
        assert error["code"] == code
    assert words in error["message"]
    assert error["path"] == ""
    assert len(error["message"]) < 150
    assert refused(ingress) == {(source, str(status)): 1}
    lines = [record for record in caplog.records if record.message == "request rejected"]
    assert [line.__dict__["status"] for line in lines] == [status]
    assert "s3cret" not in str(vars(lines[0]))


@pytest.mark.parametrize(
    ("path", "status", "allowed"),
    [("/events", 405, b"OPTIONS,POST"), ("/twilio", 405, b"POST"), ("/nowhere", 404, None)],
)
async def test_head_has_the_head_of_the_error_alone(
    ingress: Running, path: str, status: int, allowed: bytes | None
) -> None:
    """Case I19."""
    answer = await answer_to(ingress.address, head(path, [CLOSE], "HEAD"))

    assert statuses(answer) == [status]
    top, _, body = answer.partition(b"\r\n\r\n")
    assert body == b""
    assert b"Content-Type: application/json" in top
    assert allowed is None or b"\r\nAllow: " + allowed + b"\r\n" in top
    assert sum(refused(ingress).values()) == 1


async def test_the_connection_goes_on_after_an_error_without_a_body(ingress: Running) -> None:
    asked = head("/nowhere", [], "GET") + head("/healthz", [CLOSE], "GET")

    assert statuses(await answer_to(ingress.address, asked)) == [404, 200]


async def test_a_body_that_nobody_reads_ends_the_connection(ingress: Running) -> None:
    asked = head("/nowhere", [("Content-Length", "1000000")])
    async with asyncio.timeout(60):
        answer = await answer_to(ingress.address, asked)

    assert statuses(answer) == [404]
    assert b"Connection: close" in answer


async def test_a_handler_that_raises_is_answered_in_json_and_logged_with_its_traceback(
    redis_url: Secret, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Case I19: the sender learns nothing of the cause."""

    async def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret cause")

    monkeypatch.setattr(Ingress, "_read_cloudevents", fail)
    async with running(settings_for(redis_url), Roles(port=0, ingress=True)) as process:
        answer = await answer_to(process.address, head("/events", [("Content-Length", "0")]))
        counted = refused(process)

    assert statuses(answer) == [500]
    assert error_of(answer)["code"] == "internal"
    assert b"secret cause" not in answer
    assert counted == {("other", "500"): 1}
    assert [
        entry.exc_info is not None for entry in caplog.records if entry.levelname == "ERROR"
    ] == [True]


async def test_a_source_counts_its_own_refusals(redis_url: Secret, tmp_path: Path) -> None:
    """Mutant: without the prefix. A method other than POST goes by the search for a route."""
    (tmp_path / "a.yaml").write_text(
        "sources: {crm: {methods: [PUT], verify: {bearer: {token: 0123456789abcdef-of-the-test}},"
        " event: {type: body.kind}}}"
    )
    settings = settings_for(redis_url)
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
    async with running(settings, roles) as process:
        answer = await answer_to(process.address, head("/in/crm", [CLOSE], "PUT"))
        assert statuses(answer) == [401]

        assert refused(process) == {("crm", "401"): 1}
