"""Tells other processes how destinations are: the state of circuits, and the last error.

Nothing is written at an attempt. What has changed is written by a task that otherwise waits, at most once
in a few seconds, however often it changes.
"""

import asyncio
import contextlib
from typing import Final, NoReturn

from router.alerts import Failed, Refused
from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.destination_health import CircuitRecord, DestinationHealth, LastError
from router.outage_log import OUTAGES
from router.worker.delivery.circuit_breaker import State

_INTERVAL: Final = 2.0
"""Seconds between two writes, at least."""


class HealthReports:
    """Collects what this process sees of its destinations until it is written.

    Args:
        health: Where it is written.
        clock: Time, and the id of the process.
    """

    def __init__(self, health: DestinationHealth, clock: Clock) -> None:
        self._health = health
        self._now = clock.now
        self._process = clock.new_id()
        self._circuits: dict[str, CircuitRecord] = {}
        self._errors: dict[str, LastError] = {}
        self._not_closed: set[str] = set()
        self._changed = asyncio.Event()

    def circuit_changed(self, destination: str, state: State, seconds: float) -> None:
        """Note the state of a circuit, and for how many seconds it is open."""
        until_ms = int((self._now() + seconds) * 1000)
        self._circuits[destination] = CircuitRecord(state.value, until_ms)
        (self._not_closed.discard if state is State.CLOSED else self._not_closed.add)(destination)
        self._changed.set()

    def begin(self, destination: str) -> None:
        """Note that a circuit is closed, because its destination is new or was changed by a reload."""
        if destination in self._not_closed:
            self.circuit_changed(destination, State.CLOSED, 0.0)

    def failed(self, destination: str, outcome: Failed | Refused) -> None:
        """Note an attempt that failed or was refused."""
        self._errors[destination] = LastError(
            at=self._now(),
            reason=outcome.reason,
            status=outcome.status,
            response=outcome.response,
        )
        self._changed.set()

    async def run(self) -> NoReturn:
        """Write what has changed until cancelled; wait while nothing does."""
        while True:
            await self._changed.wait()
            try:
                await self.write()
            except JournalUnavailableError as error:
                OUTAGES.warning("health of destinations not written", extra={"reason": str(error)})
            await asyncio.sleep(_INTERVAL)

    async def write(self) -> None:
        """Write what has changed. Raises JournalUnavailableError: it is written the next time."""
        circuits, errors = self._circuits, self._errors
        self._circuits, self._errors = {}, {}
        self._changed.clear()
        try:
            await self._health.report(self._process, circuits, errors)
        except JournalUnavailableError:
            self._circuits = {**circuits, **self._circuits}
            self._errors = {**errors, **self._errors}
            self._changed.set()
            raise

    async def withdraw(self) -> None:
        """Delete the states of this process's circuits, because it ends; at most one attempt."""
        for destination in list(self._not_closed):
            self.circuit_changed(destination, State.CLOSED, 0.0)
        with contextlib.suppress(JournalUnavailableError):
            await self.write()
