"""A server of its own: found, started, stopped, and replaced after a kill."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pytest
from redis.asyncio import Redis

from router.dev import embedded_redis
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.errors import ConfigurationError
from router.journal.connection import connect
from router.journal.redis_health import durability_problems


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_configured_program_comes_first() -> None:
    assert find_server("mine", which=lambda name: f"/opt/{name}") == Path("/opt/mine")


def test_valkey_on_the_path_comes_before_redis() -> None:
    assert find_server("", which=lambda name: f"/usr/bin/{name}") == Path("/usr/bin/valkey-server")
    only_redis = {"redis-server": "/usr/bin/redis-server"}
    assert find_server("", which=only_redis.get) == Path("/usr/bin/redis-server")


def test_a_configured_program_that_is_missing_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="ROUTER_REDIS_SERVER: there is no program 'mine'"):
        find_server("mine", which=lambda _: None)


async def test_it_is_as_durable_as_production_needs(tmp_path: Path) -> None:
    server = EmbeddedRedis(find_server(""), tmp_path)
    server.start()
    connection = connect(server.url, deadline=5.0, max_connections=1)

    assert durability_problems(await connection.redis.info()) == []

    await connection.close()
    server.stop()
    assert not server.socket.exists()


@pytest.mark.default_user
async def test_data_is_there_after_a_stop_and_after_a_kill(tmp_path: Path) -> None:
    program = find_server("")
    for end in (EmbeddedRedis.stop, EmbeddedRedis.kill):
        server = EmbeddedRedis(program, tmp_path, appendfsync="always")
        server.start()
        client = Redis(unix_socket_path=str(server.socket))
        await client.incr("runs")
        await client.aclose()
        end(server)
    server.start()
    client = Redis(unix_socket_path=str(server.socket))

    assert await client.get("runs") == b"2"

    await client.aclose()
    server.stop()


def test_a_signal_between_the_start_of_the_server_and_its_being_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler of a signal raises SystemExit inside of ``Popen``, when the server runs already."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> NoReturn:
        started.append(popen(*arguments, **options))
        raise SystemExit(143)

    server = EmbeddedRedis(find_server(""), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", interrupted)
        with pytest.raises(SystemExit):
            server.start()
    server.stop()

    assert started[0].wait(60) == 0
    assert not server.socket.exists()


def killed_router(folder: Path) -> int:
    """Start a server in a process that is then killed; return the server's process id."""
    code = (
        "import os, pathlib, signal, sys;"
        "from router.dev.embedded_redis import EmbeddedRedis, find_server;"
        "server = EmbeddedRedis(find_server(''), pathlib.Path(sys.argv[1]));"
        "server.start(); print(server.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    answer = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", code, str(folder)], capture_output=True, check=False, timeout=60
    )
    return int(answer.stdout)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and is not reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("state", ["running", "stopped", "without a pid file"])
def test_the_server_of_a_killed_router_is_ended_first(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case O10: one server on one folder, also if the old one obeys no SIGTERM."""
    monkeypatch.setattr(embedded_redis, "_STOP_SECONDS", 1.0)
    pid = killed_router(tmp_path)
    server = EmbeddedRedis(find_server(""), tmp_path)
    try:
        if state == "stopped":
            os.kill(pid, signal.SIGSTOP)
        if state == "without a pid file":
            (server.folder / "server.pid").unlink()
            monkeypatch.setattr(embedded_redis, "_STOP_SECONDS", 0.1)
            with pytest.raises(ConfigurationError, match=r"still uses .*: end it"):
                server.start()
        else:
            server.start()
            assert not is_alive(pid)
    finally:
        server.stop()
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_long_path_of_temporary_files_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """unix(7): the path of a socket has at most 107 bytes."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    server = EmbeddedRedis(find_server(""), tmp_path)
    server.start()
    server.stop()


def test_a_second_router_on_the_same_folder_does_not_start(tmp_path: Path) -> None:
    """Case O10: it neither ends the first one's server nor starts one beside it."""
    first = EmbeddedRedis(find_server(""), tmp_path)
    first.start()
    second = EmbeddedRedis(find_server(""), tmp_path)

    with pytest.raises(ConfigurationError, match="another router dev runs with the data in"):
        second.start()

    second.stop()
    assert is_alive(first.pid)
    first.stop()
    second = EmbeddedRedis(find_server(""), tmp_path)
    second.start()
    second.stop()


def test_a_program_that_is_no_server_is_an_error(tmp_path: Path) -> None:
    other = program(tmp_path / "other", "echo hello")

    with pytest.raises(ConfigurationError, match="neither a Redis nor a Valkey server"):
        EmbeddedRedis(other, tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be run"):
        EmbeddedRedis(tmp_path / "missing", tmp_path)


def test_a_server_that_does_not_start_shows_its_last_line(tmp_path: Path) -> None:
    text = '[ "$1" = --version ] && echo "Redis server v=7.0.0" || { echo no memory; exit 1; }'
    server = EmbeddedRedis(program(tmp_path / "redis", text), tmp_path)

    with pytest.raises(ConfigurationError, match="redis did not start: no memory"):
        server.start()
    server.stop()


def test_a_server_that_was_not_started_has_no_process(tmp_path: Path) -> None:
    server = EmbeddedRedis(find_server(""), tmp_path)

    with pytest.raises(RuntimeError, match="not started"):
        _ = server.pid
    server.stop()
