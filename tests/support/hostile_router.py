"""A router to which strangers have sent markup wherever they can, for tests of the console's pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from router.clock import Clock, system_clock
from router.datatypes import Secret
from router.events.model import Malformed, Received
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.series import Additions, Series
from router.journal.source_log import RefusedRequest, SourceAddition, SourceLog
from support.console_router import OPERATOR, event, until_recorded, watched_router
from support.console_visit import visiting
from support.running import Running, post_batch
from support.sinks import HttpSink, Reply
from support.waiting import until

ELEMENT: Final = "x-hostile"
MARKUP: Final = f"<{ELEMENT}>\"'<img src=x onerror=taken()><script>taken()</script>"
"""Makes an element, runs a script, and leaves an attribute with either quote."""
HOSTILE: Final = f"{MARKUP}{{{{ 7 * 7 }}}}"
"""The same with a template, which the rules may have and events may not."""
SHOWN: Final = f"<{ELEMENT}>"
"""The begin of ``HOSTILE`` as a reader sees it."""
_LISTED: Final = 60
"""Events, so that lists are full."""
_RULES: Final = """
destinations:
  noc: {capture: {}}
  tickets: {http: {url: "TICKETS", pause_after: 0, retry: {attempts: 1}}}
sources:
  github: {preset: github, verify: {secret: "0123456789abcdef-hostile"}, rate: 5/s}
rules:
  - name: call-quality
    description: HOSTILE
    events: [com.example.*]
    when: data.issues >= 3
    severity: critical
    labels: {team: HOSTILE}
    summary: "{{ data.name }}"
    cooldown: {for: 10m, by: [data.name]}
    send_to: [noc, tickets]
  - name: cannot-be-evaluated
    description: HOSTILE
    events: [com.example.*]
    when: int(data.name) > data.issues
    severity: info
    send_to: [noc]
"""


@asynccontextmanager
async def hostile_router(
    redis_url: Secret, connection: Connection, folder: Path
) -> AsyncIterator[Running]:
    """Serve a router that has evaluated hostile events, with a silence and an audit trail."""
    refusal = Reply(status=400, body=HOSTILE.encode(), headers={"X-Reason": HOSTILE})
    async with HttpSink(otherwise=refusal) as tickets:
        text = _RULES.replace("TICKETS", tickets.url)
        quoted = msgspec.json.encode(MARKUP).decode()
        rules = text.replace(" HOSTILE", f" {quoted}").replace("team: HOSTILE", f"team: {quoted}")
        async with watched_router(redis_url, connection, folder, rules=rules) as router:
            data = {"issues": 9, "name": HOSTILE, HOSTILE: {HOSTILE: [HOSTILE]}}
            bodies = [
                event(n, {"issues": 0, "name": f"room {n}"}, f"com.example.type-{n % 5}")
                for n in range(100, 100 + _LISTED)
            ]
            hostile = msgspec.json.decode(event(7, data, f"com.example.{HOSTILE}"))
            hostile |= dict.fromkeys(("id", "source", "subject"), HOSTILE)
            bodies.append(msgspec.json.encode(hostile))
            clock = system_clock()
            malformed = Malformed(MARKUP, f"$.{MARKUP}", clock.now(), HOSTILE.encode())
            await Batches(connection, clock).accept([Received([], [malformed])])
            await _refuse(connection, clock)
            await post_batch(router, bodies)
            await until_recorded(connection, 40)
            await _act(router)
            yield router


async def _refuse(connection: Connection, clock: Clock) -> None:
    """Refuse many requests of a sender all of whose words are hostile."""
    texts = dict.fromkeys(("code", "reason", "hint", "client", "path", "method"), HOSTILE)
    refused = SourceAddition(
        source="github",
        number=1,
        refused=1000,
        refused_at=clock.now(),
        refusals=(RefusedRequest(at=clock.now(), status=400, **texts),),
    )
    await SourceLog(connection, clock).add("stranger", [refused])
    await Series(connection, clock).add(
        "stranger", [Additions(1, {"requests_refused/github/*": 1000})]
    )


async def _act(router: Running) -> None:
    """Silence with a hostile comment, fail to log in, and wait for the dead letter."""
    async with visiting(router.url, OPERATOR) as visit:
        await visit.get("/console/silences/new")
        fields = (("matchers", f"event.source={MARKUP}"), ("lasts", "1h"), ("comment", HOSTILE))
        added = await visit.post("/console/silences/new", *fields)
        assert "Silenced" in added.text, added.text

        async def has_letter() -> bool:
            page = await visit.get("/console/dead-letters?destination=tickets")
            return "/console/dead-letters/tickets/" in page.body

        await until(has_letter)
    headers = {"User-Agent": HOSTILE, "X-Forwarded-For": HOSTILE}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{router.url}/console/login", data={"token": HOSTILE}) as response,
    ):
        assert response.status in {200, 401, 403}
