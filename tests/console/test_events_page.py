"""The list of events, as a reader without JavaScript has it."""

from pathlib import Path

import pytest
from support.console_router import OPERATOR, watched_router
from support.console_visit import visiting

from router.console import events_page
from router.datatypes import Secret
from router.journal.connection import Connection


async def test_events_are_listed_filtered_and_paged(
    redis_url: Secret, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        page = await visit.get("/console/events?text=&type=&outcome=&limit=3")
        assert page.text.count("call-summary.complete") >= 3
        assert "duplicate" in page.text
        (older,) = page.links("Older")
        assert "CF0" in (await visit.get(older)).text

        for query, shown, hidden in (
            ("outcome=duplicate", "CF1", "CF3"),
            ("rule=call-quality&outcome=matched", "CF3", "CF0"),
            ("type=com.example.*+com.other&text=IE1", "CF2", "CF3"),
            ("source=AC1&newer_than=1h", "CF0", "No event"),
        ):
            text = (await visit.get(f"/console/events?{query}")).text
            assert shown in text, query
            assert hidden not in text, query

        for query, said in (
            (
                "source=AC2",
                "No event matches the filter All of history was searched. History begins",
            ),
            ("text=EZ99", "No event of history has this text"),
            ("outcome=good", "Outcome: 'good' is none, expected matched, filtered,"),
            ("after=1", "After: "),
            ("colour=red", "Unknown query parameter 'colour'"),
        ):
            assert said in (await visit.get(f"/console/events?{query}")).text, query

        monkeypatch.setattr(events_page, "_SCANNED", 2)
        cut = await visit.get("/console/events?text=quiet")
        assert "Nothing found so far" in cut.text
        assert "2 events searched, back to 20" in cut.text
        (on,) = cut.links("Search on")
        assert "Nothing found so far" in (await visit.get(on)).text

        lines = await visit.get("/console/events/search?text=quiet")
        assert '"next":""' in lines.body
        assert "/console/events/" in lines.body
        assert (await visit.get("/console/events/search?after=x")).status == 400
        newer = await visit.get("/console/events/newer?outcome=matched&after=")
        assert newer.body == '{"number":2}'


async def test_an_empty_list_says_what_would_fill_it(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        await connection.redis.flushall()

        text = (await visit.get("/console/events")).text

    assert "No event has come yet" in text
    assert "router send --sample" in text
