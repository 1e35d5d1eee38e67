"""What the endpoints accept, the rules see: no event is accepted and cannot be decoded later."""

import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from support.rules_folder import capture
from support.running import Running, running, settings_for, worker_of
from support.waiting import until

from router.datatypes import Secret
from router.errors import EventError
from router.events.decode import decode_leniently, decode_strictly
from router.events.model import Event, document
from router.ingress import http_binding
from router.ingress.responses import RequestRejectedError
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles
from router.sources.twilio_signature import body_hash, sign

TOKEN = Secret("twilio-auth-token-of-the-test")
CORE = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCHED = {"Content-Type": "application/cloudevents-batch+json"}
BOM = b"\xef\xbb\xbf"


def binary(content_type: str) -> dict[str, str]:
    return {**{f"ce-{name}": value for name, value in CORE.items()}, "Content-Type": content_type}


def structured(**changes: object) -> bytes:
    return msgspec.json.encode({**CORE, **changes})


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path) -> AsyncIterator[Running]:
    """Ingress and worker; one rule matches an event if its data is what the tests send."""
    rule = (
        'rules:\n  - {name: seen, events: ["*"], send_to: [a], when: \''
        'data == "hello" || data == "123" || data == "" || data == "Müller"'
        ' || data.name == "Müller" || data.name == "team\ufffd"\'}\n'
    )
    (tmp_path / "rules.yaml").write_text(capture("a") + rule, encoding="utf-8")
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
    async with running(settings, roles) as process:
        yield process


async def evaluated(connection: Connection) -> ledger.Ledger:
    async def settled() -> ledger.Ledger | None:
        counts = await ledger.read(connection)
        return None if counts.pending else counts

    return await until(settled)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (STRUCTURED, structured(datacontenttype="application/json", data="hello")),
        (STRUCTURED, structured(datacontenttype="application/json", data="123")),
        (STRUCTURED, structured(datacontenttype="application/json", data="")),
        (binary("application/json"), b'"hello"'),
        (binary("application/json"), b'"123"'),
        (binary("application/json"), b'""'),
        (binary("text/plain; charset=iso-8859-1"), b"M\xfcller"),
        (binary("application/json; charset=iso-8859-1"), b'{"name":"M\xfcller"}'),
        (binary("application/json; charset=utf-16"), '{"name":"Müller"}'.encode("utf-16")),
        (binary("text/plain; charset=utf-16"), "Müller".encode("utf-16")),
        (binary("application/json"), BOM + '{"name":"Müller"}'.encode()),
        (binary("application/json"), b'{"name":"team\\ud83d"}'),
        (
            STRUCTURED,
            structured(datacontenttype="text/plain; charset=iso-8859-1", data_base64="TfxsbGVy"),
        ),
        (
            STRUCTURED,
            structured(datacontenttype="application/json", data_base64=packed(b'"hello"')),
        ),
        (STRUCTURED, BOM + structured(data="hello")),
        (BATCHED, BOM + b"[" + structured(data="hello") + b"]"),
        (STRUCTURED, structured()[:-1] + b',"data":{"name":"team\\ud83d"}}'),
        (
            {"Content-Type": "application/cloudevents+json; charset=iso-8859-1"},
            structured(data="Müller").decode().encode("latin-1"),
        ),
    ],
    ids=range(18),
)
async def test_rules_see_what_the_endpoint_accepts(
    router: Running,
    http: aiohttp.ClientSession,
    connection: Connection,
    headers: dict[str, str],
    body: bytes,
) -> None:
    """Cases I2, I3 and I18."""
    async with http.post(f"{router.url}/events", data=body, headers=headers) as response:
        assert response.status == 202, await response.text()

    counts = await evaluated(connection)
    assert (counts.accepted, counts.matched, counts.quarantined) == (1, 1, 0)


@pytest.mark.parametrize(
    ("headers", "body", "status", "code", "path"),
    [
        (binary("text/plain; charset=x-none"), b"x", 415, "charset", "$.datacontenttype"),
        (binary("application/json; charset=x-none"), b"{}", 415, "charset", "$.datacontenttype"),
        (
            {"Content-Type": "application/cloudevents+json; charset=x-none"},
            structured(),
            415,
            "charset",
            "",
        ),
        (
            STRUCTURED,
            structured(datacontenttype="text/plain; charset=x-none", data_base64="eA=="),
            415,
            "charset",
            "$.datacontenttype",
        ),
        (
            STRUCTURED,
            structured(datacontenttype="application/json", data_base64="eA=="),
            400,
            "not_a_cloudevent",
            "$.data_base64",
        ),
        (binary("application/json; charset=utf-16"), b"{", 400, "not_json", "$.data"),
        (
            {"Content-Type": "application/cloudevents+json; charset=utf-16"},
            b"{",
            400,
            "not_json",
            "$",
        ),
    ],
    ids=range(7),
)
async def test_what_rules_could_not_see_is_rejected(
    router: Running,
    http: aiohttp.ClientSession,
    headers: dict[str, str],
    body: bytes,
    status: int,
    code: str,
    path: str,
) -> None:
    """Case I3."""
    async with http.post(f"{router.url}/events", data=body, headers=headers) as response:
        error = (await response.json())["error"]

    assert (response.status, error["code"], error["path"]) == (status, code, path)


def twilio(name: str, data: bytes) -> bytes:
    kind = "com.twilio.voice.insights.call-event.sdk"
    return structured(id=name, type=kind)[:-1] + b',"data":' + data + b"}"


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (twilio("m", b'{"name":"team\\ud83d"}'), (3, 0)),
        (twilio("m", b'{"name":1e999}'), (3, 0)),
        (twilio("m", b'{"name":"team\xff"}'), (2, 1)),
        (twilio("m", b"[" * 2000 + b"]" * 2000), (2, 1)),
        (twilio("m", b"True"), (2, 1)),
        (BOM, (2, 1)),
    ],
    ids=range(6),
)
async def test_a_signed_batch_is_not_refused_for_one_member(
    router: Running,
    http: aiohttp.ClientSession,
    connection: Connection,
    member: bytes,
    expected: tuple[int, int],
) -> None:
    """Case I1: what is accepted is evaluated too."""
    name = '{"name":"Müller"}'.encode()
    body = b"[" + b",".join([twilio("a", name), member, twilio("b", name)]) + b"]"
    url = f"{router.url}/twilio?bodySHA256={body_hash(body)}"
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": sign(url, TOKEN)}

    async with http.post(url, data=body, headers=headers) as response:
        assert response.status == 202
        answer = await response.json()

    counts = await evaluated(connection)
    assert (answer["accepted"], answer["quarantined"]) == expected
    assert (counts.accepted, counts.malformed, counts.quarantined) == (*expected, 0)
    assert counts.matched >= 2


json_pieces = st.sampled_from(
    [b'"', b"\\", b"\\ud83d", b"\\ude00", b"\\u00e9", b"\\n", b"x", b"\xff", "é".encode(), b"1e999"]
)
strings = st.lists(json_pieces, max_size=5).map(lambda pieces: b'"' + b"".join(pieces) + b'"')
scalars = st.sampled_from([b"1", b"1e999", b"-1e999", b"9" * 5000, b"null", b"True", b"{}", BOM])
json_texts = st.recursive(
    strings | scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: b"[" + b",".join(each) + b"]")
        | st.lists(st.tuples(strings, inner), max_size=3).map(
            lambda each: b"{" + b",".join(name + b":" + value for name, value in each) + b"}"
        )
    ),
    max_leaves=5,
)
content_types = st.builds(
    "{}{}".format,
    st.sampled_from(["application/json", "text/plain", "image/png", "a/b+json", "TEXT/x", ""]),
    st.sampled_from(
        [
            "",
            "; charset=utf-8",
            "; charset=UTF-16",
            "; charset=iso-8859-1",
            ";charset=x",
            ";charset",
        ]
    ),
)
contents = json_texts | st.binary(max_size=8) | json_texts.map(lambda text: BOM + text)
charsets = st.sampled_from(["utf-8", "utf-16", "latin-1"])
types = st.sampled_from(["t", "com.twilio.x", "com.twilio.eventstreams.test-event"])


def event_text(kind: str, content_type: str, name: str, value: bytes) -> bytes:
    text = structured(type=kind, **({"datacontenttype": content_type} if content_type else {}))
    return text[:-1] + b',"' + name.encode() + b'":' + value + b"}"


events = st.builds(event_text, types, content_types, st.just("data"), json_texts) | st.builds(
    event_text,
    types,
    content_types,
    st.just("data_base64"),
    contents.map(lambda content: f'"{packed(content)}"'.encode()),
)
bodies = st.one_of(
    events,
    st.lists(events, max_size=3).map(lambda each: b"[" + b",".join(each) + b"]"),
    contents,
)


def accepted_by_events(headers: dict[str, str], content: bytes) -> list[Event]:
    """Return what ``POST /events`` accepts."""
    lines = CIMultiDictProxy(CIMultiDict(headers))
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    with suppress(EventError, RequestRejectedError):
        if http_binding.is_binary_mode(content_type, lines):
            content = http_binding.to_structured(lines, content)
        else:
            content = http_binding.structured_text(headers["Content-Type"], content)
            http_binding.check_shape(content_type, content)
        return decode_strictly(content, received_at=1.0, max_events=10)
    return []


@given(bodies, st.sampled_from(["", "; charset=utf-16", "; charset=latin1", "; charset=x"]))
def test_each_signed_event_that_is_accepted_can_be_read(body: bytes, charset: str) -> None:
    """Cases I1 to I3, for all bodies: the worker reads what ingress accepts."""
    received = decode_leniently(
        body, content_type=f"application/json{charset}", received_at=1.0, max_events=10
    )

    for event in received.events:
        assert document(event)["id"] == event.id


@given(bodies, st.sampled_from(["", "; charset=utf-16", "; charset=latin1", "; charset=x"]))
def test_each_structured_event_that_is_accepted_can_be_read(body: bytes, charset: str) -> None:
    """Cases I2 and I3; as the worker reads it, so does every other reader of JSON."""
    for event in accepted_by_events({"Content-Type": f"application/json{charset}"}, body):
        seen = document(event)
        assert seen["id"] == event.id
        assert_data_is_seen(seen)
        msgspec.json.decode(event.body)


@given(types, content_types, contents, charsets)
def test_each_binary_event_that_is_accepted_can_be_read(
    kind: str, content_type: str, content: bytes, charset: str
) -> None:
    """Cases I2 and I3."""
    with suppress(UnicodeError):
        content = content.decode().encode(charset)
    headers = {**binary(content_type), "ce-type": kind}
    for event in accepted_by_events(headers, content):
        assert_data_is_seen(document(event))
        msgspec.json.decode(event.body)


def assert_data_is_seen(seen: dict[str, Any]) -> None:
    """Data that is JSON or text is not left in base64, where no condition can see it."""
    stated = str(seen.get("datacontenttype", ""))
    if "json" in stated or stated.lower().startswith("text/"):
        assert "data_base64" not in seen or "data" in seen
