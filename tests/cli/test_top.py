"""`router top` without a terminal: one snapshot."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from support import least_rights
from support.redis_servers import RedisServer, free_port

from router.cli import main
from router.top.snapshot import TopSnapshot

Router = Callable[..., Result]


@pytest.mark.usefixtures("dead")
def test_a_pipe_gets_one_snapshot(router: Router) -> None:
    result = router("top")

    assert result.exit_code == 0
    assert "2 dead" not in result.stdout
    assert "5 dead letters, 1 in quarantine" in result.stdout
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


@pytest.mark.usefixtures("dead")
def test_a_snapshot_as_json_has_all_figures(router: Router) -> None:
    shown = msgspec.json.decode(router("top", "--json").stdout, type=TopSnapshot)

    assert (shown.dead_letters, shown.quarantined) == (5, 1)
    assert [(each.name, each.dead) for each in shown.destinations] == [("mail", 5)]
    assert shown.redis.memory_bytes > 0


def test_once_without_redis_is_an_error(router: Router) -> None:
    result = router("top", "--once", ROUTER_REDIS_URL=f"redis://127.0.0.1:{free_port()}")

    assert result.exit_code == 2
    assert result.stderr.startswith("router: Redis refuses the connection at 127.0.0.1:")


def test_an_interval_that_is_too_short_is_an_error(router: Router) -> None:
    assert router("top", "--interval", "1ms").exit_code == 2


def test_a_right_that_is_missing_is_one_line_with_the_right_alone(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        server.ask("ACL", "SETUSER", least_rights.USER, "-mget")
        environ = {"ROUTER_REDIS_URL": server.url.reveal()}
        result = CliRunner().invoke(main, ["top", "--once"], env=environ)

    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.endswith(
        "it forbids the user of ROUTER_REDIS_URL MGET; grant the user +mget\n"
    )


def test_nothing_is_well_while_events_are_refused(tmp_path: Path) -> None:
    """Seen to fail: "all well" on a replica, a full Redis, and one that lacks replicas."""
    with RedisServer(tmp_path / "redis") as server:
        environ = {"ROUTER_REDIS_URL": server.url.reveal()}
        server.ask("CONFIG", "SET", "min-replicas-to-write", "1")
        shown = CliRunner().invoke(main, ["top", "--once"], env=environ)
        server.ask("CONFIG", "SET", "min-replicas-to-write", "0")
        well = CliRunner().invoke(main, ["top", "--once"], env=environ)

    assert "events are refused: Redis answers NOREPLICAS" in shown.stdout
    assert "Bring the replicas back" in shown.stdout
    assert "all well" in well.stdout
