"""Pauses, resumes and retries of a destination, as operators ask for them by API or console."""

from typing import Final

from router.api.access import Caller, audit_entry
from router.api.requests import BadRequestError
from router.clock import Clock
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses
from router.journal.retry_now import retry_now

REASON_LENGTH: Final = 500
"""Characters of the reason of a pause."""
BY_LENGTH: Final = 80
"""Characters of the name of who paused."""


class DestinationActions:
    """Changes destinations, and adds each change to the audit trail.

    All methods raise JournalUnavailableError, and BadRequestError if it cannot be done now.

    Args:
        connection: The journal.
        clock: The time.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._pauses = Pauses(connection)
        self._audit = Audit(connection, clock)

    async def pause(self, name: str, caller: Caller, *, reason: str = "", by: str = "") -> None:
        """Pause a destination.

        Args:
            name: Its name.
            caller: Who does it.
            reason: Shown while the pause lasts; cut if it is long.
            by: Whom the request names; ``""`` for the caller.
        """
        by = (by or caller.name)[:BY_LENGTH]
        reason = reason[:REASON_LENGTH]
        pause = Pause(kind=PauseKind.PAUSED, at=self._clock.now(), reason=reason, by=by)
        if not await self._pauses.pause(name, pause):
            message = "the destination is already paused or disabled"
            raise BadRequestError(message, status=409, code="already_paused")
        entry = audit_entry(
            caller,
            AuditAction.PAUSED,
            Audited.DESTINATION,
            name,
            named=by,
            details={"reason": reason},
        )
        await self._audit.record(entry)

    async def resume(self, name: str, caller: Caller) -> None:
        """Resume a paused or disabled destination."""
        if not await self._pauses.resume(name):
            message = "the destination is neither paused nor disabled"
            raise BadRequestError(message, status=409, code="not_paused")
        entry = audit_entry(caller, AuditAction.RESUMED, Audited.DESTINATION, name)
        await self._audit.record(entry)

    async def retry_now(self, name: str, caller: Caller) -> int:
        """Make what waits for its next attempt due now; return how many deliveries."""
        pause = (await self._pauses.all()).get(name)
        if pause is not None and pause.kind is not PauseKind.REFUSED:
            message = "the destination is paused: resume it"
            raise BadRequestError(message, status=409, code="paused")
        retried = await retry_now(self._connection, self._clock, name)
        entry = audit_entry(
            caller,
            AuditAction.RETRIED,
            Audited.DESTINATION,
            name,
            details={"retried": retried},
        )
        await self._audit.record(entry)
        return retried
