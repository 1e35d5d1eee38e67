"""A group of commands that imports a command's module only when the command runs.

A serving process does not need the modules of ``backtest`` or ``send``; ``--help`` and shell
completion need none at all. The group therefore lists each command with its location and the
first sentence of its help.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem

from router.cli.output import CommandGroup


class LazyCommand(msgspec.Struct, frozen=True):
    """A command that is not imported yet."""

    location: str
    """``module:attribute``; the module is below ``router.cli``."""
    help: str
    """First sentence of the command's own help."""

    def load(self) -> click.Command:
        """Import the module and return the command."""
        module, _, attribute = self.location.partition(":")
        command: click.Command = getattr(importlib.import_module(f"router.cli.{module}"), attribute)
        return command

    def listed(self) -> click.Command:
        """Return a command that has nothing but this help."""
        return click.Command(None, help=self.help)


class LazyGroup(CommandGroup):
    """A group that lists and completes its commands without importing them."""

    def __init__(
        self, *args: Any, commands_by_name: Mapping[str, LazyCommand], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.commands_by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        del ctx
        return sorted(self.commands_by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if no command has this name."""
        del ctx
        command = self.commands_by_name.get(cmd_name)
        return None if command is None else command.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands as click writes it, from the listed sentences."""
        listed = {name: command.listed() for name, command in self.commands_by_name.items()}
        click.Group(commands=listed).format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with ``incomplete``, then the options that do."""
        return [
            CompletionItem(name, help=self.commands_by_name[name].help)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ] + click.Command.shell_complete(self, ctx, incomplete)
