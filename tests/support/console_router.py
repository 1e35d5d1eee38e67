"""A router with a few events and alerts in it, for tests of the console's pages."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from router.alerts import Delivery, Preview
from router.console.inbox import Inbox
from router.datatypes import Secret
from router.events.masks import NO_MASKS
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.journal.connection import Connection
from router.runtime.roles import Roles
from support.running import Running, post_batch, running, settings_for, worker_of
from support.waiting import until

OPERATOR = "operator-token-of-the-test"
VIEWER = "viewer-token-of-the-test"
TYPE = "com.example.calls.call-summary.complete"
RULES = """
destinations:
  noc: {capture: {}}
  chat: {slack: {webhook_url: "http://127.0.0.1:1/", pause_after: 0, rate: null, retry: {attempts: 1}}}
rules:
  - name: call-quality
    description: Three issues or more.
    events: [com.example.calls.call-summary.complete]
    when: data.issues >= 3 && data.region in ["us1", "us2"]
    severity: critical
    labels: {team: voice}
    summary: "{{ data.issues }} issues in {{ data.name }}"
    cooldown: {for: 10m, by: [data.name]}
    send_to: [noc, chat]
"""
"""``call-quality`` matches the events 1 and 3 of ``EVENTS``; chat cannot be reached."""
EVENTS: tuple[Mapping[str, Any], ...] = (
    {"issues": 2, "region": "us1", "name": "quiet"},
    {"issues": 4, "region": "us1", "name": "loud <b>room</b>"},
    {"issues": 5, "region": "ie1", "name": "far"},
    {"issues": 3, "region": "us2", "name": "last"},
)


def event(number: int, data: Mapping[str, Any], event_type: str = TYPE) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"EZ{number}",
            "source": "AC1",
            "type": event_type,
            "subject": f"CF{number}",
            "data": data,
        }
    )


@asynccontextmanager
async def watched_router(
    redis_url: Secret,
    connection: Connection,
    folder: Path,
    *,
    rules: str = RULES,
    **changes: object,
) -> AsyncIterator[Running]:
    """Serve a router that has evaluated ``EVENTS``, and the second one of them twice."""
    (folder / "a.yaml").write_text(rules)
    settings = settings_for(
        redis_url, admin_token=Secret(OPERATOR), viewer_token=Secret(VIEWER), **changes
    )
    inbox = Inbox()

    def capture(delivery: Delivery, preview: Preview) -> None:
        inbox.add(delivery, preview, at=delivery.alert.raised_at)

    worker = msgspec.structs.replace(worker_of(folder, settings), inbox=inbox, on_capture=capture)
    roles = Roles(port=0, ingress=True, worker=worker)
    async with running(settings, roles) as router:
        bodies = [event(number, data) for number, data in enumerate(EVENTS)]
        await post_batch(router, [*bodies, bodies[1]])
        await until_recorded(connection, len(EVENTS) + 1)
        yield router


async def until_recorded(connection: Connection, count: int) -> None:
    """Wait until history has so many events."""
    history = EventHistory(connection, NO_MASKS)

    async def has_all() -> bool:
        page = await history.page(EventFilter(), limit=count)
        return len(page.items) >= count

    await until(has_all)


@asynccontextmanager
async def idle_router(redis_url: Secret) -> AsyncIterator[Running]:
    """Serve the console of a process that has no rules and delivers nothing."""
    settings = settings_for(redis_url, admin_token=Secret(OPERATOR), viewer_token=Secret(VIEWER))
    async with running(settings, Roles(port=0, ingress=True)) as router:
        yield router
