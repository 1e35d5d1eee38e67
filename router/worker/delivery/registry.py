"""The destinations to which a process delivers, and how a reload changes them.

A destination whose description is the same keeps all it has: its connections, its queue worker,
what it remembers. One that is new or changed is made and opened first, and only when all of them
are is anything exchanged. One that is gone, or was exchanged, takes no more work at once, ends
the attempts that are under way, and closes.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NoReturn

import msgspec

from router.destinations.contract import Destination
from router.destinations.spec import (
    DestinationSpec,
)
from router.errors import ConfigurationError
from router.worker.delivery.delivery_job import DeliveryJob
from router.worker.queue.queue_worker import QueueSpec
from router.worker.queue.supervisor import SupervisedWorker, Supervisor

logger = logging.getLogger(__name__)

_LEAVING_LIMIT: Final = 16
"""Places on their way out, beyond which the next reload waits: each may have attempts under way."""


class ActiveDestination(msgspec.Struct, frozen=True):
    """One destination with all that delivers to it."""

    spec: DestinationSpec
    destination: Destination
    deliver: DeliveryJob
    job: QueueSpec


class DestinationPool:
    """The places of a process. ``build`` makes one that is not yet open."""

    def __init__(
        self, supervisor: Supervisor, build: Callable[[DestinationSpec], ActiveDestination]
    ) -> None:
        self._supervisor = supervisor
        self._build = build
        self._places: dict[str, ActiveDestination] = {}
        self._begun: dict[str, SupervisedWorker] = {}
        self._exits: asyncio.TaskGroup | None = None
        self._leaving = 0
        self._left = asyncio.Condition()

    @property
    def names(self) -> tuple[str, ...]:
        """Where this process delivers to now."""
        return tuple(self._places)

    async def run(self) -> NoReturn:
        """Own the places that are on their way out, until cancelled."""
        async with asyncio.TaskGroup() as self._exits:
            await asyncio.Event().wait()
        raise AssertionError("nothing sets the event above")

    async def prepare(self, specs: Iterable[DestinationSpec]) -> dict[str, ActiveDestination]:
        """The places for ``specs``: the unchanged ones, and the others made and open.

        Nothing is exchanged yet. Raises ConfigurationError when one cannot be opened; then nothing
        is left open.
        """
        async with self._left:
            await self._left.wait_for(lambda: self._leaving < _LEAVING_LIMIT)
        places: dict[str, ActiveDestination] = {}
        opened: list[ActiveDestination] = []
        try:
            for spec in specs:
                known = self._places.get(spec.name)
                if known is not None and known.spec == spec:
                    places[spec.name] = known
                    continue
                places[spec.name] = place = self._build(spec)
                opened.append(place)
                await place.destination.open()
        except BaseException as error:
            await _close(opened)
            if isinstance(error, Exception) and not isinstance(error, ConfigurationError):
                # The type only: what a library says may hold a part of a secret.
                name, what = opened[-1].spec.name, type(error).__name__
                raise ConfigurationError(f"destination {name} cannot be opened: {what}") from error
            raise
        return places

    def adopt(self, places: Mapping[str, ActiveDestination]) -> None:
        """DeliveryJob to these from now on. Cannot fail, and nothing else runs meanwhile."""
        before = self._places
        self._places = dict(places)
        for name, place in before.items():
            if places.get(name) is not place:
                self._dismiss(place, self._begun.pop(name))
        for name, place in places.items():
            if before.get(name) is not place:
                self._begun[name] = self._supervisor.add(place.job)

    def drain(self) -> None:
        """Let the attempts under way be the last."""
        for place in self._places.values():
            place.deliver.draining = True

    async def close(self) -> None:
        """Close all that is open."""
        await _close(self._places.values())
        self._places = {}

    def _dismiss(self, place: ActiveDestination, begun: SupervisedWorker) -> None:
        place.deliver.draining = True
        if self._exits is None:
            raise RuntimeError("places can leave only while the roster runs")
        self._leaving += 1
        self._exits.create_task(self._end(place, begun), name=f"end {place.spec.name}")

    async def _end(self, place: ActiveDestination, begun: SupervisedWorker) -> None:
        try:
            await self._supervisor.remove(begun, place.job.limit_seconds)
        finally:
            await _close([place])
            self._leaving -= 1
            async with self._left:
                self._left.notify_all()


async def _close(places: Iterable[ActiveDestination]) -> None:
    for place in places:
        try:
            await place.destination.close()
        except Exception:
            logger.exception("destination did not close", extra={"destination": place.spec.name})
