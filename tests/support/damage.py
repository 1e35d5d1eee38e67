"""Damages keys of the router in Redis: junk, truncated records, other types, newer versions."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from router.alerts import AlertKey
from router.journal import keys
from router.journal.claims import ClaimBucket, ClaimState
from router.journal.connection import Connection
from router.journal.stored_alerts import encode_delivery
from support import records
from support.lanes import message

RECORDS = max((Path(__file__).parents[1] / "data" / "records").glob("*.json"))
KINDS = (
    "arq:job:",
    "arq:in-progress:",
    "arq:retry:",
    "router:ack:",
    "router:alert-counts",
    "router:alerts:",
    "router:answers:",
    "router:batch:",
    "router:batches",
    "router:claims",
    "router:claims:",
    "router:clock",
    "router:clock-moves",
    "router:dead:",
    "router:dead-index:",
    "router:digests:",
    "router:ended-alerts:",
    "router:epoch",
    "router:filling:",
    "router:holds",
    "router:identities:",
    "router:keyed-alerts",
    "router:keys:",
    "router:lane-ages",
    "router:lane-queue:",
    "router:lane-waiting:",
    "router:lane:",
    "router:lanes:",
    "router:latest-number",
    "router:ledger",
    "router:looks",
    "router:memory:",
    "router:parts:",
    "router:probe",
    "router:quarantine",
    "router:quarantine-index",
    "router:queue:",
    "router:rate:",
    "router:schema",
    "router:seen:",
    "router:set:",
    "router:sets:",
    "router:silence-ends",
    "router:silences",
    "router:state:",
    "router:strikes:",
    "router:sweep",
    "router:taken:",
    "router:timer:",
    "router:timers",
    "router:twilio-tests",
    "router:unreadable",
    "router:unserved",
    "router:unserved-rules",
)
"""The keys of the schema; one that ends in a colon stands for all keys that begin so."""
NOT_UTF_8 = b"\xff\xfe junk"
JUNK = b"\xc1\x00 junk"
_FAR_MS = 4_102_444_800_000
_CLAIMS = ClaimState(
    next_bucket=2,
    older_until_ms=_FAR_MS,
    buckets=[ClaimBucket(1, 1_700_000_000_000, _FAR_MS, 2 * _FAR_MS, bits=0, claims=0)],
)
"""A bucket with one shard, in which every event is, at a time when older claims are read too."""
_MISSING: dict[str, tuple[str, Any]] = {
    "arq:in-progress:id0007": ("string", "10000ms:w:1"),
    "arq:retry:id0012": ("string", "1"),
    "router:claims": (
        "hash",
        {
            "state": "base64:" + base64.b64encode(msgspec.msgpack.encode(_CLAIMS)).decode(),
            "count": "1",
        },
    ),
    "router:claims:1:0": ("set", ["1"]),
    "router:clock": ("string", "1700000000000"),
    "router:clock-moves": ("hash", {"router:queue:timers:set-back:1": "1"}),
    "router:ended-alerts:grouped": ("zset", {"al_1": 1_700_000_000_000}),
    "router:epoch": ("string", "1700000000 abc"),
    "router:identities:id0023": ("string", "0" * 64),
    "router:lane-ages": ("zset", {"ak_1": 1_700_000_000_000}),
    "router:lane-queue:ak_1:noc": ("zset", {"msg_1": 1_700_000_000_000_000}),
    "router:lane-waiting:noc": (
        "hash",
        {
            "msg_1": "base64:"
            + base64.b64encode(
                encode_delivery(message(1, key=AlertKey("ak_1"), destination="noc"))
            ).decode()
        },
    ),
    "router:lanes:noc": ("zset", {"ak_1": 1_700_000_000_000}),
    "router:parts:id0023": ("string", "0"),
    "router:probe": ("string", "1700000000"),
    "router:rate:noc": ("string", "1"),
    "router:schema": ("string", "100"),
    keys.seen(keys.event_digest("s\0open-1")): ("string", "id0023"),
    "router:sweep": ("string", "0"),
    "router:unreadable": ("hash", {"state": "1"}),
    "router:unserved": ("hash", {"gone": "mark"}),
    "router:unserved-rules": ("hash", {"gone/absent": "mark"}),
}
"""Keys that the file of records does not have."""


async def load(connection: Connection) -> None:
    """Load a record of every kind."""
    dumped = json.loads(RECORDS.read_text())["redis"]
    for name, (kind, value) in _MISSING.items():
        dumped[name] = {"type": kind, "value": value, "expires": False}
    # A lease expires; the others of the file must not, because none of them is of today.
    await records.load(connection, dumped)
    await connection.redis.pexpire("arq:in-progress:id0007", 1000)


async def keys_of(connection: Connection, kind: str) -> list[bytes]:
    pattern = f"{kind}*" if kind.endswith(":") else kind
    found: list[bytes] = await connection.redis.keys(pattern)
    return sorted(found)


async def junk(connection: Connection, key: bytes) -> None:
    await _change(connection, key, lambda _: JUNK, add=True)


async def truncate(connection: Connection, key: bytes) -> None:
    await _change(connection, key, lambda value: value[: len(value) // 2])


async def make_newer(connection: Connection, key: bytes) -> None:
    await _change(connection, key, _newer)


async def change_type(connection: Connection, key: bytes) -> None:
    redis = connection.redis
    kind = await redis.type(key)
    await redis.delete(key)
    if kind == b"string":
        await redis.rpush(key, JUNK)
    else:
        await redis.set(key, JUNK)


DAMAGES: dict[str, Callable[[Connection, bytes], Any]] = {
    "junk": junk,
    "truncated": truncate,
    "another type": change_type,
    "newer": make_newer,
}


def _newer(value: bytes) -> bytes:
    try:
        decoded = msgspec.msgpack.decode(value)
    except (msgspec.MsgspecError, ValueError):
        return _newer_json(value)
    match decoded:
        case {"version": _}:
            return msgspec.msgpack.encode({**decoded, "version": 300, "new": 1})
        case [str(kind), *rest] if kind in {"absence", "flush", "escalation"}:
            return msgspec.msgpack.encode([f"{kind}.3", *rest])
        case [[_, _, _, _, _, _, _, int(), *_], *_]:
            return msgspec.msgpack.encode([[*each[:7], 300] for each in decoded])
        case [_, _, _, _, _, _, _, int(), *_]:
            return msgspec.msgpack.encode([*decoded[:7], 300])
    return value


def _newer_json(value: bytes) -> bytes:
    try:
        decoded = msgspec.json.decode(value)
    except (msgspec.MsgspecError, ValueError):
        return value
    if isinstance(decoded, dict) and "version" in decoded:
        return msgspec.json.encode({**decoded, "version": 300})
    return value


async def _change(
    connection: Connection, key: bytes, change: Callable[[bytes], bytes], *, add: bool = False
) -> None:
    kind = (await connection.redis.type(key)).decode()
    await {"string": _string, "hash": _hash, "list": _list, "zset": _zset, "set": _set}[kind](
        connection.redis, key, change, add
    )


async def _string(redis: Any, key: bytes, change: Callable[[bytes], bytes], _add: bool) -> None:  # noqa: FBT001 - called by a table
    ttl = await redis.pttl(key)
    await redis.set(key, change(await redis.get(key)), px=ttl if ttl > 0 else None)


async def _hash(redis: Any, key: bytes, change: Callable[[bytes], bytes], add: bool) -> None:  # noqa: FBT001 - called by a table
    for field, value in (await redis.hgetall(key)).items():
        await redis.hset(key, field, change(value))
    if add:
        await redis.hset(key, NOT_UTF_8, JUNK)


async def _list(redis: Any, key: bytes, change: Callable[[bytes], bytes], _add: bool) -> None:  # noqa: FBT001 - called by a table
    for at, value in enumerate(await redis.lrange(key, 0, -1)):
        await redis.lset(key, at, change(value))


async def _zset(redis: Any, key: bytes, _change: Callable[[bytes], bytes], add: bool) -> None:  # noqa: FBT001 - called by a table
    if add:
        await redis.zadd(key, {NOT_UTF_8: 1, b"unknown": 2})


async def _set(redis: Any, key: bytes, _change: Callable[[bytes], bytes], add: bool) -> None:  # noqa: FBT001 - called by a table
    if add:
        await redis.sadd(key, NOT_UTF_8)
