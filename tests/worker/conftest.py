"""A destination whose outcomes a test sets."""

from collections import deque
from collections.abc import Callable

import pytest

from router.alerts import Delivered, Delivery, Outcome, Preview
from router.destinations.contract import DestinationConfig


class ScriptedDestination:
    """Returns the scripted outcomes, then Delivered, and records the deliveries."""

    def __init__(self, name: str, config: DestinationConfig) -> None:
        self.name = name
        self.config = config
        self.outcomes: deque[Outcome | Exception] = deque()
        self.sent: list[Delivery] = []
        self.before_answer: Callable[[], object] = lambda: None

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def attempt(self, delivery: Delivery) -> Outcome:
        self.sent.append(delivery)
        self.before_answer()
        outcome = self.outcomes.popleft() if self.outcomes else Delivered(200)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def preview(self, delivery: Delivery) -> Preview:
        return Preview(headers=(), body=delivery.id, content_type="text/plain")


@pytest.fixture
def mail() -> ScriptedDestination:
    return ScriptedDestination("mail", DestinationConfig(concurrency=1))
