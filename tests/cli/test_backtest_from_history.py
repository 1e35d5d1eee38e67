"""``router backtest --from-history``: rules against what really came."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.clock import SetClock
from support.past import Past
from support.world import PLACES

from router.cli import main
from router.clock import system_clock
from router.datatypes import Secret
from router.journal.connection import connect

pytestmark = pytest.mark.server
HERE = "rules: [{name: high, events: [a], when: data.n >= 3, send_to: [noc]}]"
THERE = "rules: [{name: high, events: [a], when: data.n >= 4, send_to: [noc]}]"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    for name, text in (("here", HERE), ("there", THERE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(PLACES + text)
    return str(tmp_path / "here"), str(tmp_path / "there")


@pytest.fixture
def recorded(redis_url: Secret) -> None:
    """Three events of two hours ago, and two of now, of which one is masked; none has a time."""

    async def record() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=4)
        time = SetClock()
        time.now = system_clock().now() - 7200
        past = Past(connection, time, HERE)
        await past.send(*(past.event(str(n), n=n) for n in range(3)))
        time.now += 7100
        await past.send(past.event("3", n=3))
        masked = Past(connection, time, HERE, masked=["data.region"])
        await masked.send(masked.event("4", n=5, region="us1"))
        await connection.close()

    asyncio.run(record())


def backtest(redis_url: Secret, *arguments: str) -> Result:
    environ = {"ROUTER_REDIS_URL": redis_url.reveal()}
    return CliRunner().invoke(main, ["backtest", *arguments], env=environ)


@pytest.mark.usefixtures("recorded")
def test_the_events_of_a_time_are_evaluated(redis_url: Secret, folders: tuple[str, str]) -> None:
    result = backtest(redis_url, "--from-history", "1h", "--rules", folders[0])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].endswith(": 2 events")
    assert lines[1].startswith("1 event with masked fields")
    assert "high        2        2        0" in result.stdout
    longer = backtest(redis_url, "--from-history", "1d", "--rules", folders[0], "--json")
    tally = msgspec.json.decode(longer.stdout)
    assert (tally["events"], tally["history"]["events"], tally["history"]["masked"]) == (5, 5, 1)
    assert tally["history"]["begins"] > tally["history"]["wanted_since"]
    assert tally["first"] < tally["last"]  # when they came in, because they have no times


@pytest.mark.usefixtures("recorded")
def test_two_folders_are_compared_on_history(redis_url: Secret, folders: tuple[str, str]) -> None:
    here, there = folders
    result = backtest(redis_url, "--from-history", "1d", "--rules", here, "--against", there)
    assert "high: 1 alert there, 2 here" in result.stdout


def test_an_empty_history_says_so(redis_url: Secret, folders: tuple[str, str]) -> None:
    result = backtest(redis_url, "--from-history", "1h", "--rules", folders[0])
    assert "history is empty: " in result.stdout


def test_a_file_or_history_must_be_given(redis_url: Secret) -> None:
    result = backtest(redis_url)
    assert result.stderr == "router: give a file of EVENTS, or --from-history 24h\n"
