"""Output that all commands share: errors become lines on standard error, values become JSON."""

import sys
from typing import Any

import click
import msgspec

from router.configuration.diagnostics import render_diagnostics
from router.errors import ConfigurationError, RulesError


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
                click.echo(f"router: {line}", err=True)
        return ctx.exit(2)


def as_json(value: object) -> str:
    """Return ``value`` as indented JSON; types that msgspec does not encode become strings."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
