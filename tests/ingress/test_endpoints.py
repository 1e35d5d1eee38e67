"""The HTTP endpoints with a real Redis: what is accepted, answered and stored."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
from support.events import event_from, held_by
from support.running import Running, running, settings_for

from router.clock import system_clock
from router.datatypes import ByteSize, Duration, Secret
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.errors import ConfigurationError
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection, connect
from router.runtime.roles import Roles
from router.settings.choices import Durability
from router.sources.twilio_signature import body_hash, sign

TOKEN = Secret("twilio-auth-token-of-the-test")
BEARER = Secret("bearer-token-of-the-test")
JSON = {"Content-Type": "application/json"}
ROLES = Roles(port=0, ingress=True)
TWILIO_WAITS = 5.0
"""Seconds (ROUTER_COMMIT_TIMEOUT in docs/reference/settings.md)."""


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(
        redis_url,
        twilio_auth_tokens=(Secret("an older token"), TOKEN),
        events_token=BEARER,
        max_body=ByteSize(64 * 1024),
        max_events_per_request=10,
        body_timeout=Duration(0.2),
    )
    async with running(settings, ROLES) as process:
        yield process


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


def signed(url: str, body: bytes, token: Secret = TOKEN) -> tuple[str, dict[str, str]]:
    """Return the URL with its bodySHA256, and the headers, as Twilio sends them."""
    full = f"{url}/twilio?bodySHA256={body_hash(body)}"
    return full, {**JSON, "X-Twilio-Signature": sign(full, token)}


def bearer(**headers: str) -> dict[str, str]:
    return {**JSON, "Authorization": f"Bearer {BEARER.reveal()}", **headers}


async def test_a_signed_event_is_durable_before_the_answer(
    ingress: Running, http: aiohttp.ClientSession, connection: Connection, sample: bytes
) -> None:
    body = b"[" + sample + b"]"
    url, headers = signed(ingress.url, body)

    async with http.post(url, data=body, headers=headers) as response:
        assert response.status == 202
        assert await response.json() == {"accepted": 1, "quarantined": 0}

    assert (await ledger.read(connection)).accepted == 1
    assert ingress.metric("router_events_received_total", source="twilio", outcome="accepted") == 1


@pytest.mark.fault_row(33)
async def test_a_changed_byte_is_rejected_and_nothing_is_stored(
    ingress: Running, http: aiohttp.ClientSession, connection: Connection, sample: bytes
) -> None:
    """Mutant: a signature that differs is right."""
    url, headers = signed(ingress.url, sample)
    changed = sample.replace(b"completed", b"complexed")

    async with http.post(url, data=changed, headers=headers) as response:
        assert response.status == 403
        assert (await response.json())["error"]["code"] == "wrong_body_hash"

    assert (await ledger.read(connection)).accepted == 0


@pytest.mark.fault_row(33)
async def test_a_request_without_a_signature_is_unauthorized(
    ingress: Running, http: aiohttp.ClientSession, sample: bytes
) -> None:
    async with http.post(f"{ingress.url}/twilio", data=sample, headers=JSON) as response:
        assert response.status == 401


async def test_a_wrong_signature_is_logged_with_the_url_and_never_the_token(
    ingress: Running,
    http: aiohttp.ClientSession,
    sample: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, headers = signed(ingress.url, sample, Secret("another token"))

    async with http.post(url, data=sample, headers=headers) as response:
        assert response.status == 403

    record = next(record for record in caplog.records if record.message == "request rejected")
    assert url in record.__dict__["detail"]
    assert TOKEN.reveal() not in caplog.text + str([vars(record) for record in caplog.records])


async def test_behind_a_proxy_the_public_url_is_the_signed_one(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes
) -> None:
    settings = settings_for(
        redis_url, twilio_auth_tokens=(TOKEN,), public_url="https://events.example.com/voice"
    )
    public, headers = signed("https://events.example.com/voice", sample)
    async with running(settings, ROLES) as process:
        local = f"{process.url}/twilio?{urlsplit(public).query}"
        async with http.post(local, data=sample, headers=headers) as response:
            assert response.status == 202


async def test_a_malformed_item_is_quarantined_and_the_event_beside_it_accepted(
    ingress: Running, http: aiohttp.ClientSession, connection: Connection, sample: bytes
) -> None:
    body = b"[" + sample + b', {"id": 5}]'
    url, headers = signed(ingress.url, body)

    async with http.post(url, data=body, headers=headers) as response:
        assert response.status == 202
        assert await response.json() == {"accepted": 1, "quarantined": 1}

    counts = await ledger.read(connection)
    assert (counts.accepted, counts.malformed) == (1, 1)


@pytest.mark.parametrize(
    ("content_type", "wrap", "count"),
    [
        ("application/cloudevents+json", b"%s", 1),
        ("application/cloudevents+json; charset=utf-8", b"%s", 1),
        ("application/cloudevents-batch+json", b"[%s,%s]", 2),
        ("application/cloudevents-batch+json", b"[]", 0),
        ("application/json", b"%s", 1),
        ("application/json", b"[%s]", 1),
    ],
)
async def test_cloudevents_are_accepted(
    ingress: Running,
    http: aiohttp.ClientSession,
    connection: Connection,
    sample: bytes,
    content_type: str,
    wrap: bytes,
    count: int,
) -> None:
    body = wrap.replace(b"%s", sample)
    headers = bearer(**{"Content-Type": content_type})

    async with http.post(f"{ingress.url}/events", data=body, headers=headers) as response:
        assert response.status == 202
        assert await response.json() == {"accepted": count, "quarantined": 0}

    assert (await ledger.read(connection)).accepted == count


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 401),
        ({**JSON, "Authorization": "Bearer wrong"}, 403),
        ({**JSON, "Authorization": f"Basic {BEARER.reveal()}"}, 403),
        ({**JSON, "Authorization": "Bearer bearer-token-of-the-tes"}, 403),
    ],
)
async def test_events_require_the_bearer_token(
    ingress: Running,
    http: aiohttp.ClientSession,
    sample: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    async with http.post(f"{ingress.url}/events", data=sample, headers=headers) as response:
        assert response.status == status


@pytest.mark.fault_row(42)
@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "path"),
    [
        (b"nonsense", {}, 400, "not_json", "$"),
        (b"", {}, 400, "not_json", "$"),
        (b"{}", {}, 400, "not_a_cloudevent", "$"),
        (b'[{"id":1}]', {}, 400, "not_a_cloudevent", "$[0].id"),
        (b"[]", {"Content-Type": "application/cloudevents+json"}, 400, "not_one_event", "$"),
        (b"{}", {"Content-Type": "application/cloudevents-batch+json"}, 400, "not_a_batch", "$"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "content_type", ""),
        (b"{}", {"Content-Type": ""}, 415, "content_type", ""),
        (b"{}", {"Content-Encoding": "br"}, 415, "content_encoding", ""),
        (b"[" + b"1," * 40_000 + b"1]", {}, 413, "too_large", ""),
        (b"[" + b"1," * 10 + b"1]", {}, 413, "too_many_events", ""),
    ],
)
async def test_bad_input_is_rejected_and_logged_once(
    ingress: Running,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
    path: str,
) -> None:
    """Mutant: any content type is JSON."""
    async with http.post(f"{ingress.url}/events", data=body, headers=bearer(**headers)) as response:
        assert response.status == status
        error = (await response.json())["error"]

    assert (error["code"], error["path"]) == (code, path)
    lines = [record for record in caplog.records if record.message == "request rejected"]
    assert [line.__dict__["code"] for line in lines] == [code]


async def test_a_chunked_body_is_cut_at_the_limit(
    ingress: Running, http: aiohttp.ClientSession
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 1024

    async with http.post(f"{ingress.url}/events", data=endless(), headers=bearer()) as response:
        assert response.status == 413


@pytest.mark.fault_row(35)
async def test_a_body_that_does_not_arrive_is_rejected_at_its_deadline(ingress: Running) -> None:
    reader, writer = await asyncio.open_connection(ingress.address.host, ingress.address.port)
    writer.write(
        b"POST /events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + BEARER.reveal().encode() + b"\r\nContent-Length: 100\r\n\r\n["
    )
    async with asyncio.timeout(60):
        answer = await reader.read()  # to the end, because the connection is closed too

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"body_timeout"' in answer
    writer.close()
    await writer.wait_closed()


@pytest.mark.fault_row(42)
@pytest.mark.parametrize(("path", "allowed"), [("/twilio", "POST"), ("/events", "OPTIONS,POST")])
async def test_other_methods_are_rejected_with_the_allowed_ones(
    ingress: Running, http: aiohttp.ClientSession, path: str, allowed: str
) -> None:
    async with http.get(ingress.url + path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == allowed


async def test_without_a_configured_token_twilio_is_rejected(
    redis_url: Secret, http: aiohttp.ClientSession, sample: bytes
) -> None:
    async with running(settings_for(redis_url), ROLES) as process:
        url, headers = signed(process.url, sample)
        async with http.post(url, data=sample, headers=headers) as response:
            assert response.status == 403
            assert "ROUTER_TWILIO_AUTH_TOKENS" in await response.text()


async def test_concurrent_requests_share_commits(
    ingress: Running, http: aiohttp.ClientSession, connection: Connection, sample: bytes
) -> None:
    async def post(number: int) -> int:
        body = event_from(sample, id=f"NO{number}").body
        async with http.post(f"{ingress.url}/events", data=body, headers=bearer()) as response:
            return response.status

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(post(number)) for number in range(200)]

    assert {task.result() for task in tasks} == {202}
    assert (await ledger.read(connection)).accepted == 200
    assert ingress.metric("router_commit_events_count") < 100
    assert ingress.metric("router_commit_events_sum") == 200


@pytest.mark.fault_row(7)
async def test_without_redis_the_answer_is_503_at_once_and_it_recovers_by_itself(
    http: aiohttp.ClientSession, sample: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Mutant: ingress accepts what it could not commit."""
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"), appendfsync="always")
    server.start()
    settings = settings_for(server.url)
    loop = asyncio.get_running_loop()
    async with running(settings, ROLES) as process:
        server.kill()
        began = loop.time()
        async with http.post(f"{process.url}/events", data=sample, headers=JSON) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert loop.time() - began < TWILIO_WAITS
        async with http.get(f"{process.url}/readyz") as ready:
            assert ready.status == 503
        async with http.get(f"{process.url}/healthz") as alive:
            assert alive.status == 200

        server.start()
        async with asyncio.timeout(60):
            while True:
                async with http.post(
                    f"{process.url}/events", data=sample, headers=JSON
                ) as response:
                    if response.status == 202:
                        break
        async with http.get(f"{process.url}/readyz") as ready:
            assert ready.status == 200
    server.stop()


@pytest.mark.fault_row(8)
async def test_a_redis_that_hangs_is_503_while_twilio_waits(
    http: aiohttp.ClientSession, sample: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    server.start()
    loop = asyncio.get_running_loop()
    settings = settings_for(server.url, commit_timeout=Duration(0.8))
    async with running(settings, ROLES) as process:
        os.kill(server.pid, signal.SIGSTOP)
        began = loop.time()
        async with http.post(f"{process.url}/events", data=sample, headers=JSON) as response:
            assert response.status == 503
        assert 0.8 <= loop.time() - began < TWILIO_WAITS
        os.kill(server.pid, signal.SIGCONT)
    server.stop()


@pytest.mark.fault_row(66)
async def test_events_are_rejected_before_redis_is_full(
    http: aiohttp.ClientSession, sample: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Mutant: ingress goes on until Redis is full."""
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    server.start()
    async with running(settings_for(server.url), ROLES) as process:
        connection = connect(server.url, deadline=5.0, max_connections=2)
        used = (await connection.redis.info("memory"))["used_memory"]
        await connection.redis.config_set("maxmemory", int(used * 1.1))
        async with http.get(f"{process.url}/readyz") as ready:
            assert (ready.status, "maxmemory" in await ready.text()) == (503, True)
        async with http.post(f"{process.url}/events", data=sample, headers=JSON) as response:
            assert response.status == 503
        await connection.close()
    server.stop()


@pytest.mark.fault_row(13)
@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("maxmemory-policy", "allkeys-lru", "evicts"), ("appendonly", "no", "restart loses events")],
)
async def test_a_redis_that_may_lose_events_is_rejected_at_start(
    tmp_path_factory: pytest.TempPathFactory, option: str, value: str, reason: str
) -> None:
    """Mutant: no policy of eviction is a problem."""
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    server.start()
    connection = connect(server.url, deadline=5.0, max_connections=2)
    await connection.redis.config_set(option, value)

    with pytest.raises(ConfigurationError, match=reason):
        async with running(settings_for(server.url), ROLES):
            pass
    async with running(settings_for(server.url, durability=Durability.RELAXED), ROLES):
        pass
    await connection.close()
    server.stop()


async def test_what_was_accepted_can_be_loaded_by_a_worker(
    ingress: Running, http: aiohttp.ClientSession, connection: Connection, sample: bytes
) -> None:
    async with http.post(f"{ingress.url}/events", data=sample, headers=bearer()) as response:
        assert response.status == 202

    (batch_id,) = await connection.redis.zrange(keys.BATCHES, 0, -1)
    events = await held_by(Batches(connection, system_clock()), batch_id.decode())
    assert events is not None
    assert [event.body for event in events] == [sample]


async def test_metrics_are_prometheus_text(ingress: Running, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{ingress.url}/metrics") as response:
        text = await response.text()

    assert response.headers["Content-Type"].startswith("text/plain")
    assert "router_redis_up 1.0" in text
    assert 'router_queue_depth{queue="evaluate"} 0.0' in text
