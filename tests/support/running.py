"""The real application in this process, on a free port."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from router.clock import Clock, system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Duration, Secret
from router.destinations.contract import Environment
from router.http.server import Address
from router.metrics import Metrics
from router.runtime.app import App
from router.runtime.roles import Roles, WorkerConfig
from router.settings.choices import EventsOpen
from router.settings.model import Settings
from router.settings.tokens import Tokens

_KEEPALIVE_GRACE = 0.1
"""Seconds; a test that ends has no request on its way."""


class Running:
    """A process that serves. ``metrics`` are its own, no other test's."""

    def __init__(
        self, address: Address, metrics: Metrics, pages: Sequence[web.RouteDef] = ()
    ) -> None:
        self.address = address
        self.pages = pages
        """The routes of the console."""
        self.url = str(address)
        self.metrics = metrics

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def readiness(self) -> dict[str, Any]:
        """Return what ``/readyz`` shows."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/readyz") as response,
        ):
            shown: dict[str, Any] = await response.json()
            return shown


@asynccontextmanager
async def running(
    settings: Settings,
    roles: Roles,
    *,
    clock: Clock | None = None,
    keepalive_grace: float = _KEEPALIVE_GRACE,
) -> AsyncIterator[Running]:
    """Serve until the block ends, then drain. An error of the application leaves the block."""
    loop = asyncio.get_running_loop()
    metrics = Metrics()
    app = App(settings, roles, metrics, clock or system_clock(), keepalive_grace=keepalive_grace)
    stop = asyncio.Event()
    ready: asyncio.Future[Address] = loop.create_future()
    serving = loop.create_task(app.serve(stop, ready.set_result))
    await asyncio.wait([serving, ready], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    if serving.done():
        await serving
    yield Running(ready.result(), metrics, app._parts.console.routes)
    stop.set()
    async with asyncio.timeout(60):
        await serving


def settings_for(redis_url: object, **changes: object) -> Settings:
    """Settings for a test: any free port, short times, events without a token.

    A commit may take as long as the settings permit, because Redis shares the processor with other
    tests. ``admin_token``, ``viewer_token`` and ``events_token`` may be one Secret.
    """
    for name in ("admin_token", "viewer_token"):
        if isinstance(token := changes.get(name), Secret):
            changes[name] = Tokens.of(token)
    if "events_token" not in changes:
        changes = {"events_open": EventsOpen.ALL, **changes}
    elif not isinstance(token := changes["events_token"], tuple):
        changes["events_token"] = () if token is None else (token,)
    changes = {"commit_timeout": Duration(4), **changes}
    return msgspec.structs.replace(Settings(), redis_url=redis_url, **changes)


def worker_of(
    folder: Path, settings: Settings, *, source: ConfigurationSource | None = None
) -> WorkerConfig:
    """Return the worker role by the rules of a folder, without variables unless ``source`` has some."""
    source = source or ConfigurationSource(folder=folder, environ={})
    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=lambda: None
    )
    return WorkerConfig(source=source, configuration=source.load(), environment=environment)


async def post_batch(router: Running, events: list[bytes]) -> None:
    """Send CloudEvents in one request; they are accepted."""
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{router.url}/events", data=b"[" + b",".join(events) + b"]") as response,
    ):
        assert response.status == 202
