"""What this process knows of held destinations: asked of Redis twice a second.

Not subscribed to: a poll has no message to miss, and one small read costs nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.pauses import Pause, PauseKind, Pauses

logger = logging.getLogger(__name__)

_LOOK_EVERY: Final = 0.5


class PausedDestinations:
    """``on_release`` is called when some destination may go on."""

    def __init__(self, holds: Pauses, clock: Clock, on_release: Callable[[], None]) -> None:
        self._holds = holds
        self._now = clock.now
        self._on_release = on_release
        self._held: dict[str, Pause] | None = None

    def is_held(self, destination: str) -> bool:
        """Before the first look everything is: nobody is told anything by mistake."""
        return self._held is None or destination in self._held

    async def watch(self) -> NoReturn:
        while True:
            try:
                self.learn(await self._holds.all())
            except JournalUnavailableError as error:
                logger.warning("held destinations unknown", extra={"reason": str(error)})
            await asyncio.sleep(_LOOK_EVERY)

    def learn(self, held: dict[str, Pause]) -> None:
        """Take in who is held as of now."""
        before, self._held = self._held, held
        for name in held.keys() - (before or {}).keys():
            logger.warning(
                "destination is held, its deliveries wait",
                extra={"destination": name, "kind": held[name].kind, "reason": held[name].reason},
            )
        released = (before or {}).keys() - held.keys()
        for name in released:
            logger.info("destination goes on", extra={"destination": name})
        if released or before is None:
            self._on_release()

    async def disable(self, destination: str, reason: str) -> None:
        """The receiver is gone for good. Raises JournalUnavailableError."""
        hold = Pause(kind=PauseKind.DISABLED, at=self._now(), reason=reason)
        await self._holds.hold(destination, hold)
        self.learn({**(self._held or {}), destination: hold})
