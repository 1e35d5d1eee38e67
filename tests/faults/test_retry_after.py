"""Receivers that ask for less patience than they need, or for none at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.events import event_from
from support.running import post_batch, running, settings_for, worker_of
from support.sinks import HttpSink, Received, Reply
from support.waiting import until

from router.datatypes import Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles

WISHES = ("1", "0", "-5", "0.1", "Thu, 01 Jan 1970 00:00:00 GMT", "")
OUTAGE = 2.1
"""Seconds; longer than a second and the jitter of a second that is added to a Retry-After."""


class OutageSink(HttpSink):
    """Replies 503 with a Retry-After from its first request until the outage is over, then 200."""

    def __init__(self, wish: str) -> None:
        super().__init__()
        self._reply = Reply(503, b"", {"Retry-After": wish} if wish else {})

    def reply_to(self, _request: Received) -> Reply:
        began = self.requests[0].at if self.requests else asyncio.get_running_loop().time()
        is_over = asyncio.get_running_loop().time() - began >= OUTAGE
        return Reply() if is_over else self._reply


@pytest.fixture
async def down() -> AsyncIterator[list[HttpSink]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(OutageSink(wish)) for wish in WISHES]


@pytest.fixture
async def throttling() -> AsyncIterator[list[HttpSink]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                HttpSink(*[Reply(429, b"", {"Retry-After": wish} if wish else {})] * 2)
            )
            for wish in WISHES
        ]


async def test_a_short_wish_neither_shortens_patience_nor_uses_up_attempts(
    redis_url: Secret,
    connection: Connection,
    down: list[HttpSink],
    throttling: list[HttpSink],
    sample: bytes,
    tmp_path: Path,
) -> None:
    """Case D1: 503 for longer than the wishes, with two attempts; 429 twice, with one attempt."""
    patient = "retry: {schedule: [2500ms]}, breaker: {open_for: 10ms, longest: 10ms}"
    strict = "retry: {attempts: 1, first: 10ms}, breaker: {open_for: 10ms, longest: 10ms}"
    urls = {f"down-{number}": (sink.url, patient) for number, sink in enumerate(down)}
    urls |= {f"busy-{number}": (sink.url, strict) for number, sink in enumerate(throttling)}
    lines = [f'  {name}: {{http: {{url: "{url}", {more}}}}}' for name, (url, more) in urls.items()]
    rule = f'rules: [{{name: all, events: ["*"], send_to: [{", ".join(urls)}]}}]'
    (tmp_path / "rules.yaml").write_text("\n".join(["destinations:", *lines, rule, ""]))
    settings = settings_for(redis_url)
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))

    async def settled() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        counts = books.destinations.values()
        return books if len(counts) == len(urls) and not any(c.pending for c in counts) else None

    async with running(settings, roles) as router:
        await post_batch(router, [event_from(sample, id="NO1", status="summary_timeout").body])
        books = await until(settled)

    undelivered = {name: counts for name, counts in books.destinations.items() if counts.dead}
    assert undelivered == {}
