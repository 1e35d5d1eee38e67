"""Events in quarantine: shown as text, replayed if they are valid now, discarded."""

import re

from support.console_router import OPERATOR, VIEWER, idle_router
from support.console_visit import visiting

from router.clock import Clock
from router.datatypes import Secret
from router.events.model import Malformed, Received
from router.journal.batches import Batches
from router.journal.connection import Connection

LIST = "/console/quarantine"
BODY = b'{"id": "1", "<script>": "alert(1)"}'


async def test_an_event_in_quarantine_is_shown_inert_and_discarded(
    redis_url: Secret, connection: Connection, clock: Clock
) -> None:
    malformed = [Malformed(f"no source {n}", "$[0].source", 1.0, BODY) for n in range(3)]
    await Batches(connection, clock).accept([Received([], malformed)])
    async with (
        idle_router(redis_url) as router,
        visiting(router.url, OPERATOR) as visit,
        visiting(router.url, VIEWER) as viewer,
    ):
        listed = await visit.get(LIST)
        assert "Discard 3 events" in listed.text
        ids = re.findall(r'name="select" value="([^"]+)"', listed.body)
        assert "1 match" in (await visit.get(f"{LIST}?reason=source+1&older_than=")).text
        assert "No event in quarantine matches" in (await visit.get(f"{LIST}?reason=x")).text

        assert "not a duration" in (await visit.get(f"{LIST}?older_than=1")).text

        shown = await visit.get(f"{LIST}/{ids[0]}")
        assert "still invalid" in shown.text
        assert "<script>" not in shown.body.replace("<script src", "")
        assert "alert(1)" in shown.text
        assert "Discard" not in (await viewer.get(f"{LIST}/{ids[0]}")).text

        kept = await visit.post(LIST, ("do", "replay"), ("select", ids[0]))
        assert "Replayed 0 events. 1 stayed" in kept.text
        one = await visit.post(LIST, ("do", "discard"), ("select", ids[0]))
        assert "Discarded 1 event." in one.text
        rest = await visit.post(LIST, ("do", "discard-all"), ("reason", "no source"))
        assert "Discarded 2 events." in rest.text
        assert "Nothing is in quarantine" in (await visit.get(LIST)).text
        assert (await visit.get(f"{LIST}/{ids[0]}")).status == 404
        assert (await visit.post(LIST, ("do", "burn"), ("select", ids[0]))).status == 400
