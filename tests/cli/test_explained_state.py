"""`router explain` with what rules have stored by now."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import json
from support.clock import SetClock
from support.keyed import START, put
from support.world import PLACES, World, event

from router.cli import main
from router.configuration.load import load
from router.datatypes import Secret
from router.journal.connection import Connection, connect
from router.offline.rule_states import state_questions
from router.rules.state.keyed_alert import ToldStatus

RULES = """
rules:
  - name: failed-share
    events: [a]
    send_to: [noc]
    ratio: {of: data.state == "fail", at_least: 90%, min_events: 50, within: 10m, by: [data.region]}
  - name: failures
    events: [a]
    send_to: [noc]
    count: {at_least: 5, within: 10m, by: [data.region]}
  - name: new-states
    events: [a]
    send_to: [noc]
    first_seen: {by: [data.state], forget: 90d}
  - name: momentary
    events: [a]
    send_to: [noc]
"""
EVENT = """{"specversion": "1.0", "id": "9", "source": "s", "type": "a", "time": "%s",
"data": {"state": "fail", "region": "de1"}}"""
Explain = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(PLACES + RULES)
    (tmp_path / "event.json").write_text(EVENT % "2023-11-14T22:13:20Z")
    return tmp_path


@pytest.fixture
def explain(folder: Path) -> Explain:
    def run(url: str, *options: str) -> Result:
        command = ["explain", "--rules", str(folder), *options, str(folder / "event.json")]
        return CliRunner().invoke(main, command, env={"ROUTER_REDIS_URL": url})

    return run


def with_connection(url: Secret, work: Callable[[Connection], object]) -> object:
    async def run() -> object:
        connection = connect(url, deadline=5.0, max_connections=4)
        try:
            return await work(connection)  # type: ignore[misc]
        finally:
            await connection.close()

    return asyncio.run(run())


async def contents(connection: Connection) -> dict[bytes, bytes]:
    redis = connection.redis
    return {name: await redis.dump(name) for name in sorted(await redis.keys("*"))}


def test_figures_are_shown_as_they_stand_and_nothing_is_stored(
    redis_url: Secret, explain: Explain, time: SetClock
) -> None:
    async def send(connection: Connection) -> None:
        world = World(connection, time, RULES)
        for number, state in enumerate(["fail", "fail", "completed"]):
            await world.send(world.event(str(number), state=state, region="de1"))

    with_connection(redis_url, send)
    before = with_connection(redis_url, contents)

    shown = explain(redis_url.reveal())

    assert (shown.exit_code, shown.stderr) == (0, "")
    assert [line.strip() for line in shown.stdout.splitlines() if "now:" in line] == [
        "now: 2 of 3 in the last 10m, 66.7 %",
        "now: 3 of 5 within 10m",
        "now: seen last at 2023-11-14T22:13:20Z",
    ]
    assert with_connection(redis_url, contents) == before


def test_values_without_state_are_said_to_have_none(redis_url: Secret, explain: Explain) -> None:
    assert explain(redis_url.reveal()).stdout.count("now: nothing is stored for these values") == 3


def test_an_alert_is_shown_with_its_state_and_who_was_told(
    redis_url: Secret, explain: Explain, sample: bytes, folder: Path
) -> None:
    rule = (
        "rules: [{name: down, events: [a], send_to: [noc], cooldown: {for: 1h, by: [data.region]}}]"
    )
    (folder / "rules.yaml").write_text(PLACES + rule)
    (question,) = state_questions(event("9", 0.0, region="de1"), load(folder, {}).rules, now=0.0)
    record = {
        "why": "cooldown",
        "ends": START + 3_600_000,
        "told": {"noc": ToldStatus("firing", START)},
        "until": 2 * START,
    }
    with_connection(redis_url, lambda each: put(each, sample, question.alert_key, **record))

    text = explain(redis_url.reveal()).stdout
    alert = json.decode(explain(redis_url.reveal(), "--json").stdout)["rules"][0]["standing"][
        "alert"
    ]

    state = "firing, suppressed: cooldown until 2023-11-14 23:13Z"
    assert (
        f"  now: alert {question.alert_key}, since 2023-11-14 22:13Z: {state}\n"
        "    told noc: firing 2023-11-14 22:13Z\n"
    ) in text
    assert (alert["state"], alert["told"]) == (state, ["noc: firing 2023-11-14 22:13Z"])


def test_without_redis_the_rest_is_explained_and_the_reason_said(explain: Explain) -> None:
    url = "redis://127.0.0.1:1/0"
    shown = explain(url)
    offline = explain(url, "--offline")
    live = explain(url, "--live")

    assert (shown.exit_code, shown.stdout) == (0, offline.stdout)
    assert shown.stderr.startswith(
        "note: the state of rules was not read; --offline does not try: "
    )
    assert shown.stderr.count("\n") == 1
    assert (offline.exit_code, offline.stderr) == (0, "")
    assert (live.exit_code, live.stdout) == (2, "")
