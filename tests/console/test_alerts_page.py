"""The list of alerts: what is wrong, who has it, and acting on several."""

from pathlib import Path

from support.console_router import OPERATOR, VIEWER, watched_router
from support.console_visit import visiting
from support.keyed import put

from router.datatypes import Secret
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts


async def test_alerts_are_counted_filtered_and_acted_on(
    redis_url: Secret, connection: Connection, tmp_path: Path, sample: bytes
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as visit,
    ):
        page = await visit.get("/console/alerts")
        assert "Open 2 Pending 0 Suppressed 0 Acknowledged 0 Resolved 0" in page.text
        assert "4 issues in loud &lt;b&gt;room&lt;/b&gt;" in page.body
        first, second = await KeyedAlerts(connection).latest_keys(2)

        nothing = await visit.post("/console/alerts", ("do", "acknowledge"))
        assert "No alert is selected" in nothing.text
        unknown = await visit.post("/console/alerts", ("do", "dance"), ("select", first))
        assert unknown.status == 400
        forged = await visit.post("/console/alerts", ("do", "resolve"), ("select", first), csrf="x")
        assert (forged.status, "another login" in forged.text) == (403, True)

        done = await visit.post(
            "/console/alerts",
            ("do", "acknowledge"),
            ("select", first),
            ("select", "ak_gone"),
            ("back", "https://elsewhere.example/console/alerts"),
        )
        assert (done.url.host, done.url.path) == ("127.0.0.1", "/console/alerts")
        assert "1 alert acknowledged" in done.text
        assert "1 alert left out: over, unknown or unreadable." in done.text
        listed = await visit.get("/console/alerts?state=acknowledged")
        assert "operator has it, since" in listed.text
        assert second not in listed.body

        resolved = await visit.post("/console/alerts", ("do", "resolve"), ("select", second))
        assert "1 alert resolved." in resolved.text
        found = await KeyedAlerts(connection).get(second)
        assert isinstance(found, KeyedAlert)
        assert found.record.status == "resolved"

        silence = await visit.post("/console/alerts", ("do", "silence"), ("select", first))
        assert silence.url.path.startswith("/console/silences")
        assert first in str(silence.url)

        await put(connection, sample, "ak_1", why="muted", ends=4_000_000_000_000)
        quiet = await visit.get("/console/alerts?state=suppressed&label=&rule=trunk-down")
        assert "suppressed a mute time of the rule, ends" in quiet.text
        for query, said in (
            ("state=pending", "No pending alert Alerts of rules with pending wait here"),
            ("rule=none", "No open alert matches the filter"),
            ("label=team", "Label: 'team' is not a name and a value, such as team:voice."),
        ):
            assert said in (await visit.get(f"/console/alerts?{query}")).text, query


async def test_a_viewer_reads_and_changes_nothing(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, VIEWER) as visit,
    ):
        (key, _) = await KeyedAlerts(connection).latest_keys(2)
        listed = await visit.get("/console/alerts")
        one = await visit.get(f"/console/alerts/{key}")
        paths = ("", *(f"/{key}/{verb}" for verb in ("acknowledge", "unacknowledge", "resolve")))
        refused = [
            await visit.post(f"/console/alerts{path}", ("do", "resolve"), ("select", key))
            for path in paths
        ]

    assert "Acknowledge</button>" not in listed.body + one.body
    assert 'type="checkbox"' not in listed.body
    assert [page.status for page in refused] == [403] * 4
    assert "You may read and not change" in refused[0].text
