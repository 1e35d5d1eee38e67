"""The rules folder and the events file, as the commands that send nothing read them."""

import os
from pathlib import Path
from typing import BinaryIO, Final

import click

from router.cli.event_file import read_whole
from router.cli.event_problems import describe_problem, name_of
from router.cli.folder_path import FolderPath
from router.cli.output import echo
from router.clock import Clock
from router.configuration.load import load
from router.configuration.model import Configuration
from router.configuration.variables import MissingVariable
from router.destinations.contract import Environment
from router.errors import ConfigurationError, EventError
from router.events.decode import decode_strictly
from router.events.masks import Masks
from router.events.model import Event
from router.settings.model import Settings

FOLDER: Final = FolderPath()
EVENTS_LIMIT: Final = 1000
"""Events in one file."""

rules_option = click.option(
    "--rules", type=FOLDER, help="Rules folder.  [default: ROUTER_RULES, or rules]"
)


def folder_or_default(folder: Path | None) -> Path:
    """Return ``folder``, or the folder that ROUTER_RULES names. Raise SettingsError."""
    return folder or Settings.read(os.environ).rules


def load_rules(folder: Path, *, now: float | None = None) -> Configuration:
    """Load a rules folder whose variables need not be set.

    Args:
        folder: The folder.
        now: Unix seconds, to warn of silences that have ended; None for no such warnings.

    Raises:
        RulesError: The folder has errors.

    """
    return load(folder, os.environ, missing=MissingVariable.KEEP, now=now)


def usable_rules() -> Configuration | None:
    """Return the configuration of ROUTER_RULES; None if this machine has no valid folder."""
    try:
        return load_rules(Settings.read(os.environ).rules)
    except ConfigurationError:
        return None


def preview_environment(clock: Clock) -> Environment:
    """Return the environment for destinations that only render; template errors go to stderr."""
    settings = Settings.read(os.environ)
    return Environment(
        egress=settings.egress,
        now=clock.now,
        on_template_error=lambda line: echo(line, err=True),
        masks=Masks(settings.masked_fields),
    )


def read_events(file: BinaryIO, clock: Clock) -> list[Event]:
    """Read a file with one CloudEvent or an array of up to ``EVENTS_LIMIT``, at least one.

    Raises:
        ConfigurationError: The file is not valid.

    """
    content = read_whole(file)
    try:
        events = decode_strictly(content, received_at=clock.now(), max_events=EVENTS_LIMIT)
    except EventError as error:
        raise ConfigurationError(describe_problem(name_of(file), content, error)) from None
    if not events:
        raise ConfigurationError(f"{name_of(file)} contains no event")
    return events
