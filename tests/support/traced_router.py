"""A router in this process whose traces are recorded in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from router.runtime.roles import Roles
from router.settings.choices import TracesContinue
from support.recorded_spans import RecordedTraces
from support.rules_folder import RulesFolder
from support.running import Running, running, settings_for, worker_of

SPAN = "1" * 16
"""The id of the span of the sender of all requests."""


@asynccontextmanager
async def traced_router(
    redis_url: object,
    path: Path,
    recorder: RecordedTraces,
    files: dict[str, str],
    **settings: object,
) -> AsyncIterator[Running]:
    """Serve by the rules in ``files``; continue the traces of all senders."""
    folder = RulesFolder(path / "rules")
    folder.write(**files)
    chosen = settings_for(redis_url, **{"traces_continue": TracesContinue.ALL, **settings})
    roles = Roles(
        port=0,
        ingress=True,
        worker=worker_of(folder.path, chosen),
        traces=recorder.traces,
    )
    async with running(chosen, roles) as router:
        yield router


async def post_traced(router: Running, trace_id: str, *bodies: bytes, flags: str = "01") -> None:
    """Send CloudEvents in one request of a trace; they are accepted."""
    headers = {
        "Content-Type": "application/cloudevents-batch+json",
        "traceparent": f"00-{trace_id}-{SPAN}-{flags}",
        "tracestate": "vendor=1",
    }
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{router.url}/events", data=b"[" + b",".join(bodies) + b"]") as response,
    ):
        assert response.status == 202
