"""The hand-written service as processes."""

import sys

from bench.processes import UNDER_TEST, Process, free_port, python
from bench.sink import Sink
from bench.stage import Redis

VARIANTS = ("plain", "tuned")


def available() -> str:
    """Why it cannot be run, ``""`` if it can."""
    try:
        import fastapi
        import httpx
        import uvicorn
    except ImportError as error:
        return f"{error.name} is not installed (make .venv/bench)"
    return "" if all((fastapi, httpx, uvicorn)) else "unreachable"


def _environ(redis: Redis, sink: Sink) -> dict[str, str]:
    return {"NAIVE_REDIS": redis.socket, "NAIVE_SINK": sink.url()}


def server(
    variant: str, redis: Redis, sink: Sink, *, cores: frozenset[int] = UNDER_TEST
) -> Process:
    port = free_port()
    more = ["--no-access-log", "--loop", "uvloop", "--http", "httptools"]
    return Process(
        [
            *python("uvicorn", f"bench.peers.naive:{variant}", "--port", str(port)),
            *("--log-level", "warning"),
            *(more if variant == "tuned" else []),
        ],
        cores=cores,
        port=port,
        environ=_environ(redis, sink),
    )


def worker(
    variant: str, redis: Redis, sink: Sink, *, cores: frozenset[int] = UNDER_TEST
) -> Process:
    # arq's command has no uvloop switch; its documentation sets the policy, as sitecustomize would.
    start = (
        "import asyncio, sys, uvloop, arq.cli;"
        "sys.argv=['arq', sys.argv[1]];"
        "asyncio.set_event_loop_policy(uvloop.EventLoopPolicy());"
        "arq.cli.cli()"
    )
    command = (
        [sys.executable, "-c", start, "bench.peers.naive.Tuned"]
        if variant == "tuned"
        else python("arq", "bench.peers.naive.Plain")
    )
    return Process(command, cores=cores, environ=_environ(redis, sink))
