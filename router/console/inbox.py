"""The last messages that destinations captured instead of sending them, for the inbox of ``router dev``."""

from collections import deque
from typing import Final

import msgspec

from router.alerts import Delivery, Preview

KEPT: Final = 200
"""Messages in memory; older ones are dropped."""


class CapturedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as its receiver would have got it."""

    number: int
    """From 1; newer messages have higher ones."""
    at: float
    """Unix time in seconds."""
    delivery: Delivery
    preview: Preview

    @property
    def subject(self) -> str:
        """The line by which a reader finds it."""
        headers = dict(self.preview.headers)
        return headers.get("subject") or headers.get("title") or headers.get("url", "")


class Inbox:
    """A ring of messages. It stays in one event loop."""

    def __init__(self) -> None:
        self._messages: deque[CapturedMessage] = deque(maxlen=KEPT)
        self.captured = 0
        """How many came, those that were dropped included."""

    def add(self, delivery: Delivery, preview: Preview, *, at: float) -> None:
        """Add a message that was captured at a time, in Unix seconds."""
        self.captured += 1
        self._messages.appendleft(
            CapturedMessage(number=self.captured, at=at, delivery=delivery, preview=preview)
        )

    def messages(self, destination: str = "") -> list[CapturedMessage]:
        """Return the messages to a destination, or all; the newest first."""
        return [
            each
            for each in self._messages
            if not destination or each.delivery.destination == destination
        ]

    def find(self, number: int) -> CapturedMessage | None:
        """Return the message of that number; None if it was dropped."""
        return next((each for each in self._messages if each.number == number), None)

    @property
    def destinations(self) -> list[str]:
        """The destinations of the messages, by name."""
        return sorted({each.delivery.destination for each in self._messages})
