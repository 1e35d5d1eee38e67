"""Silences: what a new one would match, who added it and why, and its end."""

from pathlib import Path

from support.console_router import OPERATOR, VIEWER, watched_router
from support.console_visit import visiting

from router.datatypes import Secret
from router.journal.connection import Connection

NEW = "/console/silences/new"


async def test_a_silence_is_previewed_added_and_ended(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        assert "Nothing is silenced" in (await visit.get("/console/silences")).text
        form = await visit.get(f"{NEW}?matcher=rule%3Dcall-quality&matcher=labels.team%3Dvoice")
        assert "It matches 2 open alerts and 1 rule of 1 now." in form.text
        assert "rule=call-quality\nlabels.team=voice</textarea>" in form.body

        for fields, said in (
            ({"matchers": "rule=call-qualit"}, 'did you mean "call-quality"?'),
            ({"matchers": "loud"}, "'loud': write for example rule=call-quality"),
            ({"matchers": "rule=a\nrule=b"}, "rule= is given twice"),
            ({"matchers": " "}, "name what to silence: a matcher such as rule=call-quality"),
            ({"matchers": "rule=call-quality", "lasts": "custom"}, "write when it ends"),
            (
                {"matchers": "rule=call-quality", "lasts": "custom", "ends": "soon"},
                "ends is 'soon'",
            ),
            ({"matchers": "rule=call-quality", "when": "data.x >"}, "expected"),
            ({"matchers": "rule=call-quality", "comment": ""}, "comment is empty"),
        ):
            values = {"lasts": "1h", "comment": "work", **fields}
            page = await visit.post(NEW, *values.items())
            assert (page.status, said in page.text) == (400, True), (fields, page.text)

        values = {"matchers": 'key=["ak_1","ak_2"]\nrule=call-quality', "comment": "ticket <4711>"}
        for lasts in ("4h", "tomorrow", "resolved"):
            added = await visit.post(NEW, *values.items(), ("lasts", lasts))
            assert "Silenced. It matches 0 open alerts and 1 rule of 1 now." in added.text, lasts
        assert 'key=["ak_1","ak_2"] rule=call-quality' in added.text
        assert "ticket <4711> operator, " in added.text
        assert "each until it is resolved" in added.text

        listed = await visit.get("/console/silences")
        silence_id = listed.body.partition('name="id" value="')[2].partition('"')[0]
        ended = await visit.post("/console/silences/expire", ("id", silence_id))
        assert "The silence has ended." in ended.text
        assert (await visit.post("/console/silences/expire", ("id", "none"))).status == 404

        trail = await connection.redis.keys("router:audit*")
        assert trail


async def test_a_viewer_sees_silences_and_adds_none(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        listed = await visit.get("/console/silences")
        form = await visit.get(NEW)
        refused = [await visit.post(path) for path in (NEW, "/console/silences/expire")]

    assert "New silence" not in listed.text
    assert form.url.path == "/console/silences"
    assert [page.status for page in refused] == [403, 403]
