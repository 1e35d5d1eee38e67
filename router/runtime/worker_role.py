"""The worker role of a process: opened, run, drained, closed, and switched by a reload."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn

import msgspec

from router.configuration.model import ActiveConfiguration, Configuration
from router.configuration.reload import Reloader
from router.errors import JournalUnavailableError
from router.metrics import Metrics
from router.runtime.roles import Background
from router.worker.delivery.orphans import OrphanReaper
from router.worker.delivery.registry import DestinationPool
from router.worker.evaluation.silence_cache import SilenceCache
from router.worker.queue.supervisor import Supervisor

logger = logging.getLogger(__name__)

RunForever = Callable[[], Coroutine[Any, Any, NoReturn]]
"""Returns the coroutine of a task that runs as long as the process."""


class ConfigurationSwitch:
    """Makes a configuration the active one.

    Args:
        active: The active configuration of the process.
        pool: The destinations of the process.
        orphans: Is notified of a change of the destinations.
        metrics: The process's metrics.
        only: Deliver to these destinations; None for all.
    """

    def __init__(
        self,
        active: ActiveConfiguration,
        pool: DestinationPool,
        orphans: OrphanReaper,
        metrics: Metrics,
        *,
        only: frozenset[str] | None,
    ) -> None:
        self._active = active
        self._pool = pool
        self._orphans = orphans
        self._metrics = metrics
        self._only = only

    async def apply(self, configuration: Configuration) -> None:
        """Open the new destinations and switch rules and destinations together.

        Raises:
            ConfigurationError: A destination could not be opened; nothing has changed.
        """
        destinations = await self._pool.prepare(
            spec
            for spec in configuration.destinations
            if self._only is None or spec.name in self._only
        )
        for name in set(self._pool.names) - set(destinations):
            self._metrics.circuit_state.remove(name)
        # No await between these two, so that no event meets the rules of one configuration and the
        # destinations of another.
        self._pool.swap(destinations)
        self._active.configuration = configuration
        self._orphans.changed()

    def destination_names(self) -> frozenset[str]:
        """Return the destinations of the rules, also those that this process does not deliver to."""
        return destination_names(self._active)


class WorkerRole(msgspec.Struct, frozen=True, kw_only=True):
    """Evaluates events and delivers alerts. ``open`` it, run ``background``, then ``close`` it."""

    configuration: Configuration
    """The configuration to begin with."""
    switch: ConfigurationSwitch
    silences: SilenceCache
    supervisor: Supervisor
    pool: DestinationPool
    reloader: Reloader
    tasks: Sequence[tuple[str, RunForever]]
    """Tasks beside those of the parts above, with their names."""
    drain_seconds: float
    """How long running jobs may take to end at a shutdown."""

    def background(self) -> list[Background]:
        """Return the tasks to run until the process ends."""
        tasks: list[tuple[str, RunForever]] = [
            ("supervisor", self.supervisor.run),
            ("destinations", self.pool.run),
            ("silences", self.silences.run),
            ("watch", self.reloader.watch),
            ("reload", self.reloader.run_on_signal),
            *self.tasks,
        ]
        return [(name, run()) for name, run in tasks]

    async def open(self) -> None:
        """Read the silences and open the destinations.

        Raises:
            ConfigurationError: A destination could not be opened.
        """
        try:
            await self.silences.refresh()  # before the first alert, which one may suppress
        except JournalUnavailableError as error:
            logger.warning("silences not read; retried later", extra={"reason": str(error)})
        await self.switch.apply(self.configuration)

    def stop_attempts(self) -> None:
        """Begin no more attempts; those in progress end."""
        self.pool.drain()

    async def drain(self) -> None:
        """Pick no more jobs; return when the running ones have ended, or after ``drain_seconds``."""
        await self.supervisor.drain(self.drain_seconds)

    async def close(self) -> None:
        """Close the destinations."""
        await self.pool.close()


def destination_names(active: ActiveConfiguration) -> frozenset[str]:
    """Return the names of all destinations of the active configuration."""
    return frozenset(spec.name for spec in active.configuration.destinations)
