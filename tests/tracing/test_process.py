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


@pytest.mark.parametrize(
    "headers",
    [
        "hunter2",
        "a=1,Bearer hunter2",
        "a=hunter2\nb",
        "=hunter2",
        "a=%0ahunter2",
        "a=hunter2;b",
        "a b=hunter2",
    ],
)
@pytest.mark.parametrize(
    "name", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"]
)
def test_a_malformed_header_is_an_error_without_the_header(name: str, headers: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ProcessTraces.from_environment({name: headers}, Metrics(), system_clock())

    assert f"{name}: header " in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("headers", ["", "a=", "Api-Key=k%20=/+, x-team = noc ,", "a=Bearer abc=="])
def test_a_header_that_the_exporter_reads_is_no_error(
    headers: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    assert ProcessTraces.from_environment(dict(os.environ), Metrics(), system_clock())
    assert not caplog.messages


@pytest.mark.parametrize(
    "url", ["hunter2", "hunter2:4318", "http://", "http://[::1/hunter2", "http://hunter2:99999"]
)
def test_an_endpoint_that_is_no_url_is_an_error_without_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ProcessTraces.from_environment(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, Metrics(), system_clock()
        )

    assert str(raised.value) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL: write http://collector.example.com:4318"
    )


def test_they_can_be_disabled_by_the_standard_variable() -> None:
    assert (
        ProcessTraces.from_environment({"OTEL_SDK_DISABLED": " TRUE "}, Metrics(), system_clock())
        is None
    )


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc', expected http/protobuf:"
                " use the collector's HTTP port, usually 4318"
            ),
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
            },
            (
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'http/json', expected http/protobuf:"
                " use the collector's HTTP port, usually 4318"
            ),
        ),
    ],
)
def test_a_protocol_that_the_exporter_does_not_speak_is_an_error(
    environ: dict[str, str], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ProcessTraces.from_environment(environ, Metrics(), system_clock())

    assert str(raised.value) == reason


def test_a_wrong_sampler_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"OTEL_TRACES_SAMPLER": "sometimes"}
    monkeypatch.setenv(*next(iter(environ.items())))

    traces = ProcessTraces.from_environment(environ, Metrics(), system_clock())

    assert traces is not None
    assert traces.tracer.samples(None)
    assert "OTEL_TRACES_SAMPLER is 'sometimes'" in vars(caplog.records[0])["reason"]


def test_a_process_without_traces_imports_no_opentelemetry() -> None:
    code = (
        "import sys, router.cli.run, router.runtime.app, router.dev.dev;"
        "print([name for name in sys.modules if name.split('.')[0] == 'opentelemetry'])"
    )

    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"


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


@pytest.fixture
async def collector_environ() -> dict[str, str]:
    collector = Collector()
    collector.url = "http://127.0.0.1:1/hook"
    return collector.environ(ROUTER_EVENTS_OPEN="all", ROUTER_LOG_FORMAT="text")
