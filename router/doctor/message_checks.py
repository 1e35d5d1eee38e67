"""Test messages to destinations: each that an operator names gets one, and its result is a check."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from router.api.message_testing import MessageOutcome, MessageTested, send_test
from router.api.requests import BadRequestError
from router.clock import Clock
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.quantities import duration
from router.suggestions import suggestion

_AT_ONCE: Final = 64
"""Messages at once: each asks Redis again and again for its result."""

_checks = SectionChecks(DoctorSection.DESTINATIONS)

RecordTest = Callable[[Connection, str, str], Awaitable[None]]
"""Records a test message in the audit trail: the connection, the destination, the outcome."""


class MessageChecks:
    """Sends test messages.

    Args:
        clock: Time and ids.
        user: The user in whose name they are sent.
        record_test: Called for each one that was sent.
        ends: The monotonic time from which no other message is sent.
    """

    def __init__(self, clock: Clock, user: str, record_test: RecordTest, *, ends: float) -> None:
        self._clock = clock
        self._user = user
        self._record_test = record_test
        self._ends = ends
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def send(
        self, connection: Connection | None, names: Sequence[str], known: Sequence[str]
    ) -> list[DoctorCheck]:
        """Send a message to each destination, and return the checks.

        Args:
            connection: To Redis; None if it does not answer.
            names: The destinations.
            known: All destinations of the rules folder.
        """
        if connection is None:
            return [_unsent(name, "Redis does not answer") for name in names]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._send(connection, name)) for name in names if name in known
            ]
        unknown = [_unknown(name, known) for name in names if name not in known]
        return [*(task.result() for task in tasks), *unknown]

    async def _send(self, connection: Connection, name: str) -> DoctorCheck:
        async with self._free:
            if self._clock.monotonic() > self._ends:
                return _out_of_time(name)
            try:
                tested = await send_test(connection, self._clock, name, self._user)
                await self._record_test(connection, name, tested.outcome)
            except (BadRequestError, JournalUnavailableError) as error:
                return _unsent(name, str(error))
        return judge_message(name, tested)


def judge_message(name: str, tested: MessageTested) -> DoctorCheck:
    """Return the check of a test message that was sent (pure)."""
    if tested.outcome is MessageOutcome.DELIVERED:
        return _checks.ok(
            name, f"{name}: a test message was delivered in {duration(tested.seconds)}"
        )
    if tested.outcome is MessageOutcome.WAITING:
        reason = tested.reason or "no worker has attempted it"
        return _checks.problem(
            name, f"{name}: the test message waits: {reason}", "start router worker or router run"
        )
    fix = f"correct the destination; router destinations show {name} has the response"
    return _checks.problem(name, f"{name}: the test message failed: {tested.reason}", fix)


def _unsent(name: str, reason: str) -> DoctorCheck:
    fix = f"resume it if it is paused (router destinations resume {name}), or wait"
    return _checks.problem(name, f"{name}: no test message was sent: {reason}", fix)


def _out_of_time(name: str) -> DoctorCheck:
    fix = f"test it alone: router doctor destinations --destination {name}"
    return _checks.problem(name, f"{name}: no test message was sent: no time was left", fix)


def _unknown(name: str, known: Iterable[str]) -> DoctorCheck:
    return _checks.problem(name, f"there is no destination {name!r}", suggestion(name, known))
