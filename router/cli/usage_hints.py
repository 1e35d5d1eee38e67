"""Hints about commands and options that are typed as other tools have them."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import click

from router.suggestions import Synonyms, closest_match

_SAME: Final = Synonyms(
    (("validate", "lint", "verify", "check-config", "check-rules"), ("check",)),
    (("serve", "server", "start", "up", "daemon"), ("run",)),
    (("create", "new", "set", "put"), ("add",)),
    (("new", "scaffold", "bootstrap", "setup"), ("init",)),
    (("status", "diagnose", "health", "ping"), ("status", "doctor")),
    (("watch", "monitor", "stats", "dashboard"), ("top",)),
    (("ls", "get", "all", "query"), ("list",)),
    (("describe", "view", "inspect", "cat", "info"), ("show",)),
    (("rm", "delete", "remove", "drop", "purge"), ("discard", "expire", "disconnect")),
    (("retry", "redrive", "requeue", "resend", "redeliver"), ("replay", "retry")),
    (("ack", "claim"), ("acknowledge",)),
    (("close", "fix"), ("resolve",)),
    (("mute", "snooze", "inhibit"), ("silence",)),
    (("disable", "stop"), ("pause",)),
    (("enable", "unpause"), ("resume",)),
    (("dlq", "deadletters", "dead_letters"), ("dead-letters",)),
    (("receivers", "receiver", "contact-points"), ("destinations",)),
    (("publish", "push", "emit", "post", "fire"), ("send",)),
    (("render", "template"), ("preview",)),
    (("why", "trace", "dry-run"), ("explain",)),
    (("help",), ("--help",)),
    (("version",), ("--version",)),
)
"""Our commands with the meaning of another word, the best first."""
_SETTINGS: Final = {
    **dict.fromkeys(("config", "rules-folder", "rules-dir", "config-dir"), "ROUTER_RULES"),
    **dict.fromkeys(("redis", "redis-uri", "redis-host"), "ROUTER_REDIS_URL"),
    **dict.fromkeys(("bind", "listen", "address", "listen-address"), "ROUTER_HOST"),
    **dict.fromkeys(("debug", "loglevel", "log"), "ROUTER_LOG_LEVEL"),
    "workers": "--processes",
}
"""Settings by options that other tools have for them."""
_EXTRA: Final = re.compile(r"Got unexpected extra arguments? \((.*)\)")


class HintingGroup(click.Group):
    """A group that says what to type for a command or an option that it does not have."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the group's own options; an unknown one is explained."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise explained(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a wrong use of it is explained."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise explained(error) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument; suggest one that exists."""
        name = args[0]
        is_unknown = self.get_command(ctx, name) is None
        if is_unknown and not ctx.resilient_parsing and not name.startswith("-"):
            options = [option for each in self.get_params(ctx) for option in each.opts]
            meant = meant_command(name, self.list_commands(ctx), options)
            hint = f" Did you mean {meant!r}?" if meant else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


def meant_command(name: str, known: Collection[str], options: Collection[str]) -> str:
    """Return the command or option of a group that a word probably stands for; ``""`` if none."""
    return _SAME.same(name, [*known, *options]) or closest_match(name, known) or ""


def explained(error: click.UsageError) -> click.UsageError:
    """Return an error of click with what to do, where click does not know it."""
    hint = ""
    if isinstance(error, click.NoSuchOption):
        hint = "" if error.possibilities else _setting_hint(error.option_name)
    elif extra := _EXTRA.match(error.message):
        hint = _folder_hint(extra[1])
    return (
        click.UsageError(f"{error.format_message().rstrip('.')}: {hint}", error.ctx)
        if hint
        else error
    )


def _setting_hint(option: str) -> str:
    """Return which setting an option would be; ``""`` if there is none."""
    from router.settings.model import SETTINGS  # here, because a command that is right needs none

    words = option.strip("-").lower()
    name = _SETTINGS.get(words) or f"ROUTER_{words.replace('-', '_').upper()}"
    if name.startswith("--"):
        return f"write {name}"
    return f"it is the setting {name}" if name in {each.name for each in SETTINGS} else ""


def _folder_hint(argument: str) -> str:
    return "the rules folder is the setting ROUTER_RULES" if Path(argument).is_dir() else ""
