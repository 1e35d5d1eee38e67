"""The alert that is open at a place: a record that several features read and write.

``resolve`` opens it and ends it. ``group`` adds the groups in which it waits, and every feature
that notifies adds the destinations, because exactly those are notified when it is resolved.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from router.rules.state.step import Memory, Place, Record

CHAIN: Final = "-"
"""Notified by a chain, in contrast to the timer of a group, which may still retract it."""


class OpenRecord(Record):
    """An alert that is firing and can be resolved."""

    at: int = 0
    """When its last event happened, in Unix ms."""
    alert: bytes = b""
    notified_by: str = ""
    """The first that notified: the timer of a group, or ``CHAIN``; ``""`` if nothing did."""
    recipients: dict[str, str] = msgspec.field(default_factory=dict)
    """The destinations that were notified, and by what first."""
    waiting: dict[tuple[Place, int], tuple[str, ...]] = msgspec.field(default_factory=dict)
    """The groups in which it waits, its number in each, and the destinations of the group."""

    def add_recipients(self, send_to: Iterable[str]) -> None:
        """Note that a chain notifies these destinations."""
        self.recipients.update(dict.fromkeys(send_to, CHAIN))


class WaitingRecord(Record):
    """Base of a record in which open alerts wait."""

    def withdraw(self, number: int) -> None:
        """Remove the alert with this number, because it is resolved."""
        raise NotImplementedError


def withdraw_everywhere(memory: Memory, record: OpenRecord) -> int:
    """Remove an alert from all that it waits in. Return how many those were."""
    for place, number in record.waiting:
        waiting = memory.find(place, WaitingRecord)
        if waiting is not None:
            waiting.withdraw(number)
    return len(record.waiting)
