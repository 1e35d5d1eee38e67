"""A journal with one open delivery set, and a destination that answers as a test wants."""

from collections import deque
from collections.abc import Callable

import pytest

from router.alerts import Delivered, Delivery, Outcome, Preview
from router.destinations.contract import DestinationConfig


class ScriptedDestination:
    """Answers with the outcomes it is given, then with Delivered; remembers what it was sent."""

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
