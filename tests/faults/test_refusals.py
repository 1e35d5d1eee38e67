"""A receiver that refuses everything for a fault that is not the deliveries' own."""

from pathlib import Path

import pytest
from support.events import event_from
from support.running import Running, post_batch, running, settings_for, worker_of
from support.sinks import HttpSink, Reply
from support.waiting import until

from router.datatypes import Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.ledger import DestinationLedger
from router.journal.pauses import PauseKind, Pauses
from router.runtime.roles import Roles
from router.worker.delivery import refusals

BREAKER = "breaker: {open_for: 50ms, longest: 100ms}, retry: {first: 20ms, longest: 200ms}"
WAITING = 1000


def roles_for(folder: Path, url: str, redis_url: Secret) -> Roles:
    (folder / "rules.yaml").write_text(
        f'destinations: {{tickets: {{http: {{url: "{url}", bearer: old, {BREAKER}}}}}}}\n'
        'rules: [{name: all, events: ["*"], send_to: [tickets]}]\n'
    )
    return Roles(port=0, ingress=True, worker=worker_of(folder, settings_for(redis_url)))


async def post(router: Running, sample: bytes, count: int, first: int = 0) -> None:
    ids = [f"NO{number}" for number in range(first, first + count)]
    for start in range(0, count, 250):
        part = ids[start : start + 250]
        bodies = [event_from(sample, id=each, status="summary_timeout").body for each in part]
        await post_batch(router, bodies)


async def books_of(connection: Connection) -> DestinationLedger:
    books = await ledger.read(connection)
    return books.destinations.get("tickets", DestinationLedger())


async def test_an_expired_bearer_pauses_the_destination_and_makes_no_dead_letter(
    redis_url: Secret,
    connection: Connection,
    sample: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Case D25: 1,000 deliveries wait; it is paused with the reason, few requests, one line."""
    monkeypatch.setattr(refusals, "MIN_SECONDS", 0.2)
    async with HttpSink(otherwise=Reply(401, b"expired")) as sink:
        roles = roles_for(tmp_path, sink.url, redis_url)
        async with running(settings_for(redis_url), roles) as router:
            await post(router, sample, WAITING)

            async def paused() -> bool:
                pauses = await Pauses(connection).all()
                return bool(pauses) and (await books_of(connection)).opened == WAITING

            await until(paused)
            (pause,) = (await Pauses(connection).all()).values()
            books = await books_of(connection)
            assert (pause.kind, books.dead, books.pending) == (PauseKind.REFUSED, 0, WAITING)
            assert pause.reason.endswith("refusals in a row, the last: HTTP 401 Unauthorized")
            assert len(sink.requests) < WAITING / 10

            sink.otherwise = Reply(200)
            await Pauses(connection).resume("tickets")
            await sink.receive(len(sink.requests) + WAITING)

            async def delivered() -> bool:
                return (await books_of(connection)).delivered == WAITING

            await until(delivered)
    lines = [each for each in caplog.records if each.getMessage() == "destination paused"]
    assert [each.levelname for each in lines] == ["ERROR"]


async def test_a_destination_that_is_paused_for_its_refusals_resumes_by_itself(
    redis_url: Secret,
    connection: Connection,
    sample: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case D25: a proxy that had lost its route at night has it again."""
    monkeypatch.setattr(refusals, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(refusals, "FIRST_TRIAL_SECONDS", 0.3)
    async with HttpSink(otherwise=Reply(403, b"proxy")) as sink:
        roles = roles_for(tmp_path, sink.url, redis_url)
        async with running(settings_for(redis_url), roles) as router:
            await post(router, sample, 30)

            async def paused() -> bool:
                return bool(await Pauses(connection).all())

            await until(paused)
            sink.otherwise = Reply(200)

            async def delivered() -> bool:
                return (await books_of(connection)).delivered == 30

            await until(delivered)
            assert await Pauses(connection).all() == {}


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 407, 421, 423, 499])
async def test_a_fault_of_the_destination_that_passes_loses_nothing(
    status: int, redis_url: Secret, connection: Connection, sample: bytes, tmp_path: Path
) -> None:
    """Case D25: a deployment behind a proxy, which answers so meanwhile."""
    async with HttpSink(*[Reply(status)] * 3) as sink:
        roles = roles_for(tmp_path, sink.url, redis_url)
        async with running(settings_for(redis_url), roles) as router:
            await post(router, sample, 1)
            await sink.receive(4)

            async def delivered() -> bool:
                return (await books_of(connection)).delivered == 1

            await until(delivered)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_fault_of_a_delivery_is_a_dead_letter_at_once(
    status: int, redis_url: Secret, connection: Connection, sample: bytes, tmp_path: Path
) -> None:
    """Case D25: none of them pauses the destination, however many there are."""
    async with HttpSink(otherwise=Reply(status)) as sink:
        roles = roles_for(tmp_path, sink.url, redis_url)
        async with running(settings_for(redis_url), roles) as router:
            await post(router, sample, 30)

            async def given_up() -> bool:
                return (await books_of(connection)).dead == 30

            await until(given_up)
            assert len(sink.requests) == 30
            assert await Pauses(connection).all() == {}
