"""The program that stands for the router in pages and tests does what an installed router does."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fork_server import SCRIPT
from support.router_program import router_program

ENVIRON = {"PATH": "/usr/bin:/bin", "ROUTER_RULES": "one", "NO_COLOR": "1"}

LINE = b'{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": "%s"}\n' % (
    b"x" * 1000
)


def done(program: str, folder: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a command in a folder."""
    process = subprocess.run(  # noqa: S603 - the router itself
        [program, *arguments],
        cwd=folder,
        env={**ENVIRON, **more},
        input='{"id": "é"}\n',
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return process.returncode, process.stdout, process.stderr


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("--help",), {}),
        (("check",), {}),
        (("check",), {"ROUTER_RULES": "nowhere"}),
        (("check",), {"ROUTER_PROT": "1"}),
        (("check",), {"PYTHONWARNINGS": "error"}),  # another interpreter, which is executed
        (("explain", "--offline", "-"), {}),
    ],
)
def test_a_command_prints_and_ends_as_it_does_installed(
    arguments: tuple[str, ...], more: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "rules.yaml").write_text("rulse: []\n")

    forked = done(router_program(), tmp_path, *arguments, **more)

    assert forked == done(str(SCRIPT), tmp_path, *arguments, **more)


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """What runs the tests may ignore SIGHUP, as nohup does, and its children then do too."""
    before = {
        number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.usefixtures("usual_signals")
async def test_a_signal_ends_the_router_behind_it(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *(router_program(), "send", "-", "--lines", "--url", "http://127.0.0.1:1/events"),
        env=ENVIRON,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin
    assert process.stdout
    async with asyncio.timeout(60):
        process.stdin.write(LINE * 400)  # more than a pipe holds: the router reads it, so it runs
        await process.stdin.drain()
        process.send_signal(number)
        await process.stdout.read()  # to the end: no process has the pipe any more
        code = await process.wait()

    assert code == -number
