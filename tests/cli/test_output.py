"""Output of commands: colour, and errors about files."""

import asyncio
import errno
import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.router_program import router_program

from router.cli.output import CommandGroup, can_move_cursor, has_color


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "color", "cursor"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({}, True, True),
        ({"NO_COLOR": "1"}, False, True),
        ({"NO_COLOR": "0"}, False, True),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_a_terminal_says_what_it_has(environ: dict[str, str], *, color: bool, cursor: bool) -> None:
    assert has_color(Terminal(), environ) is color
    assert can_move_cursor(Terminal(), environ) is cursor


def test_a_pipe_has_neither() -> None:
    assert not has_color(io.StringIO(), {"TERM": "xterm"})
    assert not can_move_cursor(io.StringIO(), {"TERM": "xterm"})


@pytest.mark.parametrize(
    ("more", "color"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_findings_have_colour_on_a_terminal_only(
    more: dict[str, str], tmp_path: Path, *, color: bool
) -> None:
    """Case O18, on a real terminal."""
    (tmp_path / "a.yaml").write_text("rulse: []\n")
    environ = {**os.environ, **more}
    if "NO_COLOR" not in more:
        environ.pop("NO_COLOR", None)
    ours, theirs = pty.openpty()
    command = [router_program(), "check", str(tmp_path)]
    try:
        subprocess.run(  # noqa: S603 - our own interpreter
            command,
            stdout=theirs,
            stderr=theirs,
            stdin=theirs,
            env=environ,
            check=False,
            timeout=60,
        )
        shown = os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)

    assert b"unknown section" in shown
    assert (b"\x1b[" in shown) is color


def group_that(does: Callable[[], None]) -> click.Group:
    """Return a group of commands that has a group with one command."""
    group = CommandGroup("router")
    inner = CommandGroup("events")
    inner.command("list")(does)
    group.add_command(inner)
    return group


def interrupt() -> None:
    raise KeyboardInterrupt


def interrupt_a_prompt() -> None:
    try:
        interrupt()
    except KeyboardInterrupt:
        raise click.Abort from None  # as click's prompts do


def end_a_prompt() -> None:
    click.prompt("Name")


async def print_to_nothing() -> None:
    raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def print_in_a_task() -> None:
    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(print_to_nothing())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("does", "code", "line"),
    [
        (interrupt, 130, "router: interrupted\n"),
        (interrupt_a_prompt, 130, "router: interrupted\n"),
        (end_a_prompt, 1, "Aborted!\n"),
        (print_in_a_task, 1, ""),
    ],
)
def test_an_end_from_outside_has_its_exit_code_and_no_traceback(
    does: Callable[[], None], code: int, line: str
) -> None:
    result = CliRunner().invoke(group_that(does), ["events", "list"])
    assert (result.exit_code, result.stderr) == (code, line)
    assert isinstance(result.exception, SystemExit)


def test_a_full_disk_under_the_output_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "router", "init", "--list"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (2, b"router: cannot write: No space left on device\n")


def test_a_process_that_serves_stops_when_it_cannot_print() -> None:
    code = "from router.cli.output import echo_or_stop; echo_or_stop('a'); raise RuntimeError"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/proc/nope"), True),
        (OSError(errno.ENOSPC, "No space left on device", b"/tmp/x"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), False),
    ],
)
def test_an_error_about_a_file_is_one_line(error: OSError, *, shown: bool) -> None:
    """Case O16: an error about no file is a fault of the router, and keeps its traceback."""
    group = CommandGroup("router")

    @group.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(group, ["fail"])
    if shown:
        assert result.exit_code == 2
        assert result.stderr == f"router: {os.fsdecode(error.filename)}: {error.strerror}\n"
    else:
        assert result.exit_code == 1
