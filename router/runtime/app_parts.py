"""The parts of one process, built from its settings and roles. Nothing of them runs yet."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from router.api.access import Access
from router.api.playground import Playground
from router.api.playground_pool import PlaygroundPool
from router.api.source_reading import SourceReader
from router.clock import Clock
from router.ingress.admission import AdmissionControl
from router.ingress.source_record import SourceRecord
from router.journal.access_rights import INGRESS_RIGHTS, WORKER_RIGHTS
from router.journal.connection import Connection, connect, locator_of, pair
from router.journal.primary_watch import PrimaryWatch
from router.journal.quarantine import Quarantine
from router.journal.redis_clock import RedisClock
from router.journal.source_log import SourceLog
from router.journal.store_check import StoreProbe
from router.journal.store_watch import StoreWatch
from router.metrics import Metrics
from router.runtime import build_api, build_ingress
from router.runtime.build_console import Console, build_console
from router.runtime.build_worker import build_worker
from router.runtime.roles import Roles
from router.runtime.used_folder import UsedFolder, sources_folder
from router.runtime.worker_role import WorkerRole
from router.settings.choices import Durability
from router.settings.model import Settings
from router.sources.spec import SourceSpec
from router.worker.series import SeriesRecorder

_INGRESS_CONNECTIONS: Final = 8
_WORKER_CONNECTIONS: Final = 64
_WORKER_DEADLINE: Final = 5.0


class RedisConnections(msgspec.Struct, frozen=True, kw_only=True):
    """The connections of a process to Redis.

    They are two pools, because a sender waits for ingress, whose deadline is therefore short. Workers
    can wait.
    """

    ingress: Connection
    worker: Connection
    primary_watch: PrimaryWatch | None
    """Watches for a new primary; None for a URL without sentinels."""

    async def close(self) -> None:
        """Close both pools."""
        await self.ingress.close()
        await self.worker.close()


class AppParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one process."""

    settings: Settings
    roles: Roles
    metrics: Metrics
    clock: Clock
    """Redis's time, so that no decision compares the clocks of two machines."""
    redis: RedisConnections
    redis_clock: RedisClock
    """Measures Redis's time, for ``clock``."""
    access: Access
    admission: AdmissionControl
    worker: WorkerRole | None
    """None in a process that evaluates and delivers nothing."""
    folder: UsedFolder | None
    """The rules folder; None in a process that uses none."""
    active_sources: Callable[[], Sequence[SourceSpec]]
    """Returns the sources of the rules folder; none in a process that uses none."""
    sources: SourceReader
    source_record: SourceRecord
    series: SeriesRecorder
    playground: PlaygroundPool
    quarantine: Quarantine
    console: Console


def build_parts(settings: Settings, roles: Roles, metrics: Metrics, clock: Clock) -> AppParts:
    """Return the parts of a process.

    Args:
        settings: The settings.
        roles: What the process does, and where it listens.
        metrics: The metrics that it shows.
        clock: Time and chance of this machine.
    """
    redis = _connect(settings, clock)
    redis_clock = RedisClock(redis.worker, clock, metrics)
    clock = msgspec.structs.replace(clock, now=redis_clock.now)
    access = Access(settings)
    admission = _admission(settings, roles, redis.ingress, metrics, clock)
    worker = None
    if roles.worker is not None:
        tracer = None if roles.traces is None else roles.traces.tracer
        worker = build_worker(settings, roles.worker, redis.worker, metrics, clock, tracer=tracer)
    folder = _used_folder(roles, worker, metrics, clock)

    def active_sources() -> Sequence[SourceSpec]:
        return () if folder is None else folder.configuration().sources

    sources = SourceReader(redis.worker, clock, settings, active_sources, receives=roles.ingress)
    playground = PlaygroundPool(None if roles.worker is None else roles.worker.source.folder)
    quarantine = build_api.build_quarantine(settings, redis.worker, clock, active_sources)
    console = build_console(
        settings,
        redis.worker,
        clock,
        access,
        refusal=admission.not_ready_reason,
        reloader=None if worker is None else worker.reloader,
        configuration=None if worker is None else worker.switch.configuration,
        playground=Playground(playground, clock),
        worker=roles.worker,
        sources=sources,
        quarantine=quarantine,
    )
    return AppParts(
        settings=settings,
        roles=roles,
        metrics=metrics,
        clock=clock,
        redis=redis,
        redis_clock=redis_clock,
        access=access,
        admission=admission,
        worker=worker,
        folder=folder,
        active_sources=active_sources,
        sources=sources,
        source_record=SourceRecord(SourceLog(redis.worker, clock), clock),
        series=SeriesRecorder(redis.worker, metrics, clock),
        playground=playground,
        quarantine=quarantine,
        console=console,
    )


def _connect(settings: Settings, clock: Clock) -> RedisConnections:
    locator = locator_of(settings.redis_url)
    ingress = connect(
        settings.redis_url,
        deadline=settings.commit_timeout,
        max_connections=_INGRESS_CONNECTIONS,
        locator=locator,
    )
    worker = connect(
        settings.redis_url,
        deadline=_WORKER_DEADLINE,
        max_connections=_WORKER_CONNECTIONS,
        locator=locator,
    )
    pair(ingress, worker)
    watch = None if locator is None else PrimaryWatch(locator, ingress, clock.chance)
    return RedisConnections(ingress=ingress, worker=worker, primary_watch=watch)


def _admission(
    settings: Settings, roles: Roles, connection: Connection, metrics: Metrics, clock: Clock
) -> AdmissionControl:
    rights = INGRESS_RIGHTS if roles.worker is None else WORKER_RIGHTS
    return AdmissionControl(
        connection,
        StoreProbe(connection, clock.new_id, rights, build_ingress.confirmation(settings)),
        StoreWatch(metrics),
        strict=settings.durability is Durability.STRICT,
    )


def _used_folder(
    roles: Roles, worker: WorkerRole | None, metrics: Metrics, clock: Clock
) -> UsedFolder | None:
    if worker is not None:
        return UsedFolder(worker.reloader, worker.switch.configuration, is_watched=True)
    if roles.sources is None:
        return None
    return sources_folder(roles.sources, metrics, clock)
