"""A router whose rules folder has sources."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from router.clock import system_clock
from router.configuration.load import ConfigurationSource, FolderPart
from router.events.model import Event
from router.journal import keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.keys import BatchId
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.runtime.roles import Roles, SourcesConfig
from support.running import Running, running, settings_for


def sources_of(folder: Path, environ: Mapping[str, str]) -> SourcesConfig:
    """Return the sources of a folder, as ``router ingress`` reads them."""
    source = ConfigurationSource(folder=folder, environ=environ, part=FolderPart.SOURCES)
    return SourcesConfig(source=source, configuration=source.load())


def write_rules(folder: Path, yaml: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "rules.yaml").write_text(yaml)


@asynccontextmanager
async def ingress_with(
    redis_url: object,
    folder: Path,
    yaml: str,
    environ: Mapping[str, str] = {},
    **settings: object,
) -> AsyncIterator[Running]:
    """Serve ``router ingress`` with a rules folder of one file."""
    await asyncio.to_thread(write_rules, folder, yaml)
    roles = Roles(port=0, ingress=True, sources=sources_of(folder, environ))
    async with running(settings_for(redis_url, **settings), roles) as process:
        yield process


async def accepted_events(connection: Connection) -> list[Event]:
    """Return the events of all open batches, in the order in which they were accepted."""
    batches = Batches(connection, system_clock())
    events: list[Event] = []
    for batch_id in await connection.redis.zrange(keys.BATCHES, 0, -1):
        begun = await batches.begin(BatchId(batch_id.decode()), claim_seconds=60)
        events += [] if begun is None else begun.events
    return sorted(events, key=lambda event: event.received_at)


async def quarantined(connection: Connection) -> list[tuple[str, str, bytes]]:
    """Return reason, path and content of each quarantined item."""
    found = await Quarantine(connection, system_clock()).find(QuarantineFilter())(None, 100)
    return sorted((each.record.reason, each.record.path, each.record.body) for each in found.items)
