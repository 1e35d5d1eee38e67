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
        (gzip.compress(b"{}")[:-1], 400, b"bad_gzip"),
        (gzip.compress(b"{}") + b"x", 400, b"bad_gzip"),
        (b"no gzip", 400, b"bad_gzip"),
        (b"", 400, b"bad_gzip"),
        (zlib.compress(b"{}"), 400, b"bad_gzip"),
        (gzip.compress(gzip.compress(b"{}")), 400, b"not_json"),
    ],
    ids=range(7),
)
async def test_a_corrupt_or_too_large_compressed_body_is_rejected(
    ingress: Running, body: bytes, status: int, code: bytes
) -> None:
    got, answer = await posted(ingress, body, GZIP)

    assert (got, code in answer) == (status, True)


EVENT_TEXT = msgspec.json.encode(EVENT)
HALVES = gzip.compress(EVENT_TEXT[:20]), gzip.compress(EVENT_TEXT[20:])
EMPTY = gzip.compress(b"")


@pytest.mark.parametrize(
    "body",
    [
        HALVES[0] + HALVES[1],
        b"".join(gzip.compress(EVENT_TEXT[at : at + 1]) for at in range(len(EVENT_TEXT))),
        EMPTY + HALVES[0] + EMPTY + EMPTY + HALVES[1] + EMPTY,
        gzip.compress(EVENT_TEXT) + b"\0" * 512,
        HALVES[0] + b"\0" * 100 + HALVES[1] + b"\0",
    ],
    ids=["two", "a byte each", "empty ones", "padded", "padded between"],
)
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "X-GZip", "identity, gzip", " gzip ,"])
async def test_gzip_may_have_several_members(ingress: Running, body: bytes, encoding: str) -> None:
    """Case I9 (RFC 1952, section 2.2; RFC 9110, section 8.4.1.3)."""
    assert (await posted(ingress, body, ("Content-Encoding", encoding)))[0] == 202


@pytest.mark.parametrize("size", [1, 7, 10, 19])
async def test_members_may_be_cut_anywhere_by_the_network(ingress: Running, size: int) -> None:
    """Case I9: also within the first bytes of a member, and within the padding."""
    body = EMPTY + HALVES[0] + EMPTY + HALVES[1] + b"\0" * 40
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    framed = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    headers = [JSON, CLOSE, GZIP, ("Transfer-Encoding", "chunked")]

    answer = await answer_to(ingress.address, head("/events", headers), *framed, b"0\r\n\r\n")

    assert statuses(answer) == [202]


@pytest.mark.parametrize("encoding", ["", " ", "identity", ",", "Identity , "])
@pytest.mark.parametrize("path", ["/events", "/twilio"])
async def test_an_empty_encoding_is_none(ingress: Running, encoding: str, path: str) -> None:
    """Case I9. Without a signature, a body of ``/twilio`` is not read, and its encoding unseen."""
    status, _ = await posted(ingress, EVENT_TEXT, ("Content-Encoding", encoding), path=path)

    assert status == (202 if path == "/events" else 401)


@pytest.mark.fault_row(37)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (gzip.compress(padded(LIMIT)) + gzip.compress(b" "), 413, b"too_large"),
        (gzip.compress(b" " * LIMIT) * 100, 413, b"too_large"),
        (EMPTY * 3000, 400, b"not_json"),
        (gzip.compress(EVENT_TEXT) + EMPTY[:-1], 400, b"bad_gzip"),
        (gzip.compress(EVENT_TEXT) + b"\0\0x", 400, b"data follows its end"),
        (gzip.compress(EVENT_TEXT) + b"\x1f\x8c", 400, b"it is corrupt"),
        (gzip.compress(EVENT_TEXT) + b"\x1f", 400, b"it is truncated"),
        (b"\0" + gzip.compress(EVENT_TEXT), 400, b"it is corrupt"),
    ],
    ids=range(8),
)
async def test_the_limits_hold_for_all_members_together(
    ingress: Running, body: bytes, status: int, code: bytes
) -> None:
    """Case I9. Mutant: each member has the limit of a body."""
    got, answer = await posted(ingress, body, GZIP)

    assert (got, code in answer) == (status, True), answer


@pytest.mark.fault_row(37)
async def test_empty_members_do_not_arrive_without_end(redis_url: Secret) -> None:
    """Case I9: compressed bytes count, too, and the members have a limit of their own."""
    settings = settings_for(redis_url, max_body=ByteSize(4 << 20))
    async with running(settings, ROLES) as process:
        chunk = EMPTY * 1000
        framed = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        headers = [JSON, GZIP, ("Transfer-Encoding", "chunked")]
        answer = await answer_to(process.address, head("/events", headers), *[framed] * 11)

    assert statuses(answer) == [400]
    assert b"more than 10000 members" in answer


@pytest.mark.fault_row(37)
async def test_of_a_bomb_no_more_than_the_limit_is_unpacked(ingress: Running) -> None:
    """Mutant: a bomb is unpacked before its size is compared; 64 MiB for each request."""
    bomb = gzip.compress(b" " * (LIMIT * 1000))
    tracemalloc.start()
    try:
        status, answer = await posted(ingress, bomb, GZIP)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (status, b"too_large" in answer) == (413, True)
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
