"""A group of commands, each imported when it is called.

A process that serves has no use for the modules of ``backtest`` or ``send``, and whoever asks for
``--help`` or the next word (TAB) has none for any of them. So a group knows of each command its
place and the first sentence of its help, and imports what is run.
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

    place: str
    """``module:attribute``, the module below ``router.cli``."""
    help: str
    """The first sentence of its help, as its own ``--help`` has it."""

    def load(self) -> click.Command:
        module, _, attribute = self.place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"router.cli.{module}"), attribute)
        return command

    def short_help(self, width: int) -> str:
        """The sentence, cut as click cuts a command's own."""
        return click.Command(None, help=self.help).get_short_help_str(width)


class LazyGroup(CommandGroup):
    """Lists its commands without their modules."""

    def __init__(self, *args: Any, listed: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listed = listed

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(self.listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        listed = self.listed.get(cmd_name)
        return None if listed is None else listed.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        width = formatter.width - 6 - max(map(len, names))  # click's own margins
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.listed[name].short_help(width)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [
            CompletionItem(name, help=self.listed[name].help)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ] + click.Command.shell_complete(self, ctx, incomplete)
