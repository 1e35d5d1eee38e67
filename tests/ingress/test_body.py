"""Bodies: compressed, endless, slow, badly framed, and many at once."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from support.raw import answer_to, head, statuses
from support.running import Running, running, settings_for
from support.waiting import until

from router.datatypes import ByteSize, Duration, Secret
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
JSON = ("Content-Type", "application/json")
GZIP = ("Content-Encoding", "gzip")
CLOSE = ("Connection", "close")
LIMIT = 64 * 1024


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(redis_url, max_body=ByteSize(LIMIT), body_timeout=Duration(0.3))
    async with running(settings, ROLES) as process:
        yield process


def padded(size: int) -> bytes:
    """Return an event of exactly ``size`` bytes."""
    empty = len(msgspec.json.encode({**EVENT, "data": ""}))
    return msgspec.json.encode({**EVENT, "data": "x" * (size - empty)})


async def posted(
    process: Running, body: bytes, *headers: tuple[str, str], path: str = "/events"
) -> tuple[int, bytes]:
    length = ("Content-Length", str(len(body)))
    answer = await answer_to(process.address, head(path, [JSON, CLOSE, length, *headers]) + body)
    return statuses(answer)[0], answer


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
async def test_the_size_of_a_compressed_body_is_its_decompressed_size(
    ingress: Running, size: int
) -> None:
    assert (await posted(ingress, gzip.compress(padded(size)), GZIP))[0] == 202


@pytest.mark.fault_row(37)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (gzip.compress(padded(LIMIT + 1)), 413, b"too_large"),
        (gzip.compress(b" " * (LIMIT * 1000)), 413, b"too_large"),
        (gzip.compress(b"{}")[:-1], 400, b"bad_gzip"),
        (gzip.compress(b"{}") + b"x", 400, b"bad_gzip"),
        (b"no gzip", 400, b"bad_gzip"),
        (b"", 400, b"bad_gzip"),
        (zlib.compress(b"{}"), 400, b"bad_gzip"),
        (gzip.compress(gzip.compress(b"{}")), 400, b"not_json"),
    ],
    ids=range(8),
)
async def test_a_corrupt_or_too_large_compressed_body_is_rejected(
    ingress: Running, body: bytes, status: int, code: bytes
) -> None:
    got, answer = await posted(ingress, body, GZIP)

    assert (got, code in answer) == (status, True)


@pytest.mark.fault_row(37)
async def test_of_a_bomb_no_more_than_the_limit_is_unpacked(ingress: Running) -> None:
    """Mutant: a bomb is unpacked before its size is compared; 64 MiB for each request."""
    bomb = gzip.compress(b" " * (LIMIT * 1000))
    tracemalloc.start()
    try:
        status, _ = await posted(ingress, bomb, GZIP)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert status == 413
    assert peak < 64 * LIMIT


@pytest.mark.fault_row(37)
@pytest.mark.parametrize(
    ("path", "encoding", "offered"),
    [
        ("/events", "br", b"Accept-Encoding: gzip"),
        ("/events", "deflate", b"Accept-Encoding: gzip"),
        ("/events", "gzip, gzip", b"Accept-Encoding: gzip"),
        ("/events", "GZIP", b""),
    ],
)
async def test_other_encodings_are_rejected_with_the_supported_one(
    ingress: Running, path: str, encoding: str, offered: bytes
) -> None:
    """Mutant: any encoding is taken for none."""
    body = gzip.compress(padded(1000))
    status, answer = await posted(ingress, body, ("Content-Encoding", encoding), path=path)

    assert status == (415 if offered else 202)
    assert offered in answer


@pytest.mark.fault_row(36)
async def test_an_endless_body_is_rejected_at_the_limit(ingress: Running) -> None:
    """Mutant: a body without a length has no limit."""
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    answer = await answer_to(
        ingress.address, head("/events", [JSON, ("Transfer-Encoding", "chunked")]), *[chunk] * 100
    )

    assert statuses(answer) == [413]


@pytest.mark.fault_row(36)
async def test_a_body_of_a_gigabyte_is_rejected_before_it_is_sent(ingress: Running) -> None:
    """Mutant: a stated length is not compared."""
    answer = await answer_to(
        ingress.address, head("/events", [JSON, ("Content-Length", str(1 << 30))])
    )

    assert statuses(answer) == [413]


@pytest.mark.fault_row(35)
async def test_a_dripping_body_is_rejected_at_its_deadline(ingress: Running) -> None:
    """Mutant: a body has a hundred times its time."""
    reader, writer = await asyncio.open_connection(ingress.address.host, ingress.address.port)
    writer.write(head("/events", [JSON, ("Content-Length", "1000")]))
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def drip() -> None:
        while not reader.at_eof():
            writer.write(b" ")
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        dripping = group.create_task(drip())
        answer = await reader.readuntil(b"\r\n")
        dripping.cancel()
    writer.close()

    assert statuses(answer) == [408]
    assert loop.time() - began < 5


@pytest.mark.parametrize(
    "chunks", [b"zz\r\n", b"5\r\nabc", b"-1\r\n", b"5\r\n12345x", b"fffffffffffffffff\r\n"]
)
async def test_a_badly_framed_body_is_rejected(ingress: Running, chunks: bytes) -> None:
    answer = await answer_to(
        ingress.address, head("/events", [JSON, ("Transfer-Encoding", "chunked")]), chunks
    )

    assert statuses(answer) in ([400], [408])


async def test_incomplete_bodies_share_a_memory_limit(redis_url: Secret) -> None:
    settings = settings_for(
        redis_url, max_body=ByteSize(1 << 20), max_body_memory=ByteSize(1 << 20)
    )
    unfinished = head("/events", [JSON, ("Content-Length", str(700_000))]) + b"[" + b" " * 600_000
    async with running(settings, ROLES) as process:
        _, first = await asyncio.open_connection(process.address.host, process.address.port)
        first.write(unfinished)

        async def second_is_refused() -> bool:
            answer = await answer_to(process.address, unfinished)
            return statuses(answer) == [503] and b"Retry-After: 1" in answer

        assert await until(second_is_refused)
        first.close()

        async def room_again() -> bool:
            whole = padded(600_000)
            return (await posted(process, whole))[0] == 202

        assert await until(room_again)
