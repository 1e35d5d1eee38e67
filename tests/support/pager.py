"""A receiver that keeps an incident for each key, as a pager does, and notes each message out of order."""

import random
from collections import defaultdict
from typing import Any, Final

import msgspec

from support.sinks import HttpSink, Received, Reply

SINGLE: Final = "{format: cloudevents}"
BATCH: Final = "{format: cloudevents, batch: {max: 7, wait: 20ms}}"
"""Keys of a destination of kind ``http``. Events have ``data.number``, growing for each key."""
RULES: Final = """
rules:
  - name: trunk-down
    events: [trunk.down]
    resolve: {events: [trunk.up], by: [data.trunk]}
    send_to: [pager]
"""


class Message(msgspec.Struct, frozen=True, order=True):
    """What the pager was told: the number of the event that fired, and whether it is resolved."""

    number: int
    is_resolved: bool


def event(trunk: int, kind: str, number: int) -> dict[str, Any]:
    """Return a CloudEvent: a trunk is ``down`` or ``up``."""
    return {
        "specversion": "1.0",
        "id": f"{trunk}-{kind}-{number}",
        "source": "trunks",
        "type": f"trunk.{kind}",
        "data": {"trunk": trunk, "number": number},
    }


class Pager(HttpSink):
    """The pager.

    Args:
        fails: The share of requests that get 503, drawn with ``seed``.
        seed: Of the failures.
    """

    def __init__(self, *, fails: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        self.fails = fails
        self.status = 200
        """The status of every reply, if it is not 200."""
        self.told: dict[str, list[Message]] = defaultdict(list)
        """The accepted messages of each key, in the order of their arrival."""
        self._chance = random.Random(seed)  # noqa: S311 - failures, not secrets

    def reply_to(self, request: Received) -> Reply:
        if self.status != 200:
            return Reply(self.status)
        if self._chance.random() < self.fails:
            return Reply(503)
        body = request.json()
        for each in body if isinstance(body, list) else [body]:
            data = each["data"]
            is_resolved = data["alert"]["status"] == "resolved"
            message = Message(data["event"]["data"]["number"], is_resolved)
            self.told[each["subject"]].append(message)
        return Reply()

    @property
    def inversions(self) -> int:
        """How many messages were accepted after a later one of their key."""
        return sum(
            message < max(messages[:at])
            for messages in self.told.values()
            for at, message in enumerate(messages)
            if at
        )

    def ended_as(self, last: Message) -> int:
        """Return how many keys were told this at last."""
        return sum(messages[-1] == last for messages in self.told.values())
