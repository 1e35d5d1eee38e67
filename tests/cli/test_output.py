"""Output of commands: colour, and errors about files."""

import errno
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

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
    command = [sys.executable, "-m", "router", "check", str(tmp_path)]
    try:
        subprocess.run(  # noqa: S603 - our own interpreter
            command,
            stdout=theirs,
            stderr=theirs,
            stdin=theirs,
            env=environ,
            check=False,
            timeout=30,
        )
        shown = os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)

    assert b"unknown section" in shown
    assert (b"\x1b[" in shown) is color


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
