"""Output that all commands share: errors become lines on standard error, values become JSON."""

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import click
import msgspec

from router.cli.usage_hints import HintingGroup
from router.configuration.diagnostics import render_diagnostics
from router.errors import ConfigurationError, RulesError, only_error
from router.printable import printable_json, printable_lines

INTERRUPTED: Final = 130
"""The exit code by which shells know that SIGINT ended a command: 128 and the signal's number."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a write to an output that has no room; Python names no file in them."""


class CommandGroup(HintingGroup):
    """A group that prints configuration errors and exits with code 2, and with 130 after Ctrl-C."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; standard files that the caller has closed lead nowhere."""
        _open_standard_files()
        _allow_all_characters()
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print a ConfigurationError, or an OSError about a file, and exit with 2.

        An output that is closed ends the command with 1 and without a word, as click does it.
        """
        try:
            return self._invoke_alone(ctx)
        except (KeyboardInterrupt, click.Abort) as error:
            if not _is_interrupt(error):
                raise
            _print_interrupted()
            return ctx.exit(INTERRUPTED)
        except RulesError as error:
            click.echo(render_diagnostics(error.diagnostics, color=has_color(sys.stderr)), err=True)
        except ConfigurationError as error:
            _print_lines(str(error))
        except OSError as error:
            line = _about_output_or_file(error)
            if not line:
                raise
            if error.errno in _FULL:
                _discard_output()  # or Python writes what is left once more at its end
            _print_lines(line)
        return ctx.exit(2)

    def _invoke_alone(self, ctx: click.Context) -> Any:
        """Run the command; raise an OSError of its tasks without their group."""
        try:
            return super().invoke(ctx)
        except BaseExceptionGroup as group:
            error = only_error(group, OSError)
            if error is None:
                raise
            raise error from None


def _print_lines(text: str) -> None:
    for line in text.splitlines():
        echo(f"router: {line}", err=True)


def _print_interrupted() -> None:
    if sys.stderr.isatty():
        click.echo(err=True)  # the terminal's ^C stands on a line of its own
    _print_lines("interrupted")


def _is_interrupt(error: BaseException) -> bool:
    """Return whether Ctrl-C is the reason: click's prompts raise Abort for it, and for other reasons."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)


def _about_output_or_file(error: OSError) -> str:
    """Return the line for an error about a file that the user named, this folder, or the output.

    It is ``""`` for any other error, which is a fault of the router, and for a closed output.
    """
    if isinstance(error, BrokenPipeError):
        return ""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "this folder was deleted: change to another one"  # of os.getcwd, which names none
    if isinstance(error, FileExistsError) and error.filename is not None:
        return (
            f"{os.fsdecode(error.filename)} is a file, or a link that leads nowhere, and no folder"
        )
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return f"cannot write: {error.strerror}" if error.errno in _FULL else ""


def has_color(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether to write to a stream in colour: a terminal that has it and may use it.

    Source: no-color.org; terminfo(5) for the terminal "dumb".
    """
    return can_move_cursor(stream, environ) and not environ.get("NO_COLOR")


def can_move_cursor(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream is a terminal that obeys control sequences."""
    return stream.isatty() and environ.get("TERM") != "dumb"


def echo(text: str, *, err: bool = False) -> None:
    """Print lines. Control characters, which a terminal would obey, become escapes.

    Args:
        text: The lines. Events, replies and records in it contain whatever their senders wrote.
        err: Whether to print to standard error.
    """
    click.echo(printable_lines(text), err=err)


def echo_or_stop(text: str) -> None:
    """Print lines as ``echo`` does; ask this process to stop if nothing reads them any more.

    A command that serves would otherwise fail in whatever prints next, with a traceback for each.
    """
    try:
        echo(text)
    except OSError:  # the reader of a pipe has ended, the terminal is closed, or the disk is full
        _discard_output()
        signal.raise_signal(signal.SIGTERM)


def _open_standard_files() -> None:
    """Open what of standard input, output and error is closed (``router … <&-``).

    The next file that is opened would take its number otherwise, and what is printed would be written
    into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _allow_all_characters() -> None:
    """Print characters that the terminal's encoding lacks as escapes, instead of failing at them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Let standard output lead nowhere, if it is a file."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def as_json(value: object) -> str:
    """Return ``value`` as indented JSON; types that msgspec does not encode become strings."""
    encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    return printable_json(encoded.decode())
