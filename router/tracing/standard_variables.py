"""The standard variables of OpenTelemetry: those that end the start if they are wrong, and those ignored.

The exporter reads most of them itself. What it would take wrongly, log with a secret or find out only at
its first request is checked here, before.

Source: OpenTelemetry specification, "Environment Variable Specification"
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) and "OpenTelemetry
Protocol Exporter" (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
"""

import re
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from router.errors import ConfigurationError

_PREFIX: Final = "OTEL_EXPORTER_OTLP"
_PROTOCOL: Final = "http/protobuf"
_DEFAULT_ENDPOINT: Final = "http://localhost:4318"
_COMPRESSIONS: Final = ("none", "gzip", "deflate")
_GRPC_PORT: Final = 4317
_DEFAULT_SECONDS: Final = 10.0
_FEWEST_MILLISECONDS: Final = 100
"""A timeout from here on is in milliseconds, and in seconds below."""
_MOST_SECONDS: Final = 300.0
_HEADER: Final = re.compile(r"[!#-'*+.0-9A-Z^-z|~-]+[ \t]*=[ !#-+\--:<-\[\]-~]*")
"""A header as the exporter reads it, which accepts spaces in a value too."""
_IGNORED: Final = re.compile(
    r"OTEL_(?:SPAN|LINK|EVENT|ATTRIBUTE)_\w+|OTEL_BSP_EXPORT_TIMEOUT|OTEL_(?:EXPERIMENTAL_)?CONFIG_FILE"
    r"|OTEL_EXPORTER_OTLP_(?:TRACES_)?INSECURE"
)
_EXPORTERS: Final = "OTEL_TRACES_EXPORTER"
_PROPAGATORS: Final = "OTEL_PROPAGATORS"
CREDENTIAL_PROVIDERS: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)
DISABLED: Final = "OTEL_SDK_DISABLED"


def disabling_variable(environ: Mapping[str, str]) -> str:
    """Return the variable that switches traces off; ``""`` if none does."""
    if environ.get(DISABLED, "").strip().lower() == "true":
        return DISABLED
    return _EXPORTERS if environ.get(_EXPORTERS, "").strip().lower() == "none" else ""


def check_variables(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a variable with which no span would arrive."""
    _check_protocol(environ)
    _check_endpoint(environ)
    _check_headers(environ)
    _check_files(environ)
    timeout_seconds(environ)


def collector_address(environ: Mapping[str, str]) -> str:
    """Return the scheme, host and port of the collector, without what may be secret in its URL."""
    _, text = _stated(environ, "ENDPOINT")
    parts = urlsplit(text or _DEFAULT_ENDPOINT)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def ignored_variables(environ: Mapping[str, str]) -> list[str]:
    """Return why variables have no effect, a line for each."""
    lines = [f"{name} has no effect here" for name in sorted(environ) if _IGNORED.fullmatch(name)]
    exporters = environ.get(_EXPORTERS, "").strip().lower()
    if exporters not in {"", "otlp", "none"}:
        lines.append(f"{_EXPORTERS} is {exporters[:80]!r}, expected otlp or none")
    propagators = [each.strip().lower() for each in environ.get(_PROPAGATORS, "").split(",")]
    if propagators != [""] and "tracecontext" not in propagators:
        text = ",".join(propagators)[:80]
        lines.append(f"{_PROPAGATORS} is {text!r}, but tracecontext is the only one here")
    name, text = _stated(environ, "COMPRESSION")
    if text and text.lower() not in _COMPRESSIONS:
        lines.append(f"{name} is {text[:80]!r}, expected {', '.join(_COMPRESSIONS)}")
    name, text = _stated(environ, "ENDPOINT")
    if text and urlsplit(text).port == _GRPC_PORT:
        lines.append(f"{name} has port {_GRPC_PORT}, usually that of gRPC; that of HTTP is 4318")
    return lines


def compression(environ: Mapping[str, str]) -> str:
    """Return how requests are compressed; an unknown word counts as ``none``."""
    _, text = _stated(environ, "COMPRESSION")
    return text.lower() if text.lower() in _COMPRESSIONS else _COMPRESSIONS[0]


def timeout_seconds(environ: Mapping[str, str]) -> float:
    """Return the time limit of an export. Raise ConfigurationError if it is no number.

    The specification counts in milliseconds, the Python SDK in seconds
    (https://github.com/open-telemetry/opentelemetry-python/issues/4044).
    """
    name, text = _stated(environ, "TIMEOUT")
    if not text:
        return _DEFAULT_SECONDS
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    seconds = number / 1000 if number >= _FEWEST_MILLISECONDS else number
    if not 0 < seconds <= _MOST_SECONDS:
        raise ConfigurationError(
            f"{name} is {text[:80]!r}, expected milliseconds from {_FEWEST_MILLISECONDS} to"
            f" {_MOST_SECONDS * 1000:.0f}, or seconds below {_FEWEST_MILLISECONDS}"
        )
    return seconds


def _stated(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the variable of an exporter that counts, that of traces first, and its value."""
    names = (f"{_PREFIX}_TRACES_{name}", f"{_PREFIX}_{name}")
    found = next((each for each in names if environ.get(each)), "")
    return found, environ.get(found, "").strip()


def _check_protocol(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a protocol that the exporter does not speak."""
    name, text = _stated(environ, "PROTOCOL")
    if text and text != _PROTOCOL:
        raise ConfigurationError(
            f"{name} is {text[:80]!r}, expected {_PROTOCOL}: use the collector's HTTP port, usually"
            f" 4318; {_PREFIX}_TRACES_PROTOCOL={_PROTOCOL} changes it for traces alone"
        )


def _check_endpoint(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for an endpoint that is not a URL. The message is without the URL."""
    name, text = _stated(environ, "ENDPOINT")
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if name and not is_url:
        raise ConfigurationError(f"{name} is not a URL: write http://collector.example.com:4318")


def _check_headers(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for headers that the exporter would drop, or could not send.

    The exporter logs what it drops, and a header is usually a key of the collector's. The message
    therefore has the number of a header and nothing of it.
    """
    name, headers = _stated(environ, "HEADERS")
    for number, header in enumerate(headers.split(","), 1):
        text = header.strip()
        is_header = _HEADER.fullmatch(text) and unquote(text).isprintable()
        if text and not is_header:
            raise ConfigurationError(
                f"{name}: header {number} is not name=value: write headers with commas between them,"
                " and characters other than letters, digits and signs as %XX"
            )


def _check_files(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for files of TLS that cannot be used.

    The exporter would find out at its first request, and repeat that at each.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority_name, authority = _stated(environ, "CERTIFICATE")
    certificate_name, certificate = _stated(environ, "CLIENT_CERTIFICATE")
    _, key = _stated(environ, "CLIENT_KEY")
    name = authority_name
    try:
        if authority:
            context.load_verify_locations(authority)
        name = certificate_name
        if certificate:
            # An encrypted key would be asked for at the terminal.
            context.load_cert_chain(certificate, key or None, password="")
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{name}: {reason}: expected a file in PEM format") from None
