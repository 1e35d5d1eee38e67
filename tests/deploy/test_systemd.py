"""systemd: the units, judged by systemd-analyze, and their commands with what the units permit."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import pytest
from support.confined import seccomp
from support.redis_servers import free_port
from support.systemd_units import (
    ANALYZE,
    FOLDER,
    PROGRAM,
    SystemdUnit,
    copy_units,
    permitted_system_calls,
    read_unit,
)

from router.datatypes import Secret
from router.settings.model import Settings

ROOT: Final = Path(__file__).parents[2]
UNITS: Final = (
    "router-ingress.service",
    "router-worker.service",
    "router-worker@mailbox.service",
    "router-kinesis.service",
)
EXPOSURE: Final = 1.5
"""The highest exposure that systemd-analyze may compute; a unit without hardening has 9.6."""
FAMILIES: Final = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")
needs_seccomp = pytest.mark.skipif(
    ANALYZE is None or seccomp() is None, reason="there is no systemd-analyze or no libseccomp"
)


def analyzed(folder: Path, *arguments: str) -> str:
    assert ANALYZE is not None
    done = subprocess.run(  # noqa: S603
        [ANALYZE, "--no-pager", *arguments],
        env={"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_systemd
def test_systemd_finds_nothing_wrong_in_the_units(tmp_path: Path) -> None:
    folder = copy_units(tmp_path, Path(sys.prefix, "bin", "router"))

    assert analyzed(folder, "verify", "--man=no", "--recursive-errors=no", *UNITS) == ""


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_the_units_are_hardened(name: str) -> None:
    options = ("--offline=true", f"--threshold={10 * EXPOSURE:.0f}")

    assert f"Overall exposure level for {name}" in analyzed(FOLDER, "security", *options, name)


@pytest.mark.parametrize("name", UNITS)
def test_no_memory_is_written_and_executed(name: str) -> None:
    """Its share of the exposure is too small for the limit."""
    assert read_unit(name).last("MemoryDenyWriteExecute") == "yes"


@pytest.mark.parametrize("name", UNITS)
def test_a_stop_leaves_time_to_drain(name: str) -> None:
    unit = read_unit(name)

    assert int(unit.last("TimeoutStopSec")) > 2 * Settings().drain_timeout
    assert unit.last("KillMode") == "mixed"
    assert unit.last("ExecReload") == "/bin/kill -HUP $MAINPID"
    assert unit.last("Restart") == "always"
    assert unit.settings["ExecStart"][0].startswith(f"{PROGRAM} ")


@pytest.mark.parametrize("name", UNITS)
def test_the_example_of_the_settings_is_valid(name: str) -> None:
    settings = Settings.read(read_unit(name).environment(FOLDER, Path("/none")))

    assert settings.rules == Path("/etc/router/rules")
    assert settings.admin_token == Settings().admin_token


def test_the_file_of_one_unit_wins(tmp_path: Path) -> None:
    """Mutant: its line in the unit, because a drop-in is read after the unit."""
    (tmp_path / "router.env").write_text("ROUTER_LOG_LEVEL=info\nSMTP_URL=one\n")
    (tmp_path / "router-worker@mailbox.env").write_text("# of one\nROUTER_LOG_LEVEL='debug'\n")
    environ = read_unit("router-worker@mailbox.service").environment(tmp_path, tmp_path)

    assert environ["ROUTER_LOG_LEVEL"] == "debug"
    assert environ["SMTP_URL"] == "one"
    assert environ["ROUTER_WORKER_PORT"] == "0"


class Started(msgspec.Struct):
    """A unit whose process has reported that it is ready."""

    process: asyncio.subprocess.Process
    environ: dict[str, str]
    notified: bytes

    async def get(self, variable: str, path: str) -> int:
        url = f"http://127.0.0.1:{self.environ[variable]}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status


@contextlib.asynccontextmanager
async def started(
    unit: SystemdUnit, redis_url: Secret, folder: Path, *options: str, **changes: str
) -> AsyncIterator[Started]:
    """Run ``ExecStart`` with the unit's variables, system calls, address families and memory."""
    await asyncio.to_thread(_configure, folder)
    environ = {
        **unit.environment(folder, folder / "credentials"),
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(ROOT / "deploy" / "rules"),
        "SMTP_URL": "smtp://127.0.0.1:1",
        **{name: str(free_port()) for name in ("ROUTER_PORT", "ROUTER_OPERATIONS_PORT")},
        "ROUTER_WORKER_PORT": str(free_port()),
        "NOTIFY_SOCKET": str(folder / "notify"),
        "PATH": "/usr/bin:/bin",
        **changes,
    }
    command = [word.replace(PROGRAM, f"{sys.prefix}/bin/router") for word in unit.command(environ)]
    families = [str(FAMILIES[name]) for name in unit.last("RestrictAddressFamilies").split()]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(environ["NOTIFY_SOCKET"])
        manager.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "tests" / "support" / "confined.py")),
            *(",".join(permitted_system_calls(unit)), ",".join(families)),
            *(*command, *options),
            env=environ,
            stderr=asyncio.subprocess.PIPE,
        )
        lines: list[bytes] = []
        reader = asyncio.get_running_loop().create_task(_read(process, lines))
        try:
            async with asyncio.timeout(60):
                notified = await asyncio.get_running_loop().sock_recv(manager, 64)
            yield Started(process, environ, notified)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(60):
                await process.wait()
                await reader
            assert b"Traceback" not in b"".join(lines), b"".join(lines).decode()


def _configure(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    shutil.copy(FOLDER / "router.env", folder)


async def _read(process: asyncio.subprocess.Process, lines: list[bytes]) -> None:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        lines.append(line)


@needs_seccomp
async def test_ingress_runs_with_what_its_unit_permits(redis_url: Secret, tmp_path: Path) -> None:
    """And reports readiness to systemd when both of its processes listen."""
    unit = read_unit("router-ingress.service")
    async with started(unit, redis_url, tmp_path / "etc", "--processes", "2") as ingress:
        assert ingress.notified == b"READY=1"
        assert await ingress.get("ROUTER_OPERATIONS_PORT", "/readyz") == 200
        assert await ingress.get("ROUTER_OPERATIONS_PORT", "/metrics") == 200
        assert await ingress.get("ROUTER_PORT", "/metrics") == 404
    assert ingress.process.returncode == 0


@pytest.mark.deploy
@needs_seccomp
async def test_a_worker_runs_with_what_its_unit_permits(redis_url: Secret, tmp_path: Path) -> None:
    unit = read_unit("router-worker.service")
    async with started(unit, redis_url, tmp_path / "etc") as worker:
        assert worker.notified == b"READY=1"
        assert await worker.get("ROUTER_WORKER_PORT", "/readyz") == 200
        worker.process.send_signal(signal.SIGHUP)  # as ExecReload does
        assert await worker.get("ROUTER_WORKER_PORT", "/readyz") == 200


@pytest.mark.deploy
@needs_seccomp
async def test_a_worker_of_one_destination_runs(redis_url: Secret, tmp_path: Path) -> None:
    unit = read_unit("router-worker@mailbox.service")
    async with started(unit, redis_url, tmp_path / "etc") as worker:
        assert unit.command(worker.environ)[-2:] == ["--destination", "mailbox"]
        assert await worker.get("ROUTER_WORKER_PORT", "/readyz") == 200


@pytest.mark.deploy
@needs_seccomp
async def test_secrets_are_credentials_of_systemd(redis_url: Secret, tmp_path: Path) -> None:
    """The example's lines, with files where systemd puts them."""
    credentials = tmp_path / "etc" / "credentials"
    credentials.mkdir(parents=True)
    unit = read_unit("router-worker.service", FOLDER / "credentials.conf")
    loaded = dict(line.split(":", 1) for line in unit.settings["LoadCredential"])
    for name in loaded:
        (credentials / name).write_text(f"secret-of-{name}-0123456789\n")
    assert loaded == {name: f"/etc/router/credentials/{name}" for name in loaded}

    async with started(unit, redis_url, tmp_path / "etc") as worker:
        token = "secret-of-admin-token-0123456789"
        url = f"http://127.0.0.1:{worker.environ['ROUTER_WORKER_PORT']}/api/v1/rules"
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as reply:
            assert reply.status == 200
    settings = Settings.read(worker.environ)
    assert settings.twilio_auth_tokens == (Secret("secret-of-twilio-auth-tokens-0123456789"),)


@needs_seccomp
async def test_what_the_units_forbid_is_forbidden() -> None:
    """The confinement of these tests is one: a mutant without it would show nothing."""
    unit = read_unit("router-worker.service")
    script = (
        "import os, socket\n"
        "for act in (lambda: os.chroot('/'), lambda: os.setuid(5), lambda: os.nice(1),\n"
        "            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)):\n"
        "    try: act()\n"
        "    except OSError as error: print(error.errno)\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "tests" / "support" / "confined.py")),
        *(",".join(permitted_system_calls(unit)), "1,2,10,16"),
        *(sys.executable, "-c", script),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()

    assert output.split() == [b"1", b"1", b"1", b"97"]
