"""What a user would write by hand: FastAPI, pydantic, an arq job for each event, httpx.

``plain`` is the first version that works, with every default. ``tuned`` turns every knob that the
documentation of these packages names: uvloop and httptools, pydantic's JSON parser on the bytes,
no access log; one shared httpx client with enough kept connections; arq with msgpack jobs, no kept
results, a poll each 10 ms, many jobs at once and a high read limit. Both look for the same thing and
post the same message.

``python -m uvicorn bench.peers.naive:plain`` (or ``tuned``), ``python -m arq bench.peers.naive.Plain``
(or ``Tuned``); where Redis and the receiver are comes in NAIVE_REDIS and NAIVE_SINK.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx
import msgspec
from arq import create_pool, func
from arq.connections import RedisSettings
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, TypeAdapter

SINK = os.environ.get("NAIVE_SINK", "")
REDIS = RedisSettings(unix_socket_path=os.environ.get("NAIVE_REDIS", ""))


class ConferenceSummary(BaseModel):
    """The part of the data that the rule reads; the rest travels along."""

    model_config = ConfigDict(extra="allow")
    conference_sid: str
    account_sid: str
    friendly_name: str
    status: str
    duration_seconds: int
    tags: list[str] = []
    detected_issues: dict[str, int] = {}


class CloudEvent(BaseModel):
    model_config = ConfigDict(extra="allow")
    specversion: str
    type: str
    source: str
    id: str
    data: ConferenceSummary


_events = TypeAdapter(list[CloudEvent])


def _message(event: dict[str, Any]) -> dict[str, Any] | None:
    """The message for an event that the rule holds for."""
    data = event["data"]
    if not event["type"].startswith("com.twilio.voice.insights.conference-summary."):
        return None
    if data["status"] != "summary_timeout":
        return None
    summary = f"Conference {data['friendly_name'] or data['conference_sid']} timed out"
    return {"alert": {"rule": "rule-0", "severity": "warning", "summary": summary}, "event": event}


def _application(**pool: Any) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await create_pool(REDIS, **pool)
        yield
        await app.state.pool.aclose()

    return FastAPI(lifespan=lifespan)


plain = _application()
tuned = _application(job_serializer=msgspec.msgpack.encode, job_deserializer=msgspec.msgpack.decode)


@plain.post("/twilio", status_code=202)
async def take(events: list[CloudEvent]) -> dict[str, int]:
    """One job for each event, as arq's documentation shows it."""
    for event in events:
        await plain.state.pool.enqueue_job("evaluate", event.model_dump())
    return {"accepted": len(events)}


@tuned.post("/twilio", status_code=202)
async def take_fast(request: Request) -> dict[str, int]:
    events = _events.validate_json(await request.body())
    for event in events:
        await tuned.state.pool.enqueue_job("evaluate", event.model_dump())
    return {"accepted": len(events)}


async def evaluate(ctx: dict[str, Any], event: dict[str, Any]) -> None:
    message = _message(event)
    if message is not None:
        await ctx["redis"].enqueue_job("deliver", message)


async def deliver(_ctx: dict[str, Any], message: dict[str, Any]) -> None:
    async with httpx.AsyncClient() as client:
        (await client.post(SINK, json=message)).raise_for_status()


async def deliver_fast(ctx: dict[str, Any], message: dict[str, Any]) -> None:
    answer = await ctx["client"].post(
        SINK, content=msgspec.json.encode(message), headers={"Content-Type": "application/json"}
    )
    answer.raise_for_status()


async def _open_client(ctx: dict[str, Any]) -> None:
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    ctx["client"] = httpx.AsyncClient(limits=limits, timeout=10)


async def _close_client(ctx: dict[str, Any]) -> None:
    await ctx["client"].aclose()


class Plain:
    """arq's settings, as they are."""

    functions: ClassVar = [evaluate, deliver]
    redis_settings = REDIS


class Tuned:
    """arq's settings, all that helps."""

    functions: ClassVar = [evaluate, func(deliver_fast, name="deliver")]
    redis_settings = REDIS
    on_startup = _open_client
    on_shutdown = _close_client
    job_serializer = msgspec.msgpack.encode
    job_deserializer = msgspec.msgpack.decode
    max_jobs = 100
    queue_read_limit = 1000
    poll_delay = 0.01
    keep_result = 0
    max_tries = 5
    log_results = False
