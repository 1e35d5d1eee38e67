"""``docs/reference/cli.md``: each command with its arguments and options, from what ``--help`` says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from router.cli import main

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
_INTRODUCTION: Final = """\
# Command line

Every command of `router`, as `router COMMAND --help` describes it. `make reference` writes this page.

Settings come from [environment variables](settings.md) and from the file `.env`. Exit codes: 0 success, 1 findings or a
rejected event, 2 a wrong use or configuration, 130 interrupted by Ctrl-C. A command that reads or changes what is stored needs `ROUTER_REDIS_URL`, or a
running `router dev` of the same user with the same rules folder, which it finds by itself.
"""
PIPE: Final = r"\|"
"""A bar within a cell of a table."""
_WORD: Final = re.compile(r"(?<![`\w-])(?:--[a-z][a-z-]+|[A-Z]+_[A-Z_]+)(?![`\w])")
_EXAMPLE: Final = re.compile(r"^Examples?: ")


def cli_page() -> str:
    """Return the text of the page."""
    commands = list(_commands(main, "router"))
    listed = "".join(
        f"| [`{path}`](#{path.replace(' ', '-')}) | {_first_sentence(command)} |\n"
        for path, command in commands
        if is_runnable(command)
    )
    sections = "".join(_section(path, command) for path, command in commands)
    return f"{_INTRODUCTION}\n| command | purpose |\n|---|---|\n{listed}{sections}"


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield each command below a group with its path, a group before its own commands."""
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield f"{path} {name}", command
            if isinstance(command, click.Group):
                yield from _commands(command, f"{path} {name}")


def is_runnable(command: click.Command) -> bool:
    """Return whether a command does something by itself, or only has others."""
    return not isinstance(command, click.Group) or command.invoke_without_command


def _first_sentence(command: click.Command) -> str:
    return _text((command.help or command.short_help or "").split("\n\n")[0])


def _section(path: str, command: click.Command) -> str:
    level = "##" if path.count(" ") == 1 else "###"
    parts = [f"\n{level} {path}\n", *map(_paragraph, _paragraphs(command))]
    if is_runnable(command):
        context = click.Context(command, info_name=path)
        usage = " ".join(command.collect_usage_pieces(context))
        parts.insert(1, f"```text\n{path} {usage}\n```\n")
        rows = [row for parameter in command.params if (row := _row(parameter, context))]
        if rows:
            parts.append("| option | meaning |\n|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def _paragraphs(command: click.Command) -> list[str]:
    return [part for part in (command.help or "").split("\n\n") if part.strip()]


def _paragraph(part: str) -> str:
    r"""Return a paragraph of a help as Markdown; one that \\b begins keeps its lines."""
    if part.lstrip().startswith("\b"):
        lines = part.replace("\b", "").strip("\n")
        return f"```text\n{lines}\n```\n"
    if _EXAMPLE.match(part.lstrip()):
        example = " ".join(_EXAMPLE.sub("", part.strip()).split())
        return f"```sh\n{example}\n```\n"
    return f"{_text(part)}\n"


def _text(part: str) -> str:
    """Return a text as Markdown, with options and variables in code."""
    escaped = re.sub(r"[*<>|]", r"\\\g<0>", " ".join(part.split()))
    return _WORD.sub(r"`\g<0>`", escaped)


def _row(parameter: click.Parameter, context: click.Context) -> str:
    if not isinstance(parameter, click.Option) or parameter.hidden:
        return ""
    record = parameter.get_help_record(context)
    if record is None:
        return ""
    names, meaning = record
    return f"| `{names.replace('|', PIPE)}` | {_text(meaning)} |\n"
