"""The overview: what is so, what fires, and the first steps while no event has come."""

import re
from pathlib import Path

import pytest
from support import least_rights
from support.console_router import EVENTS, OPERATOR, RULES, VIEWER, event, watched_router
from support.console_visit import ConsoleVisit, visiting
from support.running import post_batch, running, settings_for, worker_of
from support.tcp_proxy import TcpProxy
from support.waiting import until

from router.api.stats import NOTIFIED, RECEIVED, CurrentFigures, SeriesView, Stats
from router.console.overall_state import Situation, judge
from router.console.overview_figures import FiringAlerts, OverviewFigures
from router.console.overview_words import activity, headline, link_text, memory_text
from router.datatypes import Secret
from router.journal.connection import Connection
from router.runtime.roles import Roles


def figures(
    *, received: int = 0, notified: int = 0, memory: int = 0, limit: int = 0
) -> OverviewFigures:
    now = CurrentFigures(
        events_per_second=0.0,
        matched_per_minute=0,
        notified_per_minute=0,
        queues=[],
        redis_memory_bytes=memory,
        redis_memory_limit_bytes=limit,
        redis_memory_used_ratio=memory / limit if limit else 0.0,
    )
    series = [SeriesView(RECEIVED, [0, received]), SeriesView(NOTIFIED, [notified, 0])]
    stats = Stats(at=0.0, resolution_seconds=10, series=series, now=now)
    return OverviewFigures(stats=stats, alerts=FiringAlerts(), events=())


@pytest.mark.parametrize(
    ("received", "notified", "oldest", "sentence"),
    [
        (
            1204,
            18,
            1.2,
            "1,204 events in the last 10 minutes, 18 alerts notified, nothing waits longer than 2 s.",
        ),
        (1, 1, 0.0, "1 event in the last 10 minutes, 1 alert notified, nothing waits."),
        (
            0,
            0,
            3700.0,
            "0 events in the last 10 minutes, 0 alerts notified, the oldest delivery has been due for 1 h 1 m.",
        ),
    ],
)
def test_a_sentence_says_what_happened_lately(
    received: int, notified: int, oldest: float, sentence: str
) -> None:
    situation = Situation(oldest_seconds=oldest)

    assert activity(figures(received=received, notified=notified), situation) == sentence


def test_the_headline_is_a_sentence_and_the_link_says_where_it_leads() -> None:
    state = judge(Situation(failing=("a", "b")))

    assert headline(state) == "Destinations a and b are failing."
    assert link_text(state) == "See destinations"


@pytest.mark.parametrize(
    ("memory", "limit", "shown"),
    [
        (5, 0, ("", "")),
        (12, 100, ("12 %", "")),
        (71, 100, ("71 %", "warning")),
        (81, 100, ("81 %", "critical")),
    ],
)
def test_the_share_of_memory_has_the_level_at_which_events_are_refused(
    memory: int, limit: int, shown: tuple[str, str]
) -> None:
    assert memory_text(figures(memory=memory, limit=limit)) == shown


async def test_it_shows_what_fires_where_alerts_go_and_what_came(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with (
        watched_router(redis_url, connection, tmp_path) as router,
        visiting(router.url, OPERATOR) as operator,
        visiting(router.url, VIEWER) as viewer,
    ):
        page = await operator.get("/console")
        seen = await viewer.get("/console")
        paused = await operator.post("/console/destinations/noc?back=overview", ("do", "pause"))

        assert "Firing now (2)" in page.text
        assert "4 issues in loud <b>room</b>" in page.text
        assert "call-quality" in page.text
        assert "noc capture" in page.text
        assert "no rule matched" in page.text
        assert "1 rule, 2 destinations, no error" in page.text
        assert len(page.body) < 60_000
        assert ("Pause" in page.text, "Pause" in seen.text) == (True, False)
        assert paused.url.path == "/console"
        assert "Destination noc is paused." in paused.text


async def test_while_no_event_has_come_it_says_how_one_does(
    redis_url: Secret, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    settings = settings_for(
        redis_url,
        admin_token=Secret(OPERATOR),
        twilio_auth_tokens=(Secret("token"),),
        public_url="https://router.example.com",
    )
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
    async with running(settings, roles) as router, visiting(router.url, OPERATOR) as visit:
        page = await visit.get("/console")
        await post_batch(router, [event(1, EVENTS[0])])
        # The frame is a second old at most.
        await until(lambda: _shows(visit, "Last events"))
        guide = await visit.get("/console?connect")

    assert "No event has come yet. Send the sample router send --sample" in _without_text(page.text)
    assert "Twilio calls https://router.example.com/twilio." in page.text
    assert page.text.count("(done)") == 1
    assert "Connect a Twilio sink" in guide.text


async def test_while_redis_is_away_it_says_so_and_what_to_do(
    redis_url: Secret, connection: Connection, tmp_path: Path
) -> None:
    async with TcpProxy(least_rights.socket_of(redis_url)) as redis:
        url = least_rights.as_router(Secret(f"redis://{redis.address}/0"))
        async with (
            watched_router(url, connection, tmp_path) as router,
            visiting(router.url, OPERATOR) as visit,
        ):
            redis.weather.is_refusing = True
            redis.reset_all()
            await until(lambda: _shows(visit, "Redis does not answer."))
            page = await visit.get("/console")
            other = await visit.get("/console/events")
            redis.clear()

    assert page.status == 503
    assert "Look at Redis and the network to it" in page.text
    assert "Redis does not answer" in other.text


async def _shows(visit: ConsoleVisit, text: str) -> bool:
    page = await visit.get("/console")
    return text in page.text


def _without_text(text: str) -> str:
    return re.sub(r"It is Twilio's .*? makes of it\. ", "", text)
