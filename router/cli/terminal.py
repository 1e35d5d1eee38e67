"""What commands have in common: errors become lines, values become JSON, files become events."""

import os
import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from router.app import system_clock
from router.errors import ConfigurationError, EventError, RulesError
from router.events import Event, decode_strictly
from router.findings import render_findings
from router.settings import Settings
from router.telemetry import configure_logging

FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_EVENTS_LIMIT: Final = 1000


class Commands(click.Group):
    """Turns the operator's errors into clear lines and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RulesError as error:
            click.echo(render_findings(error.findings, color=sys.stderr.isatty()), err=True)
        except ConfigurationError as error:
            for line in str(error).splitlines():
                click.echo(f"router: {line}", err=True)
        return ctx.exit(2)


def read_settings() -> Settings:
    """The settings of a process that serves; its log is set up as they say."""
    settings = Settings.read(os.environ)
    configure_logging(settings.log_format, settings.log_level)
    return settings


def read_events(body: bytes) -> list[Event]:
    """The CloudEvents of a file, one or an array. Raises ConfigurationError."""
    try:
        return decode_strictly(body, received_at=system_clock().now(), max_events=_EVENTS_LIMIT)
    except EventError as error:
        place = f" at {error.path}" if error.path else ""
        raise ConfigurationError(f"this is no CloudEvent: {error.message}{place}") from None


def as_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
