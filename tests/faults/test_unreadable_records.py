"""Whatever cannot be read in Redis is set aside and visible, and its neighbours are delivered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support import damage
from support.processes import RouterProcess
from support.records import RULES
from support.rules_folder import RulesFolder, capture
from support.running import Running, running, settings_for
from support.waiting import until
from support.world import event

from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.errors import JournalUnavailableError, WrongTypeError
from router.events.model import Received
from router.journal import keys, ledger, unreadable
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.runtime.roles import Roles, WorkerConfig

TOKEN = Secret("admin-token-of-the-test-which-is-long")
NEIGHBOURS = 20
NEIGHBOUR = "  - {name: neighbour, events: [neighbour], send_to: [ok]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> RulesFolder:
    folder = RulesFolder(tmp_path / "rules")
    rules, inhibitions = RULES.split("inhibitions:")
    folder.write(
        places=capture("noc", "boss", "settled", "ok"),
        rules=f"{rules}{NEIGHBOUR}inhibitions:{inhibitions}",
    )
    return folder


@pytest.fixture
async def damaged(connection: Connection) -> Connection:
    unreadable._counts.clear()
    unreadable._reported.clear()
    await damage.load(connection)
    return connection


def roles(folder: RulesFolder) -> Roles:
    source = ConfigurationSource(folder=folder.path, environ={})
    environment = Environment(
        egress=settings_for("").egress, now=system_clock().now, on_template_error=lambda *_: None
    )
    worker = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    return Roles(port=0, ingress=True, worker=worker)


class Operator:
    """Uses the API as an operator does; each answer must be 200."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str) -> Any:
        async with self._session.get(f"{self._url}{path}", headers=HEADERS) as response:
            assert response.status == 200, (path, response.status, await response.text())
            return await response.json(content_type=None)

    async def text(self, path: str) -> str:
        async with self._session.get(f"{self._url}{path}") as response:
            assert response.status == 200, (path, response.status)
            return await response.text()

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        async with self._session.post(f"{self._url}{path}", json=body, headers=HEADERS) as response:
            assert response.status == 200, (path, response.status, await response.text())
            return await response.json()


HEADERS = {"Authorization": f"Bearer {TOKEN.reveal()}"}


async def deliver_neighbours(connection: Connection) -> None:
    """Accept events that have nothing to do with the damage, and wait for their deliveries."""
    batches = Batches(connection, system_clock())
    before = await delivered(connection)
    events = [
        event(f"n{before}-{number}", system_clock().now(), type="neighbour", k="other")
        for number in range(NEIGHBOURS)
    ]

    async def is_accepted() -> bool:
        try:
            await batches.accept([Received(events, [])])
        except JournalUnavailableError:  # as a sender does, which gets 503
            return False
        return True

    await until(is_accepted)

    async def are_delivered() -> bool:
        return await delivered(connection) >= before + NEIGHBOURS

    await until(are_delivered)


async def delivered(connection: Connection) -> int:
    try:
        books = await ledger.read(connection)
    except WrongTypeError:  # until the first sweep
        return 0
    return books.destinations["ok"].delivered if "ok" in books.destinations else 0


async def check_operators_view(router: Running) -> tuple[int, float]:
    """List, show and discard all; return the quarantined items and the unreadable records."""
    async with aiohttp.ClientSession() as session:
        operator = Operator(session, router.url)
        metrics = await operator.text("/metrics")
        assert "router_redis_up 1.0" in metrics
        found = sum(
            float(line.split()[-1])
            for line in metrics.splitlines()
            if line.startswith("router_unreadable_records{")
        )
        for path in ("destinations", "silences", "twilio-tests"):
            await operator.get(f"/api/v1/{path}")
        quarantined = (await operator.get("/api/v1/quarantine?limit=1000"))["quarantine"]
        letters = (await operator.get("/api/v1/dead-letters?destination=settled&limit=1000"))[
            "dead_letters"
        ]
        for item in quarantined:
            await operator.get(f"/api/v1/quarantine/{item['id']}")
        for letter in letters:
            await operator.get(f"/api/v1/dead-letters/settled/{letter['id']}")
        ids = [item["id"] for item in quarantined]
        done = await operator.post("/api/v1/quarantine/discard", {"ids": ids, "all": True})
        assert done["discarded"] == len(ids)
        ids = [letter["id"] for letter in letters]
        wanted = {"destination": "settled", "ids": ids, "all": True}
        done = await operator.post("/api/v1/dead-letters/discard", wanted)
        assert done["discarded"] == len(ids)
        assert (await operator.get("/api/v1/quarantine"))["quarantine"] == []
        return len(quarantined), found


async def check(
    connection: Connection, folder: RulesFolder, kinds: Sequence[str], how: str
) -> tuple[int, float]:
    for kind in kinds:
        found = await damage.keys_of(connection, kind)
        assert found, kind
        for key in found:
            await damage.DAMAGES[how](connection, key)
    settings = settings_for(Secret(str(URL[0])), admin_token=TOKEN, job_lease=1.0)
    async with running(settings, roles(folder)) as router:
        await deliver_neighbours(connection)
        quarantined, found = await check_operators_view(router)
        await deliver_neighbours(connection)
    print(f"\n{how}: {quarantined} in quarantine, {found:g} unreadable")  # noqa: T201
    return quarantined, found


URL: list[str] = []


@pytest.fixture(autouse=True)
def url(redis_url: Secret) -> None:
    URL[:] = [redis_url.reveal()]


@pytest.mark.parametrize("how", damage.DAMAGES)
async def test_a_redis_in_which_everything_is_damaged_still_delivers(
    damaged: Connection, folder: RulesFolder, how: str
) -> None:
    kinds = [kind for kind in damage.KINDS if kind != "router:schema" or how != "newer"]
    quarantined, found = await check(damaged, folder, kinds, how)

    assert quarantined + found > 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", damage.KINDS)
@pytest.mark.parametrize("how", damage.DAMAGES)
async def test_each_key_of_the_schema_may_be_damaged(
    damaged: Connection, folder: RulesFolder, kind: str, how: str
) -> None:
    await check(damaged, folder, [kind], how)


async def test_a_redis_of_a_newer_router_is_refused_with_one_line(
    connection: Connection, redis_url: Secret, folder: RulesFolder
) -> None:
    """The mutant: ``check_version`` compares with ``<``."""
    await connection.redis.set(keys.SCHEMA, 200)
    environ = {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(folder.path),
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_DURABILITY": "relaxed",
    }

    with pytest.raises(RuntimeError, match=r"written by a newer router .schema 200, this router"):
        await RouterProcess("worker", environ=environ).start()

    assert await connection.redis.get(keys.SCHEMA) == b"200"


@pytest.mark.parametrize("found", [None, b"100", b"99", b"junk", b"150"])
async def test_a_redis_of_an_older_router_is_used_and_marked(
    connection: Connection, redis_url: Secret, folder: RulesFolder, found: bytes | None
) -> None:
    if found is not None:
        await connection.redis.set(keys.SCHEMA, found)

    async with running(settings_for(redis_url), roles(folder)):
        pass

    assert await connection.redis.get(keys.SCHEMA) == (b"150" if found == b"150" else b"100")
