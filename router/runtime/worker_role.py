"""The worker role of a process: opened, run, drained, closed, and switched by a reload."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn

import msgspec

from router.configuration.model import Configuration
from router.configuration.reload import Reloader
from router.errors import JournalUnavailableError
from router.runtime.configuration_switch import ConfigurationSwitch
from router.runtime.roles import Background
from router.worker.delivery.health_reports import HealthReports
from router.worker.delivery.registry import DestinationPool
from router.worker.evaluation.silence_cache import SilenceCache
from router.worker.queue.supervisor import Supervisor

logger = logging.getLogger(__name__)

RunForever = Callable[[], Coroutine[Any, Any, NoReturn]]
"""Returns the coroutine of a task that runs as long as the process."""


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
    reports: HealthReports
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
        await self.reports.withdraw()

    async def close(self) -> None:
        """Close the destinations."""
        await self.pool.close()
