"""Dead letters: selected, replayed and discarded, with a count before and after."""

import re
from pathlib import Path

from support.console_router import OPERATOR, VIEWER, watched_router
from support.console_visit import ConsoleVisit, VisitedPage, visiting
from support.waiting import until

from router.datatypes import Secret
from router.journal.connection import Connection

LIST = "/console/dead-letters?destination=chat"


def ids_in(page: VisitedPage) -> list[str]:
    return re.findall(r'name="select" value="([^"]+)"', page.body)


async def with_letters(visit: ConsoleVisit, count: int) -> VisitedPage:
    """Return the list once the destination that cannot be reached has so many."""

    async def has_all() -> bool:
        return len(ids_in(await visit.get(LIST))) == count

    await until(has_all)
    return await visit.get(LIST)


async def names_the_rule(visit: ConsoleVisit) -> bool:
    return "call-quality" in (await visit.get("/console/dead-letters")).text


async def test_dead_letters_are_shown_replayed_and_discarded(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
        visiting(router.url, VIEWER) as viewer,
    ):
        listed = await with_letters(visit, 2)
        assert "2 dead letters" in listed.text
        assert "Replay 2 dead letters" in listed.text
        await until(lambda: names_the_rule(visit))
        first, second = ids_in(listed)

        shown = await visit.get(f"/console/dead-letters/chat/{first}")
        assert "connection refused" in shown.text
        assert "The request, rendered again" in shown.text
        assert "127.0.0.1:1" in shown.text
        assert "The CloudEvent" in shown.text

        seen = await viewer.get(LIST)
        assert ids_in(seen) == []
        assert "Replay" not in seen.text
        assert (await viewer.post(LIST, ("do", "replay-all"))).status == 403

        form = ("destination", "chat")
        none = await visit.post("/console/dead-letters", form, ("do", "replay"))
        assert (none.status, "select at least one" in none.text) == (400, True)
        replayed = await visit.post(
            "/console/dead-letters", form, ("do", "replay"), ("select", first)
        )
        assert "Replayed 1 dead letter." in replayed.text
        await with_letters(visit, 2)  # it fails again
        gone = await visit.get(f"/console/dead-letters/chat/{first}")
        assert gone.status == 404

        discarded = await visit.post(
            "/console/dead-letters", form, ("do", "discard"), ("select", second)
        )
        assert "Discarded 1 dead letter." in discarded.text
        empty = await visit.post(
            "/console/dead-letters", form, ("do", "discard-all"), ("rule", "other")
        )
        assert "Discarded 0 dead letters." in empty.text
        assert "No dead letter of chat matches" in empty.text
        done = await visit.post("/console/dead-letters", form, ("do", "discard-all"))
        assert "Discarded 1 dead letter." in done.text
