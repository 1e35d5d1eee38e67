"""What the doctor says of traces: a request without spans shows whether the collector takes them."""

import pytest
from support.collector import Collector
from support.sinks import Reply

from router.doctor.doctor_check import Status
from router.doctor.trace_checks import TraceFacts, judge_traces, read_trace_facts

KEY = "collector-key-of-the-test"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            TraceFacts(disabled_by="OTEL_SDK_DISABLED"),
            [("warning", "disabled", "remove one of them")],
        ),
        (TraceFacts(problem="OTEL_…"), [("problem", "variable", "correct the variable")]),
        (
            TraceFacts(ignored=("OTEL_… has no effect",), collector="http://c:4318"),
            [("warning", "ignored", "remove the variable"), ("ok", "collector", "")],
        ),
        (TraceFacts(reason="HTTP 401"), [("warning", "collector", "correct the key")]),
        (TraceFacts(reason="HTTP 404"), [("warning", "collector", "correct the path")]),
        (TraceFacts(reason="HTTP 308"), [("warning", "collector", "write the URL")]),
        (TraceFacts(reason="SSLError"), [("warning", "collector", "name its authority")]),
        (TraceFacts(reason="ConnectionError"), [("warning", "collector", "start the collector")]),
    ],
)
def test_each_finding_says_what_to_do(
    facts: TraceFacts, expected: list[tuple[str, str, str]]
) -> None:
    found = judge_traces(facts)

    assert [(each.status, each.name) for each in found] == [
        (status, name) for status, name, _ in expected
    ]
    assert all(each.fix.startswith(fix) for each, (_, _, fix) in zip(found, expected, strict=True))


async def facts_of(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> TraceFacts:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    return await read_trace_facts(environ)


async def test_a_collector_gets_one_request_without_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Collector() as collector:
        address = collector.url.removesuffix("/hook")
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": address.replace("//", f"//user:{KEY}@"),
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={KEY}",
        }
        facts = await facts_of(monkeypatch, environ)

    (request,) = collector.requests
    assert (request.path, request.body, request.headers["x-key"]) == ("/v1/traces", b"", KEY)
    assert facts == TraceFacts(collector=address)
    (check,) = judge_traces(facts)
    assert (check.status, check.message) == (Status.OK, f"{address} takes spans")


async def test_a_collector_that_refuses_is_told_with_its_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Collector(otherwise=Reply(401, KEY.encode())) as collector:
        address = collector.url.removesuffix("/hook")
        facts = await facts_of(monkeypatch, {"OTEL_EXPORTER_OTLP_ENDPOINT": address})

    assert facts == TraceFacts(collector=address, reason="HTTP 401")


async def test_a_wrong_variable_and_one_without_effect_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = await facts_of(monkeypatch, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    disabled = await facts_of(monkeypatch, {"OTEL_TRACES_EXPORTER": "none"})

    assert wrong.problem.startswith("OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'")
    assert disabled == TraceFacts(disabled_by="OTEL_TRACES_EXPORTER")
