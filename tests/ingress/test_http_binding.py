"""The three modes of CloudEvents over HTTP, and the handshake of web hooks."""

import base64
import string
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from support.events import held_by
from support.running import Running, running, settings_for

from router.clock import system_clock
from router.datatypes import Secret, Texts
from router.errors import EventError
from router.events.decode import decode_strictly
from router.ingress.http_binding import check_shape, to_structured
from router.journal import keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.media_types import CLOUDEVENT, CLOUDEVENT_BATCH, JSON
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
BINARY = {
    "ce-specversion": "1.0",
    "ce-type": "com.example.someevent",
    "ce-time": "2018-04-05T03:56:24Z",
    "ce-id": "1234-1234-1234",
    "ce-source": "/mycontext/subcontext",
    "Content-Type": "application/json",
}
CORE = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "time": "2018-04-05T03:56:24Z",
    "id": "1234-1234-1234",
    "source": "/mycontext/subcontext",
}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    async with running(settings_for(redis_url), ROLES) as process:
        yield process


def parsed(body: bytes, *headers: tuple[str, str], **changes: str) -> dict[str, object]:
    """Return the JSON format of a binary event; ``ce_x`` is the header ``ce-x``, ``""`` removes it."""
    renamed = {name.replace("_", "-"): value for name, value in changes.items()}
    lines = {name: value for name, value in {**BINARY, **renamed}.items() if value}
    found: dict[str, object] = msgspec.json.decode(
        to_structured(CIMultiDictProxy(CIMultiDict([*lines.items(), *headers])), body)
    )
    return found


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
async def test_a_binary_event_is_stored_in_its_json_format(
    ingress: Running, http: aiohttp.ClientSession, connection: Connection, content_type: str
) -> None:
    headers = {**BINARY, "Content-Type": content_type}

    async with http.post(
        f"{ingress.url}/events", data=b'{ "message": "Hello World!" }', headers=headers
    ) as response:
        assert response.status == 202
        assert await response.json() == {"accepted": 1, "quarantined": 0}

    (batch_id,) = await connection.redis.zrange(keys.BATCHES, 0, -1)
    events = await held_by(Batches(connection, system_clock()), batch_id.decode())
    assert events is not None
    assert msgspec.json.decode(events[0].body) == {
        **CORE,
        "datacontenttype": content_type,
        "data": {"message": "Hello World!"},
    }
    assert b'{ "message": "Hello World!" }' in events[0].body


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b"5", {"data": 5}),
        ("application/cloudevent", b"", {}),
        ("application/vnd.x+json", b'"t"', {"data": "t"}),
        ("text/plain", "Über".encode(), {"data": "Über"}),
        ("text/plain; charset=latin-1", b"\xdcber", {"data": "Über"}),
        ("image/png; charset=nonsense", b"x", {"data_base64": "eA=="}),
        ("text/plain", b"\xff", {"data_base64": "/w=="}),
        ("text/plain; charset=utf-16", b"\xff", {"data_base64": "/w=="}),
        ("application/json; charset=utf-16", b"\xff\xfe5\x00", {"data": 5}),
        ("image/png", b"\x89PNG", {"data_base64": base64.b64encode(b"\x89PNG").decode()}),
        ("application/octet-stream", b"", {}),
    ],
)
def test_the_body_is_the_data(content_type: str, body: bytes, data: dict[str, object]) -> None:
    found = parsed(body, Content_Type=content_type)

    assert found == {**CORE, "datacontenttype": content_type, **data}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ('"quoted \\"text\\" \\\\ %41"', 'quoted "text" \\ A'),
        ("unnecessarily%2Descaped", "unnecessarily-escaped"),
        ("100%", "100%"),
        ("é", "é"),
    ],
)
def test_headers_are_decoded_once(written: str, meant: str) -> None:
    assert parsed(b"", ce_subject=written)["subject"] == meant


def test_extensions_are_text_and_their_names_any_case() -> None:
    found = parsed(b"", ("CE-PartitionKey", "7"), ("X-Other", "1"))

    assert found["partitionkey"] == "7"
    assert "other" not in found


@pytest.mark.parametrize(
    ("headers", "body", "path"),
    [
        ([("ce-subject", "%C0%A0")], b"", "$.subject"),
        ([("ce-subject", "\udcff")], b"", "$.subject"),
        ([("ce-my-ext", "1")], b"", "$.my-ext"),
        ([("ce-", "1")], b"", "$."),
        ([("ce-datacontenttype", "text/plain")], b"", "$.datacontenttype"),
        ([("ce-id", "again")], b"", "$.id"),
        ([("CE-Subject", "a"), ("ce-subject", "b")], b"", "$.subject"),
        ([], b"{", "$.data"),
        ([], b"\xff", "$.data"),
        ([], b"[" * 5000, "$.data"),
        ([], b"1e999", "$.data"),
    ],
)
def test_a_malformed_binary_event_is_rejected_with_its_path(
    headers: list[tuple[str, str]], body: bytes, path: str
) -> None:
    with pytest.raises(EventError) as caught:
        parsed(body, *headers)

    assert caught.value.path == path


@pytest.mark.parametrize(
    ("changes", "status", "code", "path"),
    [
        ({"ce-id": ""}, 400, "not_a_cloudevent", "$"),
        ({"ce-specversion": "0.3"}, 400, "not_a_cloudevent", "$.specversion"),
        ({"ce-time": "noon"}, 400, "not_a_cloudevent", "$.time"),
        ({"ce-subject": "%0A"}, 400, "not_a_cloudevent", "$.subject"),
        ({"Content-Type": "application/cloudevents+avro"}, 415, "content_type", ""),
        ({"Content-Type": "application/cloudevents-batch+xml"}, 415, "content_type", ""),
    ],
)
async def test_binary_events_keep_the_rules_of_all_others(
    ingress: Running,
    http: aiohttp.ClientSession,
    changes: dict[str, str],
    status: int,
    code: str,
    path: str,
) -> None:
    headers = {name: value for name, value in {**BINARY, **changes}.items() if value}

    async with http.post(f"{ingress.url}/events", data=b"{}", headers=headers) as response:
        error = (await response.json())["error"]

    assert (response.status, error["code"], error["path"]) == (status, code, path)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20)
names = st.from_regex(r"x[a-z0-9]{0,10}", fullmatch=True)


@given(
    attributes=st.fixed_dictionaries({"id": texts, "source": texts, "type": texts}),
    extensions=st.dictionaries(names, texts, max_size=3),
    content=st.sampled_from(
        [
            ("application/json", {"a": [1, None, "ü"]}),
            ("text/plain", "Über"),
            ("application/octet-stream", b"\xff\x00"),
            ("application/octet-stream", None),
        ]
    ),
)
def test_binary_events_of_the_sdk_keep_their_meaning(
    attributes: dict[str, str],
    extensions: dict[str, str],
    content: tuple[str, object],
) -> None:
    content_type, data = content
    sent = CloudEvent(
        {**attributes, **extensions, "datacontenttype": content_type},
        data,  # type: ignore[arg-type]
    )
    message = to_binary(sent, JSONFormat())

    text = to_structured(CIMultiDictProxy(CIMultiDict(message.headers)), message.body)
    (event,) = decode_strictly(text, received_at=1.0, max_events=1)
    kept = JSONFormat().read(None, event.body)
    again = from_binary(HTTPMessage(message.headers, message.body), JSONFormat())

    assert kept.get_attributes() == sent.get_attributes() == again.get_attributes()
    assert kept.get_data() == data


async def handshake(
    process: Running, http: aiohttp.ClientSession, headers: dict[str, str]
) -> tuple[int, str, str]:
    async with http.options(f"{process.url}/events", headers=headers) as response:
        return (
            response.status,
            response.headers.get("WebHook-Allowed-Origin", ""),
            response.headers["Allow"] if response.status in {200, 405} else "",
        )


@pytest.mark.parametrize(
    ("origins", "headers", "expected"),
    [
        ((), {"WebHook-Request-Origin": "a.example"}, (405, "", "POST")),
        (("*",), {"WebHook-Request-Origin": "a.example"}, (200, "*", "POST, OPTIONS")),
        (
            ("b.example", "A.example"),
            {"WebHook-Request-Origin": "a.example", "WebHook-Request-Rate": "120"},
            (200, "a.example", "POST, OPTIONS"),
        ),
        (("b.example",), {"WebHook-Request-Origin": "a.example"}, (403, "", "")),
        (("*",), {}, (400, "", "")),
    ],
)
async def test_an_origin_is_told_whether_it_may_send(
    redis_url: Secret,
    http: aiohttp.ClientSession,
    origins: tuple[str, ...],
    headers: dict[str, str],
    expected: tuple[int, str, str],
) -> None:
    async with running(settings_for(redis_url, webhook_origins=Texts(origins)), ROLES) as process:
        assert await handshake(process, http, headers) == expected


async def test_the_token_may_stand_in_the_query(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(redis_url, events_token=Secret("s3cret"))
    headers = {"Content-Type": "application/json"}
    async with running(settings, ROLES) as process:
        url = f"{process.url}/events?access_token="
        async with http.post(url + "s3cret", data=sample, headers=headers) as response:
            assert response.status == 202
        async with http.post(url + "wrong", data=sample, headers=headers) as response:
            assert response.status == 403
    assert "access_token" not in caplog.text + str([vars(record) for record in caplog.records])


def test_percent_is_the_only_character_that_is_special() -> None:
    plain = "".join(set(string.printable[:94]) - {"%", '"'})

    assert parsed(b"", ce_subject=plain)["subject"] == plain


@pytest.mark.parametrize(
    "content_type",
    ["text/plain; charset=\udcff", "text/\udce9", "text/\x85", "application/json;\x07"],
)
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_content_type_that_is_not_text_is_rejected(content_type: str, body: bytes) -> None:
    """Revert: 500 with a traceback, because the event cannot be encoded."""
    headers = CIMultiDict({**BINARY, "Content-Type": content_type})

    with pytest.raises(EventError, match="must be UTF-8") as caught:
        to_structured(CIMultiDictProxy(headers), body)
    assert caught.value.path == "$.datacontenttype"


@pytest.mark.parametrize(
    ("content_type", "content", "code"),
    [
        (CLOUDEVENT_BATCH, b" [{}]", None),
        (CLOUDEVENT_BATCH, b"{}", "not_a_batch"),
        (CLOUDEVENT, b" {}", None),
        (CLOUDEVENT, b"\n[{}]", "not_one_event"),
        (JSON, b"[{}]", None),
        (JSON, b"{}", None),
    ],
)
def test_a_body_has_the_shape_of_its_content_type(
    content_type: str, content: bytes, code: str | None
) -> None:
    """Mutants: each comparison and each ``not`` of check_shape."""
    try:
        check_shape(content_type, content)
        found = None
    except EventError as error:
        found = error.code

    assert found == code
