"""Commands on a Redis with records of each kind."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.events import deliveries_of, event_from
from support.twilio_bench import TwilioBench, twilio_bench

from router.cli import main
from router.client import twilio_connection, twilio_watch
from router.clock import system_clock
from router.datatypes import Secret
from router.events.model import Malformed, Received
from router.ingress import source_record
from router.journal.batches import Batches
from router.journal.connection import connect
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.settlements import GivenUp

Router = Callable[..., Result]


@pytest.fixture
def router(redis_url: Secret, tmp_path: object) -> Router:
    """Run the command line; ``typed`` is standard input, ``more`` are settings."""
    environ = {"ROUTER_REDIS_URL": redis_url.reveal(), "ROUTER_RULES": str(tmp_path)}

    def run(*arguments: str, typed: str = "", **more: str) -> Result:
        return CliRunner().invoke(main, arguments, input=typed, env=environ | more)

    return run


@pytest.fixture
def dead(redis_url: Secret, sample: bytes) -> list[str]:
    """Return the ids of five dead letters of "mail"; store a malformed event in quarantine."""
    deliveries = deliveries_of(event_from(sample), 5)

    async def fill() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=2)
        ids = iter([BatchId("b"), "q", SetId("s")])
        clock = msgspec.structs.replace(system_clock(), new_id=ids.__next__)
        batches = Batches(connection, clock)
        await batches.accept(
            [Received([event_from(sample)], [Malformed("no id", "$[0].id", 1.0, b"{}")])]
        )
        verdict = FinishedWork(
            duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=deliveries
        )
        await batches.finish(BatchId("b"), verdict)
        given_up = [GivenUp(SetId("s"), delivery, "HTTP 404 Not Found") for delivery in deliveries]
        await Deliveries(connection, system_clock()).settle(given_up)  # type: ignore[arg-type]
        await connection.close()

    asyncio.run(fill())
    return [delivery.id for delivery in deliveries]


@pytest.fixture
async def bench(redis_url: Secret, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TwilioBench]:
    """Return Twilio's API, with a router that records refusals at once."""
    monkeypatch.setattr(source_record, "INTERVAL", 0.05)
    monkeypatch.setattr(twilio_watch, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(twilio_connection, "AFTER_REFUSAL_SECONDS", 0.1)
    async with twilio_bench(redis_url) as made:
        yield made
