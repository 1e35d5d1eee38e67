"""Each standard variable is obeyed, ends the start, or is said to have no effect."""

from pathlib import Path

import pytest

from router.errors import ConfigurationError
from router.tracing.standard_variables import (
    check_variables,
    compression,
    disabling_variable,
    ignored_variables,
    timeout_seconds,
)

OTLP = "OTEL_EXPORTER_OTLP_"


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
@pytest.mark.parametrize("name", ["HEADERS", "TRACES_HEADERS"])
def test_a_malformed_header_is_an_error_without_the_header(name: str, headers: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_variables({OTLP + name: headers})

    assert f"{OTLP}{name}: header " in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["hunter2", "hunter2:4318", "http://", "http://[::1/hunter2", "http://hunter2:99999"]
)
def test_an_endpoint_that_is_no_url_is_an_error_without_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_variables({f"{OTLP}ENDPOINT": url})

    assert str(raised.value) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL: write http://collector.example.com:4318"
    )


@pytest.mark.parametrize(
    ("environ", "beginning"),
    [
        ({"PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc', expected http/protobuf"),
        (
            {"PROTOCOL": "http/protobuf", "TRACES_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'http/json', expected http/protobuf",
        ),
    ],
)
def test_a_protocol_that_the_exporter_does_not_speak_is_an_error(
    environ: dict[str, str], beginning: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_variables({OTLP + name: text for name, text in environ.items()})

    assert str(raised.value).startswith(beginning)
    assert str(raised.value).endswith(
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf changes it for traces alone"
    )


def test_the_variable_of_traces_counts_first() -> None:
    check_variables({f"{OTLP}PROTOCOL": "grpc", f"{OTLP}TRACES_PROTOCOL": "http/protobuf"})


@pytest.mark.parametrize(
    "names", [("CERTIFICATE",), ("TRACES_CERTIFICATE",), ("CLIENT_CERTIFICATE", "CLIENT_KEY")]
)
@pytest.mark.parametrize("text", [None, "not a certificate"])
def test_a_file_of_tls_that_cannot_be_used_is_an_error(
    tmp_path: Path, names: tuple[str, ...], text: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError) as raised:
        check_variables({OTLP + name: str(path) for name in names})

    assert str(raised.value).startswith(OTLP + names[0] + ": ")
    assert str(raised.value).endswith("expected a file in PEM format")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 10), ("10", 10), ("0.5", 0.5), ("99", 99), ("100", 0.1), ("10000", 10), ("300000", 300)],
)
def test_a_timeout_is_in_milliseconds_unless_so_few_are_meant_in_seconds(
    text: str, seconds: float
) -> None:
    assert timeout_seconds({f"{OTLP}TIMEOUT": text}) == seconds


@pytest.mark.parametrize("text", ["0", "-1", "10s", "nan", "inf", "300001"])
def test_a_timeout_that_is_no_number_is_an_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_TIMEOUT is "):
        check_variables({f"{OTLP}TIMEOUT": text})


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"OTEL_SDK_DISABLED": " TRUE "}, "OTEL_SDK_DISABLED"),
        ({"OTEL_SDK_DISABLED": "1"}, ""),
        ({"OTEL_TRACES_EXPORTER": "none"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ""),
        ({}, ""),
    ],
)
def test_two_variables_switch_traces_off(environ: dict[str, str], variable: str) -> None:
    assert disabling_variable(environ) == variable


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        ({"OTEL_BSP_EXPORT_TIMEOUT": "1"}, ["OTEL_BSP_EXPORT_TIMEOUT has no effect here"]),
        (
            {"OTEL_SPAN_LINK_COUNT_LIMIT": "1", "OTEL_ATTRIBUTE_COUNT_LIMIT": "1"},
            [
                "OTEL_ATTRIBUTE_COUNT_LIMIT has no effect here",
                "OTEL_SPAN_LINK_COUNT_LIMIT has no effect here",
            ],
        ),
        ({"OTEL_CONFIG_FILE": "otel.yaml"}, ["OTEL_CONFIG_FILE has no effect here"]),
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            ["OTEL_TRACES_EXPORTER is 'zipkin', expected otlp or none"],
        ),
        (
            {"OTEL_PROPAGATORS": "b3"},
            ["OTEL_PROPAGATORS is 'b3', but tracecontext is the only one here"],
        ),
        (
            {"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"},
            ["OTEL_EXPORTER_OTLP_COMPRESSION is 'zstd', expected none, gzip, deflate"],
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://hunter2.example:4317"},
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT has port 4317, usually that of gRPC; that of HTTP is 4318"
            ],
        ),
        (
            {
                "OTEL_PROPAGATORS": "tracecontext, baggage",
                "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "GZIP",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector",
                "OTEL_SERVICE_NAME": "mine",
                "OTEL_METRICS_EXPORTER": "otlp",
            },
            [],
        ),
    ],
)
def test_a_variable_without_effect_is_said(environ: dict[str, str], lines: list[str]) -> None:
    assert ignored_variables(environ) == lines


def test_an_unknown_compression_is_none() -> None:
    assert compression({f"{OTLP}COMPRESSION": "zstd"}) == "none"
    assert (
        compression({f"{OTLP}COMPRESSION": "gzip", f"{OTLP}TRACES_COMPRESSION": "none"}) == "none"
    )
