"""Output that all commands share: errors become lines on standard error, values become JSON."""

import sys
from typing import Any

import click
import msgspec

from router.configuration.diagnostics import render_diagnostics
from router.errors import ConfigurationError, RulesError
from router.printable import printable_json, printable_lines


class CommandGroup(click.Group):
    """A group that prints configuration errors and exits with code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; on a ConfigurationError print each line of it and exit with code 2."""
        try:
            return super().invoke(ctx)
        except RulesError as error:
            click.echo(render_diagnostics(error.diagnostics, color=sys.stderr.isatty()), err=True)
        except ConfigurationError as error:
            for line in str(error).splitlines():
                echo(f"router: {line}", err=True)
        return ctx.exit(2)


def echo(text: str, *, err: bool = False) -> None:
    """Print lines. Control characters, which a terminal would obey, become escapes.

    Args:
        text: The lines. Events, replies and records in it contain whatever their senders wrote.
        err: Whether to print to standard error.
    """
    click.echo(printable_lines(text), err=err)


def as_json(value: object) -> str:
    """Return ``value`` as indented JSON; types that msgspec does not encode become strings."""
    encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    return printable_json(encoded.decode())
