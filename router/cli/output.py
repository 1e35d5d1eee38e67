"""Output that all commands share: errors become lines on standard error, values become JSON."""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import click
import msgspec

from router.configuration.diagnostics import render_diagnostics
from router.errors import ConfigurationError, RulesError
from router.printable import printable_json, printable_lines


class CommandGroup(click.Group):
    """A group that prints configuration errors and exits with code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print a ConfigurationError, or an OSError about a file, and exit with 2."""
        try:
            return super().invoke(ctx)
        except RulesError as error:
            click.echo(render_diagnostics(error.diagnostics, color=has_color(sys.stderr)), err=True)
        except ConfigurationError as error:
            for line in str(error).splitlines():
                echo(f"router: {line}", err=True)
        except OSError as error:
            # One about a file that the user named. Any other one is a fault of the router.
            if error.filename is None or isinstance(error, BrokenPipeError):
                raise
            echo(f"router: {os.fsdecode(error.filename)}: {error.strerror}", err=True)
        return ctx.exit(2)


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
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        signal.raise_signal(signal.SIGTERM)


def as_json(value: object) -> str:
    """Return ``value`` as indented JSON; types that msgspec does not encode become strings."""
    encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    return printable_json(encoded.decode())
