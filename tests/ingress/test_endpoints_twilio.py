"""A Twilio sink as an operator sets it up: credentials, addresses, proxies, test, method."""

import asyncio
import base64
from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.clock import SetClock
from support.events import held_by
from support.raw import answer_to, head, one_response, statuses
from support.running import Running, running, settings_for

from router.clock import Clock
from router.datatypes import Duration, Networks, Secret
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.runtime.roles import Roles
from router.sources.twilio_signature import body_hash, sign

TOKEN = Secret("twilio-auth-token-of-the-test")
OPERATOR = Secret("console-token-of-the-test")
CREDENTIALS = Secret("voice:open sesame")
JSON = {"Content-Type": "application/json"}
ROLES = Roles(port=0, ingress=True)
TEST = (
    b'[{"specversion":"1.0","type":"com.twilio.eventstreams.test-event","source":"Sink",'
    b'"id":"AC1","data":{"test_id":"%s"}}]'
)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


def basic(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


def signed(base: str, body: bytes) -> tuple[str, dict[str, str]]:
    query = f"bodySHA256={body_hash(body)}"
    return query, {**JSON, "X-Twilio-Signature": sign(f"{base}/twilio?{query}", TOKEN)}


async def posted(
    process: Running, http: aiohttp.ClientSession, body: bytes, headers: dict[str, str], query: str
) -> tuple[int, str, str]:
    """Return status, error code and challenge."""
    async with http.post(f"{process.url}/twilio?{query}", data=body, headers=headers) as response:
        answer = await response.json()
        code = answer.get("error", {}).get("code", "")
        return response.status, code, response.headers.get("WWW-Authenticate", "")


BASIC = 'Basic realm="twilio", charset="UTF-8"'


@pytest.mark.parametrize(
    ("tokens", "is_signed", "credentials", "expected"),
    [
        # Credentials alone, because no auth token is set.
        ((), False, "voice:open sesame", (202, "", "")),
        ((), False, "voice:wrong", (401, "wrong_credentials", BASIC)),
        ((), False, "", (401, "no_credentials", BASIC)),
        # Both are set, and both must match.
        ((TOKEN,), True, "voice:open sesame", (202, "", "")),
        ((TOKEN,), False, "voice:open sesame", (401, "no_signature", "")),
        ((TOKEN,), True, "", (401, "no_credentials", BASIC)),
        ((TOKEN,), True, "voice:wrong", (401, "wrong_credentials", BASIC)),
    ],
)
async def test_credentials_of_the_sinks_url_are_checked_besides_the_signature(
    redis_url: Secret,
    http: aiohttp.ClientSession,
    sample: bytes,
    tokens: tuple[Secret, ...],
    is_signed: bool,  # noqa: FBT001 - a column of the table
    credentials: str,
    expected: tuple[int, str, str],
) -> None:
    settings = settings_for(
        redis_url, twilio_auth_tokens=tokens, twilio_basic_auth=(Secret("old:one"), CREDENTIALS)
    )
    async with running(settings, ROLES) as process:
        query, headers = signed(process.url, sample)
        if not is_signed:
            del headers["X-Twilio-Signature"]
        if credentials:
            headers |= basic(credentials)

        assert await posted(process, http, sample, headers, query) == expected


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Basic dm9pY2U6b3BlbiBzZXNhbWU", "Bearer voice:open sesame"]
)
async def test_a_malformed_basic_header_is_rejected(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes, header: str
) -> None:
    settings = settings_for(redis_url, twilio_basic_auth=(CREDENTIALS,))
    async with running(settings, ROLES) as process:
        answer = await posted(process, http, sample, {**JSON, "Authorization": header}, "")

    assert answer == (401, "wrong_credentials", BASIC)


@pytest.mark.parametrize("scheme", ["basic ", "BASIC ", "Basic   ", "Basic\t"])
async def test_the_scheme_of_credentials_has_any_case(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes, scheme: str
) -> None:
    """Case I14."""
    settings = settings_for(redis_url, twilio_basic_auth=(CREDENTIALS,))
    header = basic(CREDENTIALS.reveal())["Authorization"].replace("Basic ", scheme)
    async with running(settings, ROLES) as process:
        answer = await posted(process, http, sample, {**JSON, "Authorization": header}, "")

    assert answer == (202, "", "")


@pytest.mark.parametrize(
    ("addresses", "proxies", "forwarded", "status"),
    [
        ("127.0.0.1", "", "", 202),
        ("35.90.102.128/25", "", "", 403),
        ("35.90.102.128/25", "", "35.90.102.200", 403),
        ("35.90.102.128/25", "127.0.0.0/8", "35.90.102.200", 202),
        ("35.90.102.128/25", "127.0.0.0/8", "35.90.102.200, 198.51.100.7", 403),
    ],
)
async def test_only_the_listed_addresses_may_send(
    redis_url: Secret,
    http: aiohttp.ClientSession,
    sample: bytes,
    addresses: str,
    proxies: str,
    forwarded: str,
    status: int,
) -> None:
    settings = settings_for(
        redis_url,
        twilio_auth_tokens=(TOKEN,),
        twilio_addresses=Networks.parse(addresses),
        trusted_proxies=Networks.parse(proxies) if proxies else Networks(),
    )
    async with running(settings, ROLES) as process:
        query, headers = signed(process.url, sample)
        if forwarded:
            headers["X-Forwarded-For"] = forwarded

        assert (await posted(process, http, sample, headers, query))[0] == status


@pytest.mark.parametrize(("proxies", "status"), [("127.0.0.1", 202), ("192.0.2.1", 403)])
async def test_a_trusted_proxy_determines_the_called_url(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes, proxies: str, status: int
) -> None:
    settings = settings_for(
        redis_url, twilio_auth_tokens=(TOKEN,), trusted_proxies=Networks.parse(proxies)
    )
    query, headers = signed("https://events.example.com", sample)
    headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "events.example.com"}
    async with running(settings, ROLES) as process:
        assert (await posted(process, http, sample, headers, query))[0] == status


SINK = "https://hooks.example.com/webhooks/voice"
OUTER = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "e.example"}


@pytest.mark.parametrize(
    ("sink", "changes", "headers"),
    [
        (SINK, {"public_url": SINK}, {}),
        (SINK, {"public_url": "https://other.example.com", "twilio_url": SINK}, {}),
        (SINK, {"twilio_url": SINK}, OUTER),
        ("https://hooks.example.com", {"public_url": "https://hooks.example.com"}, {}),
        ("https://hooks.example.com/", {"public_url": "https://hooks.example.com"}, {}),
        ("https://e.example:8443/twilio", {}, {**OUTER, "X-Forwarded-Port": "8443"}),
        ("https://e.example/twilio", {}, {**OUTER, "X-Forwarded-Port": "443"}),
        ("https://e.example/hooks/twilio", {}, {**OUTER, "X-Forwarded-Prefix": "/hooks"}),
        (
            "https://e.example/a/hooks/twilio",
            {},
            {"Forwarded": "proto=https;host=e.example", "X-Forwarded-Prefix": "/a,/hooks"},
        ),
        ("https://e.example:8443/twilio", {}, {"Forwarded": 'proto=https;host="e.example:8443"'}),
    ],
    ids=range(10),
)
async def test_the_url_of_the_sink_is_signed_whatever_the_proxy_makes_of_it(
    redis_url: Secret,
    http: aiohttp.ClientSession,
    sample: bytes,
    sink: str,
    changes: dict[str, str],
    headers: dict[str, str],
) -> None:
    """Cases I12 and I13; a signature of another URL is still wrong."""
    query = f"bodySHA256={body_hash(sample)}"
    signature = {**JSON, "X-Twilio-Signature": sign(f"{sink}?{query}", TOKEN)}
    wrong = {**JSON, "X-Twilio-Signature": sign(f"{sink}x?{query}", TOKEN)}
    settings = settings_for(
        redis_url,
        twilio_auth_tokens=(TOKEN,),
        trusted_proxies=Networks.parse("127.0.0.1"),
        **changes,
    )
    async with running(settings, ROLES) as process:
        found = await posted(process, http, sample, {**signature, **headers}, query)
        assert found == (202, "", "")
        found = await posted(process, http, sample, {**wrong, **headers}, query)
        assert found[:2] == (403, "wrong_signature")


@pytest.mark.parametrize("base", ["http://x", "http://x:80", "https://x", "http://[::1]:8080"])
@pytest.mark.parametrize("public_url", ["", "https://e.example"])
async def test_a_target_in_absolute_form_is_the_called_url(
    redis_url: Secret, sample: bytes, base: str, public_url: str
) -> None:
    """Case I11 (RFC 9112, section 3.2.2)."""
    target = f"/twilio?bodySHA256={body_hash(sample)}"
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,), public_url=public_url)
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(sample))),
        ("X-Twilio-Signature", sign((public_url or base) + target, TOKEN)),
        ("Connection", "close"),
    ]
    async with running(settings, ROLES) as process:
        answer = await answer_to(process.address, head(base + target, headers) + sample)

    assert statuses(answer) == [202], answer


async def test_each_test_event_of_a_sink_is_listed_once(
    redis_url: Secret,
    http: aiohttp.ClientSession,
    connection: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,), admin_token=OPERATOR)
    caplog.set_level("INFO")
    async with running(settings, ROLES) as process:
        for test_id in (b"EW01", b"EW02", b"EW01"):
            query, headers = signed(process.url, TEST % test_id)
            assert (await posted(process, http, TEST % test_id, headers, query))[0] == 202
        asked = {"Authorization": f"Bearer {OPERATOR.reveal()}"}
        async with http.get(f"{process.url}/api/v1/twilio-tests", headers=asked) as response:
            tests = (await response.json())["tests"]
        async with http.get(f"{process.url}/api/v1/twilio-tests") as response:
            assert response.status == 401
        assert process.metric("router_twilio_test_events_total") == 3

    assert [(test["test_id"], test["account_sid"]) for test in tests] == [
        ("EW02", "AC1"),
        ("EW01", "AC1"),
    ]
    logged = [vars(record).get("test_id") for record in caplog.records]
    assert [test_id for test_id in logged if test_id] == ["EW01", "EW02", "EW01"]
    assert (await ledger.read(connection)).accepted == 3


@pytest.mark.parametrize("data", [b'"x"', b"5", b"{}", b"null", b'{"test_id":["a"]}', b'"{"'])
async def test_a_test_event_without_an_id_is_accepted_as_an_event(
    redis_url: Secret, http: aiohttp.ClientSession, data: bytes
) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    body = TEST.replace(b'{"test_id":"%s"}', data + b',"datacontenttype":"application/json"')
    async with running(settings, ROLES) as process:
        query, headers = signed(process.url, body)

        assert await posted(process, http, body, headers, query) == (202, "", "")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_of_a_sink_is_rejected_with_post(
    redis_url: Secret, http: aiohttp.ClientSession, method: str
) -> None:
    async with (
        running(settings_for(redis_url), ROLES) as process,
        http.request(method, f"{process.url}/twilio") as response,
    ):
        text = await response.text()

    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert method == "HEAD" or "the sink's method must be POST" in text


BODY_SIZE = 100_000


@pytest.mark.parametrize("arrived", [0, 1, BODY_SIZE - 1])
async def test_the_body_of_an_unsigned_request_is_not_read(redis_url: Secret, arrived: int) -> None:
    """The response arrives although the body is never complete."""
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,), body_timeout=Duration(5))
    async with running(settings, ROLES) as process:
        response = await answer_to_part_of(process, BODY_SIZE, arrived, {})

    assert statuses(response) == [401]
    assert b'"code":"no_signature"' in response
    assert b"Connection: close" in response


async def test_the_body_of_a_signed_request_is_waited_for(redis_url: Secret) -> None:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,), body_timeout=Duration(0.2))
    async with running(settings, ROLES) as process:
        response = await answer_to_part_of(
            process, BODY_SIZE, 1, {"X-Twilio-Signature": sign("http://test/twilio", TOKEN)}
        )

    assert statuses(response) == [408]


async def answer_to_part_of(
    process: Running, size: int, arrived: int, headers: dict[str, str]
) -> bytes:
    """Return the response to a request of whose body only ``arrived`` bytes are ever sent."""
    reader, writer = await asyncio.open_connection(process.address.host, process.address.port)
    lines = {**JSON, "Content-Length": str(size), **headers}
    writer.write(head("/twilio", lines.items()) + b" " * arrived)
    response = await one_response(reader, seconds=4)
    writer.close()
    return response


@pytest.mark.fault_row(41)
@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("host", ["[", "]", "[::1", "[:::1]", "a/b", "a b", "\udcff", "a:999999"])
async def test_a_malformed_host_is_rejected(
    redis_url: Secret,
    host: str,
    proxied: bool,  # noqa: FBT001 - a column of the table
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Revert: 500 with a traceback, because the called URL cannot be parsed."""
    trusted = Networks.parse("127.0.0.1") if proxied else Networks()
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,), trusted_proxies=trusted)
    name = "X-Forwarded-Host" if proxied else "Host"
    request = head(
        "/twilio",
        [(name, host), ("X-Twilio-Signature", "x"), ("Content-Length", "2")],
    ).replace(b"Host: test\r\n", b"Host: test\r\n" if proxied else b"", 1)
    async with running(settings, ROLES) as process:
        reader, writer = await asyncio.open_connection(process.address.host, process.address.port)
        writer.write(request + b"{}")
        answer = await one_response(reader)
        writer.close()

    assert statuses(answer) == [400]
    assert b"bad_host" in answer or b"bad_http" in answer
    assert not [entry for entry in caplog.records if entry.levelname == "ERROR"]


@pytest.mark.fault_row(29, 32)
@pytest.mark.parametrize("offset", [0.0, 299.0, 301.0, -301.0, 86_400.0])
async def test_a_signature_has_no_time_and_a_copy_of_a_request_is_a_duplicate(
    redis_url: Secret,
    http: aiohttp.ClientSession,
    connection: Connection,
    sample: bytes,
    time: SetClock,
    clock: Clock,
    offset: float,
) -> None:
    """Twilio signs no time, so clocks may differ. Mutant: ``event_key`` has the time of receipt."""
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    async with running(settings, ROLES, clock=clock) as process:
        query, headers = signed(process.url, sample)
        assert await posted(process, http, sample, headers, query) == (202, "", "")
        time.now += offset
        assert await posted(process, http, sample, headers, query) == (202, "", "")

    batches = await connection.redis.zrange(keys.BATCHES, 0, -1)
    events = [
        event
        for batch in batches
        for event in await held_by(Batches(connection, clock), batch.decode()) or ()
    ]
    assert len({event.key for event in events}) == 1


async def test_a_signature_that_fits_another_url_is_explained_to_operators(
    redis_url: Secret, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(
        redis_url, twilio_auth_tokens=(TOKEN,), public_url="http://events.example.com"
    )
    async with running(settings, Roles(port=0, ingress=True)) as process:
        query = f"?bodySHA256={body_hash(b'[]')}"
        signature = sign(f"https://events.example.com/twilio{query}", TOKEN)
        headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature}
        async with http.post(f"{process.url}/twilio{query}", data=b"[]", headers=headers) as answer:
            assert answer.status == 403
            assert "events.example.com" not in await answer.text()

    (detail,) = [record.detail for record in caplog.records if hasattr(record, "detail")]
    assert "the signature fits the auth token but not the URL" in detail
    assert "Twilio called https://events.example.com/twilio" in detail
    assert TOKEN.reveal() not in detail
