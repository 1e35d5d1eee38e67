"""Commands that need Redis."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.redis_servers import RedisServer

from router.cli import main


def test_unavailable_redis_is_one_line(tmp_path: object) -> None:
    environ = {"ROUTER_REDIS_URL": f"unix://{tmp_path}/none.sock"}
    away = CliRunner().invoke(main, ["dead-letters", "list"], env=environ)
    assert away.exit_code == 2
    assert away.stderr == (
        f"router: Redis has no socket at {tmp_path}/none.sock;"
        " start it, or correct the path in ROUTER_REDIS_URL\n"
    )


def test_a_wrong_port_is_asked_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant seen to fail: no second connection; "Redis did not answer in time" after the deadline."""
    with RedisServer(tmp_path / "redis") as server:
        environ = {"ROUTER_REDIS_URL": f"rediss://127.0.0.1:{server.port}/0?ssl_cert_reqs=none"}
        monkeypatch.setattr("router.cli.top._REDIS_SECONDS", 0.3)
        refused = CliRunner().invoke(main, ["top", "--once"], env=environ)

    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("router: Redis speaks no TLS at the port in ROUTER_REDIS_URL;")


def test_a_known_state_of_redis_is_one_line_with_the_next_step(tmp_path: Path) -> None:
    """Mutant seen to fail: the hint to set the URL follows each error."""
    with RedisServer(tmp_path / "redis") as server:
        server.ask("REPLICAOF", "127.0.0.1", "1")
        environ = {"ROUTER_REDIS_URL": server.url.reveal()}
        refused = CliRunner().invoke(main, ["destinations", "resume", "noc"], env=environ)

    assert refused.exit_code == 2
    assert refused.stderr == (
        "router: Redis answers READONLY: it is a replica, which takes no writes;"
        " point ROUTER_REDIS_URL at the primary\n"
    )
