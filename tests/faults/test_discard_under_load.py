"""An operator discards a flood while workers deliver it: each delivery ends once, one way or the other."""

import asyncio
from pathlib import Path

from support.rules_folder import RulesFolder
from support.running import post_batch, running, settings_for, worker_of
from support.sinks import HttpSink, Received, Reply
from support.stored import agree

from router.clock import system_clock
from router.datatypes import Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.discard_open import DiscardOpen, OpenFilter
from router.journal.ledger import DestinationLedger
from router.runtime.roles import Roles

COUNT = 300
RULES = """
destinations:
  tickets: {{http: {{url: "{url}", concurrency: 2, retry: {{first: 100ms}}, breaker: {{failures: 1000, attempts: 1000}}}}}}
rules:
  - {{name: stateless, events: ["*"], send_to: [tickets]}}
  - {{name: keyed, events: ["*"], cooldown: {{for: 1ms, by: [event.source]}}, send_to: [tickets]}}
"""
EVENT = b'{"specversion":"1.0","id":"NO%d","source":"s%d","type":"t","data":{}}'


class HalfBroken(HttpSink):
    """Refuses each second request for a while."""

    def reply_to(self, _request: Received) -> Reply:
        return Reply(503 if len(self.requests) % 2 else 200)


async def test_what_is_discarded_while_it_is_delivered_ends_once(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    """Mutant: without the look at the lease, some are delivered and discarded."""
    folder = RulesFolder(tmp_path / "rules")
    operator = DiscardOpen(connection, system_clock())
    wanted = OpenFilter(destination="tickets")

    async def books() -> DestinationLedger:
        found = (await ledger.read(connection)).destinations
        return found.get("tickets", DestinationLedger())

    async with HalfBroken() as sink:
        folder.write(all=RULES.format(url=sink.url))
        settings = settings_for(redis_url)
        roles = Roles(port=0, ingress=True, worker=worker_of(folder.path, settings))
        async with running(settings, roles) as router:
            events = [EVENT % (number, number % 7) for number in range(COUNT)]
            for start in range(0, COUNT, 100):
                await post_batch(router, events[start : start + 100])
            await sink.receive(5)  # so that some are delivered
            discarded, after = 0, ""
            async with asyncio.timeout(60):
                while (await ledger.read(connection)).pending or (await books()).pending:
                    page = await operator.discard(wanted, after, limit=10)
                    discarded, after = discarded + page.discarded, page.after
        ended = await books()

    assert ended.delivered + ended.discarded + ended.superseded == ended.opened >= COUNT
    assert ended.discarded == discarded > 0
    accepted = sink.statuses.count(200)
    assert ended.delivered == accepted > 0
    await agree(connection)
