"""The decoders that get bytes of strangers, each as a function of bytes that must not fail.

A target raises for anything but the errors that its decoder documents, and for a result that breaks
a promise. ``tests/fuzz.py`` runs them with atheris, ``tests/faults/test_fuzz_targets.py`` from a seed.
"""

import asyncio
import binascii
import contextlib
import functools
import json
import logging
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from router.alerts import AlertKey
from router.api.alert_page import parse_form
from router.api.signed_links import InvalidLink, LinkSigner
from router.cel import ConditionError, Verdict, compile_condition
from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.configuration.variables import MissingVariable
from router.datatypes import Networks, Secret
from router.destinations.transport.http_status import retry_after_seconds
from router.destinations.transport.redaction import Redactor
from router.errors import EventError, EventsTooLargeError, RecordError, RulesError
from router.events.decode import decode_leniently, decode_request, decode_strictly
from router.events.limits import max_request_values
from router.events.masks import Masks
from router.events.model import Event, document
from router.history.kept_fields import NOTHING_KEPT
from router.http import aiohttp_adapter
from router.http.connection import HttpSite, _GuardedConnection
from router.http.connection_limits import ConnectionLimits
from router.http.error_responses import ErrorResponses
from router.http.server import _fast_path
from router.ingress import http_binding
from router.ingress.admission import AdmissionControl
from router.ingress.commit import EventCommit
from router.ingress.endpoints import FAST_PATHS, Ingress
from router.ingress.forwarded import resolve_sender
from router.ingress.intake import Intake
from router.ingress.reception import Reception
from router.ingress.responses import RequestRejectedError
from router.ingress.source_record import SourceRecord
from router.journal import (
    batches,
    dead_letters,
    pauses,
    quarantine,
    silences,
    stored_alerts,
    timers,
)
from router.journal.batches import Batches
from router.journal.connection import connect
from router.journal.source_log import SourceLog
from router.journal.store_check import StoreProbe
from router.journal.store_watch import StoreWatch
from router.journal.twilio_tests import SinkTests
from router.media_types import CLOUDEVENT, CLOUDEVENT_BATCH
from router.metrics import Metrics
from router.runtime.build_ingress import confirmation
from router.settings.choices import EventsOpen
from router.settings.model import Settings
from support.events import alert_of
from support.source_fuzz_targets import SOURCE_TARGETS, source_seeds

DATA: Final = Path(__file__).parents[1] / "data"
VALUES: Final = max_request_values(4 << 20)
PLAIN: Final = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":[1,"x",null]}}'
MASKS: Final = Masks.parse(["data.a", "data.account_sid", "data.tag_info.duplicate_identity[*].x"])
WIDE_MASKS: Final = Masks.parse(["data.*.a", "data.*.*.reason", "subject"])
CANARY: Final = "s3cr3t-canary-0123456789"


def twilio_body(data: bytes) -> None:
    """A body of ``POST /twilio``: events and malformed items; only too many events are an error."""
    try:
        received = decode_leniently(
            data, received_at=1.0, max_events=50, max_depth=64, max_values=VALUES
        )
    except EventsTooLargeError:
        return
    for event in received.events:
        assert event.id
        assert "\x00" not in event.key[: len(event.source)]
        document(event)
        _check_masked(event)
    for item in received.malformed:
        assert len(item.reason) <= 250


def _check_masked(event: Event) -> None:
    """An event of which fields are masked or left out is read as others are, and masked once."""
    for masks in (MASKS, WIDE_MASKS):
        body, is_masked = masks.applied_to(event.body)
        assert is_masked or body == event.body
        assert masks.applied_to(body)[0] == body
        document(msgspec.structs.replace(event, body=body))
        masks.applied(document(event))
    document(msgspec.structs.replace(event, body=NOTHING_KEPT.of_body(event.body)))


def structured_events(data: bytes) -> None:
    """A structured or batched body of ``POST /events``."""
    content_type = CLOUDEVENT_BATCH if data[:1] == b"[" else CLOUDEVENT
    try:
        data = http_binding.structured_text(content_type, data)
        http_binding.check_shape(content_type, data)
        events = decode_strictly(data, received_at=1.0, max_events=50, max_values=VALUES)
    except EventError:
        return
    for event in events:
        msgspec.json.decode(event.body)  # a strict event has no number out of range
        document(event)
        _check_masked(event)


def binary_event(data: bytes) -> None:
    """Header lines and a body of ``POST /events`` in binary mode."""
    top, _, body = data.partition(b"\n\n")
    lines = [line.partition(b":") for line in top.split(b"\n")[:20]]
    headers = CIMultiDictProxy(
        CIMultiDict(
            (name.decode("latin-1"), value.strip().decode("utf-8", "surrogateescape"))
            for name, _, value in lines
        )
    )
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        if not http_binding.is_binary_mode(content_type, headers):
            return
        content = http_binding.to_structured(headers, body)
        (event,) = decode_strictly(content, received_at=1.0, max_events=1, max_values=VALUES)
    except (EventError, RequestRejectedError):
        return
    msgspec.json.decode(event.body)
    document(event)
    _check_masked(event)


def cel_text(data: bytes) -> None:
    """The text of a condition; what compiles gives a verdict."""
    try:
        condition = compile_condition(data.decode("utf-8", "replace")[:2000])
    except ConditionError:
        return
    assert isinstance(condition.verdict(json.loads(PLAIN)), Verdict)


def yaml_rules(data: bytes) -> None:
    """A file of the rules folder."""
    folder = _folder()
    (folder / "rules.yaml").write_bytes(data)
    with contextlib.suppress(RulesError):
        ConfigurationSource(folder=folder, environ={}, missing=MissingVariable.KEEP).load()


def records(data: bytes) -> None:
    """A record of each kind in Redis."""
    for module in (batches, dead_letters, pauses, quarantine, silences, stored_alerts, timers):
        with contextlib.suppress(RecordError):
            module._reader.read(data)


def form_body(data: bytes) -> None:
    """The form of an alert link."""
    form = parse_form(data)
    assert form is None or all(isinstance(value, str) for value in form.values())


def retry_after(data: bytes) -> None:
    """The header of a reply."""
    seconds = retry_after_seconds(data.decode("utf-8", "surrogateescape"), now=1.7e9)
    assert seconds is None or 0 <= seconds < float("inf")


def signed_link(data: bytes) -> None:
    """The token of an alert link; only one that was issued is valid."""
    found = _signer().read(data.decode("utf-8", "surrogateescape"), now=1.0)
    assert isinstance(found, InvalidLink) or data.decode() in _issued()


def forwarded_headers(data: bytes) -> None:
    """The headers of a proxy."""
    peer, *lines = (data + b"\n").split(b"\n")
    names = (
        *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"),
        *("X-Forwarded-Port", "X-Forwarded-Prefix", "Forwarded"),
    )
    headers = CIMultiDict(
        (names[index % len(names)], line.decode("utf-8", "surrogateescape"))
        for index, line in enumerate(lines[:6])
    )
    trusted = Networks.parse("10.0.0.0/8,::1")
    for address in (peer.decode("latin-1"), "10.0.0.1"):
        resolve_sender(address, "http", "a", CIMultiDictProxy(headers), trusted)


def redaction(data: bytes) -> None:
    """A reply that has a secret somewhere."""
    text = data.decode("utf-8", "replace")
    for reply in (f"{text}{CANARY}", f"{CANARY} {text}"):
        assert CANARY not in _redactor()(reply, is_cut=True)


def request_head(data: bytes) -> None:
    """The bytes of a connection: no response is 500, no error is logged."""
    _connection_loop().run_until_complete(_receive(data))


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self.written = b""
        self._closing = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def writelines(self, pieces: Any) -> None:
        self.written += b"".join(pieces)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = True

    def pause_reading(self) -> None:
        """Do nothing: all bytes came at once."""

    def resume_reading(self) -> None:
        """Do nothing."""


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@functools.cache
def _connection_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


_SITE: list[HttpSite] = []
_ERRORS: Final = _Errors()


async def _site() -> HttpSite:
    """Return the site of an ingress whose Redis is away."""
    if _SITE:
        return _SITE[0]
    logging.getLogger().addHandler(_ERRORS)
    settings = msgspec.structs.replace(
        Settings(),
        redis_url=Secret("unix:///nowhere/redis.sock"),
        events_open=EventsOpen.ALL,
        twilio_auth_tokens=(Secret("t0ken"),),
    )
    clock = system_clock()
    metrics = Metrics()
    connection = connect(settings.redis_url, deadline=0.2, max_connections=1)
    probe = StoreProbe(connection, clock.new_id, confirmation=confirmation(settings))
    admission = AdmissionControl(connection, probe, StoreWatch(metrics), strict=False)
    commit = EventCommit(
        Batches(connection, clock, admission.accepted, confirmation(settings)),
        admission,
        metrics,
        interval=0.001,
        max_waiting=1,  # so that an event that is valid gets 503 at once
        monotonic=clock.monotonic,
    )
    record = SourceRecord(SourceLog(connection, clock), clock)
    intake = Intake(commit, admission, record, metrics, clock)
    reception = Reception(settings, intake, SinkTests(connection))
    ingress = Ingress(settings, reception, metrics)
    application = web.Application()
    application.add_routes(ingress.routes())
    runner = web.AppRunner(application, access_log=None, auto_decompress=False)
    await runner.setup()
    server = runner.server
    assert server is not None
    handlers = {route.path: route.handler for route in ingress.routes() if route.method == "POST"}
    fast = {path: handlers[path] for path in FAST_PATHS}
    aiohttp_adapter.mark_unparsable_targets(server)
    errors = ErrorResponses(metrics, FAST_PATHS)
    aiohttp_adapter.wrap_handler(server, lambda handler: _fast_path(fast, errors.wrap(handler)))
    limits = ConnectionLimits(
        max_connections=10,
        max_per_address=10,
        proxies=Networks(),
        head_timeout=60,
        head_size=32 << 10,
        write_timeout=60,
        keepalive_timeout=60,
    )
    _SITE.append(HttpSite(server, limits, metrics))
    return _SITE[0]


async def _receive(data: bytes) -> None:
    site = await _site()
    connection = _GuardedConnection(site, asyncio.get_running_loop())
    transport = _Transport()
    connection.connection_made(transport)
    await asyncio.sleep(0)
    connection.data_received(data)
    for _ in range(12):
        await asyncio.sleep(0)
        if transport.written:
            break
    connection.connection_lost(None)
    for _ in range(4):
        await asyncio.sleep(0)
    assert b"HTTP/1.1 500" not in transport.written, transport.written[:300]
    assert b"HTTP/1.0 500" not in transport.written, transport.written[:300]
    errors, _ERRORS.lines = _ERRORS.lines, []
    assert errors == [], errors


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="router-fuzz-"))


@functools.cache
def _signer() -> LinkSigner:
    return LinkSigner(Secret("0123456789abcdef"), "https://x", lifetime=3600.0)


@functools.cache
def _issued() -> frozenset[str]:
    (event,) = decode_request(PLAIN, received_at=1.7e9, max_events=1).events
    alert = msgspec.structs.replace(alert_of(event), key=AlertKey("ak_1"))
    links = _signer().links(alert)
    return frozenset(link.rpartition("/")[2] for link in (links.acknowledge, links.silence))


@functools.cache
def _redactor() -> Redactor:
    return Redactor([Secret(CANARY), Secret(f"https://x/{CANARY}?a=b%2Fc"), Secret("Basic YTpi")])


@functools.cache
def _seeds() -> Mapping[str, list[bytes]]:
    example = msgspec.json.decode((DATA / "conference-summary-complete.json").read_bytes())
    sample = msgspec.json.encode(example)
    heads = [
        b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(PLAIN), PLAIN),
        (
            b"POST /twilio?bodySHA256=0 HTTP/1.1\r\nHost: [::1]:80\r\nX-Twilio-Signature: x\r\n"
            b"Content-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\n{}\r\n0\r\n\r\n"
        ),
        b"POST http://xn--a/events HTTP/1.1\r\nHost: a\r\nce-id: 1\r\nce-type: t\r\n\r\n",
        (
            b"POST /events HTTP/1.1\r\nHost: a\r\nce-specversion: 1.0\r\nce-id: %41\r\nce-source: /s\r\n"
            b"ce-type: t\r\nContent-Type: text/plain; charset=\xff\r\nContent-Length: 1\r\n\r\nx"
        ),
        b"OPTIONS /events HTTP/1.0\r\nWebHook-Request-Origin: a\r\n\r\n",
    ]
    rules = (
        b"destinations:\n  a: {capture: {}}\nrules:\n- name: r\n  events: [t]\n  when: data.a > 1\n"
    )
    stored = [
        msgspec.msgpack.encode(value) for value in ({"version": 100, "delivery": [1]}, [1, 2])
    ]
    return {
        "twilio_body": [
            sample,
            b"[" + PLAIN + b"," + sample + b"]",
            b'{"id":"\\ud800"}',
            b"[1e999]",
        ],
        "structured_events": [sample, PLAIN, b"[" + PLAIN + b"]", b"[" * 70],
        "binary_event": [
            (
                b"ce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: t\nContent-Type: text/plain"
                b"; charset=utf-8\n\nbody"
            ),
            (
                b'ce-specversion: 1.0\nce-id: "%41"\nce-source: /s\nce-type: t\nContent-Type: '
                b"application/json\n\n[1e999]"
            ),
        ],
        "request_head": heads,
        "cel_text": [
            b'data.a >= 3 && has(data.b) || event.type.startsWith("x")',
            b"[1, 2].exists(x, x in data.list) ? size('a') == 1u : true",
            b'timestamp("2026-01-01T00:00:00Z") - duration("1h") < now',
            b'data.x.matches("^(a|b)*$") && {"a": 1}.a == -1.5e3',
        ],
        "yaml_rules": [rules, rules.replace(b"when: data.a > 1", b"match: {data.a: {'>': 1}}")],
        "records": [*stored, *_stored_records()],
        "form_body": [b"do=acknowledge&name=Ann+B", b"do=1h&name=%F0%9F%A6%89&x=1"],
        "retry_after": [b"120", b"Wed, 21 Oct 2026 07:28:00 GMT", b"-1", b"1e9"],
        "signed_link": [link.encode() for link in sorted(_issued())],
        "forwarded_headers": [
            (
                b"10.0.0.1\n1.2.3.4, [::1]:80\nhttps\nexample.com, a\n8443\n/a,/b\n"
                b'for="[::1]:80";proto=https;host="a:1", for=1.2.3.4'
            )
        ],
        "redaction": [
            CANARY.encode(),
            b"%73%33 \\u0073 &#115; " + binascii.hexlify(CANARY.encode()),
        ],
    }


def _stored_records() -> list[bytes]:
    """Return the records that older versions wrote, as msgpack."""
    found: list[bytes] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict | list):
            found.append(msgspec.msgpack.encode(value))
            for each in value.values() if isinstance(value, dict) else value:
                collect(each)

    for number in (1, 3):
        collect(msgspec.json.decode((DATA / "records" / f"{number}.json").read_bytes()))
    distinct = dict.fromkeys(each for each in found if 10 < len(each) < 2000)
    return list(distinct)[:80]


_OWN_TARGETS: Final = {
    target.__name__: target
    for target in (
        twilio_body,
        structured_events,
        binary_event,
        request_head,
        cel_text,
        yaml_rules,
        records,
        form_body,
        retry_after,
        signed_link,
        forwarded_headers,
        redaction,
    )
}
TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {**_OWN_TARGETS, **SOURCE_TARGETS}


def seeds(target: str) -> list[bytes]:
    """Return inputs to begin with."""
    return source_seeds()[target] if target in SOURCE_TARGETS else _seeds()[target]


def mutations(target: str, seed: int, count: int) -> list[bytes]:
    """Return inputs from a seed: those to begin with, with some bytes changed, or two joined."""
    chance = random.Random(f"{target} {seed}")  # noqa: S311 - not for secrets
    known = seeds(target)
    made = list(known)
    pieces = [b"\x00", b"\xff", b'"', b"\\", b"[", b"]", b"{", b":", b"\r\n", b"%", b"\xed\xa0\x80"]
    while len(made) < count:
        changed = bytearray(chance.choice(known))
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(changed) + 1)
            match chance.randrange(4):
                case 0:
                    changed[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    changed[at:at] = chance.choice(pieces) * chance.choice((1, 1, 2, 70))
                case 2:
                    del changed[at : at + chance.randrange(1, 12)]
                case _:
                    other = chance.choice(known)
                    changed[at:at] = other[: chance.randrange(len(other) + 1)]
        made.append(bytes(changed))
    return made
