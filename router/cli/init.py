"""``router init``: begin a rules folder with packs of rules."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from router.cli.output import echo
from router.cli.rules_folder import FOLDER, folder_or_default
from router.offline.rule_packs import FIRST, RulePack, UnknownPackError, chosen, shipped_packs
from router.offline.starter_folder import SAMPLE, VARIABLES, Written, types_needed, write_starter

_USUAL: Final = Path("rules")


@click.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--pack", "names", multiple=True, metavar="NAME", help="A pack; may be repeated.")
@click.option("--list", "list_wanted", is_flag=True, help="List the packs and write nothing.")
def init(folder: Path | None, names: tuple[str, ...], *, list_wanted: bool) -> None:
    """Begin a rules folder with packs of rules.

    FOLDER is the folder; the default is ROUTER_RULES, or rules. It gets destinations, the packs with
    their tests, an event to try and the variables to set. A file that exists is kept. Without --pack,
    the packs are asked for, or are those of Voice Insights if there is no terminal.
    """
    packs = shipped_packs()
    if list_wanted:
        _print_list(packs)
        return
    if not names and sys.stdin.isatty() and sys.stdout.isatty():
        names = _ask(packs)
    try:
        taken = chosen(names or FIRST)
    except UnknownPackError as error:
        raise click.BadParameter(str(error), param_hint="--pack") from None
    target = folder_or_default(folder)
    written = list(write_starter(target, taken))
    _print_files(target, written)
    _print_next_steps(target, taken)


def _print_list(packs: Sequence[RulePack]) -> None:
    width = max(len(pack.name) for pack in packs) + 2
    for pack in packs:
        echo(f"{pack.name:<{width}}{pack.about}")


def _ask(packs: Sequence[RulePack]) -> tuple[str, ...]:
    """Return the names of the packs that the terminal's user chooses."""
    echo("Packs of rules:")
    width = max(len(pack.name) for pack in packs) + 2
    for number, pack in enumerate(packs, 1):
        echo(f"  {number}  {pack.name:<{width}}{pack.about}")
    return click.prompt(
        "Numbers or names, with commas between them",
        default=", ".join(FIRST),
        value_proc=lambda text: names_chosen(text, packs),
    )


def names_chosen(text: str, packs: Sequence[RulePack]) -> tuple[str, ...]:
    """Return the names of packs that are given by numbers from 1, or by names.

    Raises:
        click.UsageError: There is no such pack, or none is named.
    """
    found = []
    for part in text.replace(",", " ").split():
        is_number = part.isascii() and part.isdigit() and 1 <= int(part[:6]) <= len(packs)
        found.append(packs[int(part) - 1].name if is_number else part)
    if not found:
        raise click.UsageError("name at least one pack")
    try:
        return tuple(pack.name for pack in chosen(found))
    except UnknownPackError as error:
        raise click.UsageError(str(error)) from None


def _print_files(folder: Path, written: Sequence[Written]) -> None:
    paths = [str(folder / each.file.path) for each in written]
    width = max(map(len, paths)) + 2
    for path, each in zip(paths, written, strict=True):
        echo(f"{path:<{width}}{each.file.about if each.is_new else 'kept, it exists already'}")


def _print_next_steps(folder: Path, packs: Sequence[RulePack]) -> None:
    named = "" if folder == _USUAL else f" {shlex.quote(str(folder))}"
    variable = f"ROUTER_RULES={shlex.quote(str(folder))} " if named else ""
    option = f" --rules{named}" if named else ""
    sample = shlex.quote(str(folder / SAMPLE))
    steps = {
        f"router check{named}": "read all files and report what is wrong",
        f"router test{named}": "run the tests of the packs",
        f"router explain{option} {sample}": "which rules match an event, and what they send",
        f"{variable}router dev": "try everything, without Slack and without Twilio",
    }
    width = max(map(len, steps)) + 2
    echo("\nNext:")
    for command, purpose in steps.items():
        echo(f"  {command:<{width}}{purpose}")
    echo(f"\nTo serve: set the variables of {folder / VARIABLES}, then")
    echo(f"  {variable}router run")
    types = types_needed(packs)
    if types:
        echo("To let Twilio send what these rules are about, with the credentials of your account:")
        echo(f"  router twilio connect --types {','.join(types)}")
