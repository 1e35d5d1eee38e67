"""The traces of a process are built from the standard variables, if they are on."""

import os
import subprocess
import sys

import pytest
from support.collector import Collector

from router.clock import system_clock
from router.errors import ConfigurationError
from router.metrics import Metrics
from router.tracing.process import ProcessTraces, check_installed


def test_without_the_extra_the_reason_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)

    with pytest.raises(ConfigurationError) as raised:
        check_installed()

    assert str(raised.value) == (
        "ROUTER_TRACES=otlp needs OpenTelemetry: run pip install '.[otel]' in the router's checkout,"
        " or remove the variable"
    )


@pytest.mark.parametrize("headers", ["", "a=", "Api-Key=k%20=/+, x-team = noc ,", "a=Bearer abc=="])
def test_a_header_that_the_exporter_reads_is_no_error(
    headers: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    assert ProcessTraces.from_environment(dict(os.environ), Metrics(), system_clock())
    assert not caplog.messages


def test_they_can_be_disabled_by_the_standard_variable() -> None:
    assert (
        ProcessTraces.from_environment({"OTEL_SDK_DISABLED": " TRUE "}, Metrics(), system_clock())
        is None
    )


def test_a_wrong_sampler_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"OTEL_TRACES_SAMPLER": "sometimes"}
    monkeypatch.setenv(*next(iter(environ.items())))

    traces = ProcessTraces.from_environment(environ, Metrics(), system_clock())

    assert traces is not None
    assert traces.tracer.samples(None)
    assert "OTEL_TRACES_SAMPLER is 'sometimes'" in vars(caplog.records[0])["reason"]


def test_a_variable_without_effect_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"OTEL_PROPAGATORS": "b3"}

    assert ProcessTraces.from_environment(environ, Metrics(), system_clock())

    assert [(each.message, vars(each)["reason"]) for each in caplog.records] == [
        ("variable ignored", "OTEL_PROPAGATORS is 'b3', but tracecontext is the only one here")
    ]


def test_a_process_without_traces_imports_no_opentelemetry() -> None:
    code = (
        "import sys, redis.asyncio; before = set(sys.modules);"  # redis-py 8 imports it for itself
        "import router.cli.run, router.cli.doctor, router.runtime.app, router.dev.dev;"
        "more = {name.split('.')[0] for name in sys.modules.keys() - before};"
        "print(more & {'opentelemetry', 'requests'})"
    )

    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert run.stdout == "set()\n"


def test_a_router_without_the_extra_does_not_start(collector_environ: dict[str, str]) -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; import router.cli; router.cli.main()"

    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code, "ingress"],
        capture_output=True,
        text=True,
        check=False,
        env=collector_environ,
    )

    assert run.returncode != 0
    assert run.stderr.splitlines()[-1].startswith("router: ROUTER_TRACES=otlp needs OpenTelemetry")


@pytest.mark.parametrize("more", [[], ["--processes", "2"]])
def test_a_wrong_variable_ends_the_start_with_one_line(
    collector_environ: dict[str, str], more: list[str]
) -> None:
    """Of several processes, the parent says it, before it starts them."""
    environ = collector_environ | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "ROUTER_PORT": "0"}

    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "router", "ingress", *more],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
        timeout=60,
    )

    assert run.returncode != 0
    assert [line.partition(" is ")[0] for line in run.stderr.splitlines()] == [
        "router: OTEL_EXPORTER_OTLP_PROTOCOL"
    ]


@pytest.fixture
async def collector_environ() -> dict[str, str]:
    collector = Collector()
    collector.url = "http://127.0.0.1:1/hook"
    return collector.environ(ROUTER_EVENTS_OPEN="all", ROUTER_LOG_FORMAT="text")
