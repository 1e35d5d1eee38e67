"""The destinations to which a process delivers, and their exchange on a reload.

A destination whose spec is unchanged keeps its connections, its queue worker and its state. New and
changed destinations are built and opened first; nothing is swapped until all of them are open. A
removed or replaced destination takes no more work at once, finishes its attempts, and closes.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NoReturn

import msgspec

from router.destinations.contract import Destination
from router.destinations.spec import DestinationSpec
from router.errors import ConfigurationError
from router.worker.delivery.delivery_job import DeliveryJob
from router.worker.queue.queue_spec import QueueSpec
from router.worker.queue.supervisor import SupervisedWorker, Supervisor

logger = logging.getLogger(__name__)

_MAX_RETIRING: Final = 16
"""Destinations that may be retiring before a reload waits: each may have attempts under way."""


class ActiveDestination(msgspec.Struct, frozen=True):
    """A destination and all that delivers to it."""

    spec: DestinationSpec
    destination: Destination
    deliver: DeliveryJob
    job: QueueSpec


class DestinationPool:
    """The active destinations of a process.

    Args:
        supervisor: Runs their queue workers.
        build: Builds a destination that is not yet open.
    """

    def __init__(
        self, supervisor: Supervisor, build: Callable[[DestinationSpec], ActiveDestination]
    ) -> None:
        self._supervisor = supervisor
        self._build = build
        self._active: dict[str, ActiveDestination] = {}
        self._workers: dict[str, SupervisedWorker] = {}
        self._retirements: asyncio.TaskGroup | None = None
        self._retiring = 0
        self._retired = asyncio.Condition()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the active destinations."""
        return tuple(self._active)

    @property
    def told_acknowledgements(self) -> dict[str, bool]:
        """Whether each of the active destinations is told of acknowledgements."""
        return {
            name: active.destination.config.is_told_acknowledgements
            for name, active in self._active.items()
        }

    async def run(self) -> NoReturn:
        """Own the tasks of retiring destinations until cancelled."""
        async with asyncio.TaskGroup() as self._retirements:
            await asyncio.Event().wait()
        raise AssertionError("nothing sets the event above")

    async def prepare(self, specs: Iterable[DestinationSpec]) -> dict[str, ActiveDestination]:
        """Build and open what is new or changed; keep the active destinations as they are.

        Returns:
            The destinations for ``specs`` by name, unchanged ones included.

        Raises:
            ConfigurationError: A destination could not be opened. None of the new ones stays open.
        """
        async with self._retired:
            await self._retired.wait_for(lambda: self._retiring < _MAX_RETIRING)
        prepared: dict[str, ActiveDestination] = {}
        opened: list[ActiveDestination] = []
        try:
            for spec in specs:
                known = self._active.get(spec.name)
                if known is not None and known.spec == spec:
                    prepared[spec.name] = known
                    continue
                prepared[spec.name] = built = self._build(spec)
                opened.append(built)
                await built.destination.open()
        except BaseException as error:
            await _close(opened)
            if isinstance(error, Exception) and not isinstance(error, ConfigurationError):
                # The type only, because a library's message may contain a part of a secret.
                name, kind = opened[-1].spec.name, type(error).__name__
                raise ConfigurationError(f"destination {name} cannot be opened: {kind}") from error
            raise
        return prepared

    def swap(self, prepared: Mapping[str, ActiveDestination]) -> None:
        """Deliver to ``prepared`` from now on.

        Cannot fail and does not yield to the event loop, so that the caller can exchange the rules
        in the same step.
        """
        before = self._active
        self._active = dict(prepared)
        for name, active in before.items():
            if prepared.get(name) is not active:
                self._retire(active, self._workers.pop(name))
        for name, active in prepared.items():
            if before.get(name) is not active:
                self._workers[name] = self._supervisor.add(active.job)

    def drain(self) -> None:
        """Begin no further attempt; those under way finish."""
        for active in self._active.values():
            active.deliver.draining = True

    async def close(self) -> None:
        """Close all active destinations."""
        await _close(self._active.values())
        self._active = {}

    def _retire(self, active: ActiveDestination, worker: SupervisedWorker) -> None:
        active.deliver.draining = True
        if self._retirements is None:
            raise RuntimeError("destinations can be retired only while run() is running")
        self._retiring += 1
        self._retirements.create_task(
            self._finish(active, worker), name=f"retire {active.spec.name}"
        )

    async def _finish(self, active: ActiveDestination, worker: SupervisedWorker) -> None:
        try:
            await self._supervisor.remove(worker, active.job.limit_seconds)
        finally:
            await _close([active])
            self._retiring -= 1
            async with self._retired:
                self._retired.notify_all()


async def _close(destinations: Iterable[ActiveDestination]) -> None:
    for active in destinations:
        try:
            await active.destination.close()
        except Exception:
            logger.exception("destination not closed", extra={"destination": active.spec.name})
