"""Log lines that clients cause: few of each client and kind, and a count of the rest."""

import asyncio
import logging

import pytest
from support.waiting import until

from router import log_throttle
from router.log_throttle import LINES_PER_CLIENT, LINES_PER_KIND, LogThrottle

logger = logging.getLogger(__name__)


@pytest.fixture
def throttle(monkeypatch: pytest.MonkeyPatch) -> LogThrottle:
    monkeypatch.setattr(log_throttle, "INTERVAL", 0.05)
    return LogThrottle(logger)


def warn(throttle: LogThrottle, kind: str, client: str) -> None:
    throttle.warning("request rejected", kind=kind, client=client, fields={"remote": client})


async def test_a_client_causes_some_lines_of_each_kind_and_one_with_the_count(
    throttle: LogThrottle, caplog: pytest.LogCaptureFixture
) -> None:
    """Mutants: the interval never ends; kinds share one count."""
    for _ in range(100):
        warn(throttle, "no_token", "192.0.2.1")
    warn(throttle, "too_large", "192.0.2.1")
    warn(throttle, "no_token", "192.0.2.2")

    assert len(caplog.records) == LINES_PER_CLIENT + 2

    async def is_counted() -> bool:
        return caplog.messages[-1] == "log lines suppressed"

    assert await until(is_counted)
    last = vars(caplog.records[-1])
    assert (last["kind"], last["count"]) == ("no_token", 100 - LINES_PER_CLIENT)

    warn(throttle, "no_token", "192.0.2.1")
    assert caplog.messages[-1] == "request rejected"
    await asyncio.sleep(0)


async def test_many_clients_share_a_limit(
    throttle: LogThrottle, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        warn(throttle, "no_token", str(number))

    assert len(caplog.records) == LINES_PER_KIND
