"""What all commands have in common: errors become lines, values become JSON."""

import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from router.configuration.diagnostics import render_diagnostics
from router.errors import ConfigurationError, RulesError

FOLDER: Final = click.Path(file_okay=False, path_type=Path)


class CommandGroup(click.Group):
    """Turns the operator's errors into clear lines and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RulesError as error:
            click.echo(render_diagnostics(error.diagnostics, color=sys.stderr.isatty()), err=True)
        except ConfigurationError as error:
            for line in str(error).splitlines():
                click.echo(f"router: {line}", err=True)
        return ctx.exit(2)


def as_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
