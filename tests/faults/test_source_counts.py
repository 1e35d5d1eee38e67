"""Two processes count the requests of a source together, and one that is killed loses a second at most."""

from typing import Final

import aiohttp
from support.events import event_from
from support.processes import RouterProcess
from support.waiting import until

from router.clock import system_clock
from router.datatypes import Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.source_log import SourceCounts, SourceLog

_TOKEN: Final = "events-token-of-the-test"


async def test_a_killed_process_loses_the_counts_of_a_second_and_no_event(
    redis_url: Secret, connection: Connection, sample: bytes
) -> None:
    """Mutant: counts written at the end of the process alone."""
    log = SourceLog(connection, system_clock())
    environ = {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_EVENTS_TOKEN": _TOKEN,
        "ROUTER_PORT": "0",
    }
    good = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/cloudevents+json"}

    async def counts() -> SourceCounts:
        return (await log.counts(["events"]))["events"]

    async with (
        RouterProcess("ingress", environ=environ) as one,
        RouterProcess("ingress", environ=environ) as two,
        aiohttp.ClientSession(headers=good) as session,
    ):

        async def post(router: RouterProcess, number: int, *, is_good: bool) -> int:
            body = event_from(sample, id=f"NO{number}").body
            headers = {} if is_good else {"Authorization": "Bearer wrong"}
            url = f"{router.url}/events"
            async with session.post(url, data=body, headers=headers) as response:
                return response.status

        for number, router in enumerate((one, two, two)):
            assert await post(router, number, is_good=True) == 202
            assert await post(router, number, is_good=False) == 403

        async def has_all() -> bool:
            found = await counts()
            return (found.accepted, found.refused) == (3, 3)

        await until(has_all)
        assert await post(one, 3, is_good=True) == 202
        await one.kill()
        assert await post(two, 4, is_good=True) == 202

    found = await counts()
    assert found.accepted in {4, 5}
    assert found.refused == 3
    assert len((await log.refusals(["events"]))["events"]) == 3
    assert (await ledger.read(connection)).accepted == 5
