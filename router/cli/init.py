"""``router init``: begin a folder with rules, destinations and events to try."""

import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import click

from router.cli.completion import completing
from router.cli.output import echo
from router.cli.rules_folder import FOLDER, folder_or_default
from router.offline.rule_packs import FIRST, packs_named, shipped_packs
from router.offline.starter_destinations import (
    FIRST_KINDS,
    STARTER_DESTINATIONS,
    starters_of,
)
from router.offline.starter_folder import (
    RULES,
    SAMPLES,
    VARIABLES,
    Starter,
    Written,
    types_needed,
    write_starter,
)
from router.suggestions import UnknownNameError, named

T = TypeVar("T")
_HERE: Final = Path()
_ANSWER_LIMIT: Final = 1000
"""Characters of an answer that count."""
_SHOWN: Final = 40
"""Characters of a name that does not exist."""
_NUMBERS: Final = re.compile("([0-9]{1,3})(?:-([0-9]{1,3}))?")


def _about_packs() -> Mapping[str, str]:
    return {each.name: each.about for each in shipped_packs()}


def _about_kinds() -> Mapping[str, str]:
    return {each.kind: each.about for each in STARTER_DESTINATIONS.values()}


@click.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option(
    "--pack",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=completing(_about_packs),
    help="A pack; may be repeated.",
)
@click.option(
    "--to",
    "kinds",
    multiple=True,
    metavar="KIND",
    shell_complete=completing(_about_kinds),
    help=f"A kind of destination: {', '.join(STARTER_DESTINATIONS)}; may be repeated.",
)
@click.option("--list", "list_wanted", is_flag=True, help="List the packs and write nothing.")
def init(
    folder: Path | None, names: tuple[str, ...], kinds: tuple[str, ...], *, list_wanted: bool
) -> None:
    """Begin a folder with rules, destinations and events to try.

    FOLDER is made if it does not exist; the default is the working folder. It gets the folder rules
    (or that of ROUTER_RULES) with destinations, packs of rules and their tests, events to try and
    the variables to set. A file that exists is kept. Packs and destinations that no option names are
    asked for; without a terminal they are those of Voice Insights, and Slack.
    """
    if list_wanted:
        _print_list(_about_packs())
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        names = names or _ask("Packs of rules", _about_packs(), FIRST)
        kinds = kinds or _ask("Destinations of alerts", _about_kinds(), FIRST_KINDS)
    packs = _of_option("--pack", packs_named, names or FIRST)
    destinations = _of_option("--to", starters_of, kinds or FIRST_KINDS)
    rules = folder_or_default(None) if folder is None else folder / RULES
    starter = Starter(folder or _HERE, rules, packs, destinations)
    _print_files(list(write_starter(starter)))
    _print_next_steps(starter)


def _of_option(
    option: str, find: Callable[[Sequence[str]], Sequence[T]], names: Sequence[str]
) -> Sequence[T]:
    try:
        return find(names)
    except UnknownNameError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _print_list(about: Mapping[str, str]) -> None:
    width = max(map(len, about)) + 2
    for name, text in about.items():
        echo(f"{name:<{width}}{text}")


def _ask(title: str, about: Mapping[str, str], default: Sequence[str]) -> tuple[str, ...]:
    """Return the names that the terminal's user chooses."""
    echo(f"{title}:")
    width = max(map(len, about)) + 2
    for number, (name, text) in enumerate(about.items(), 1):
        echo(f"  {number}  {name:<{width}}{text}")
    return click.prompt(
        "Numbers or names with commas between them, or all",
        default=", ".join(default),
        value_proc=lambda text: names_chosen(text, list(about)),
    )


def names_chosen(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names that are given by numbers from 1, ranges of them, names, or "all", each once.

    Raises:
        click.UsageError: There is no such name, or none is given.
    """
    text = re.sub(r"(\d)\s*-\s*(\d)", r"\1-\2", text[:_ANSWER_LIMIT].lower())
    parts = [part[:_SHOWN] for part in re.split(r"[,;\s]+", text) if part]
    names = [name for part in parts for name in _names_of(part, known)]
    if not names:
        raise click.UsageError("name at least one")
    try:
        return named(names, {name: name for name in known}, missing="there is no")
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from None


def _names_of(part: str, known: Sequence[str]) -> Sequence[str]:
    """Return the names that one part of an answer stands for; the part itself if there are none."""
    if part in {"all", "*"}:
        return known
    numbers = _NUMBERS.fullmatch(part)
    if numbers is None:
        return [part]
    first = int(numbers[1])
    return (known[first - 1 : int(numbers[2] or first)] if 1 <= first <= len(known) else ()) or [
        part
    ]


def _print_files(written: Sequence[Written]) -> None:
    paths = [str(each.file.path) for each in written]
    width = max(map(len, paths)) + 2
    for path, each in zip(paths, written, strict=True):
        echo(f"{path:<{width}}{each.file.about if each.is_new else 'kept, it exists already'}")


def _print_next_steps(starter: Starter) -> None:
    steps = {} if starter.folder == _HERE else {f"cd {shlex.quote(str(starter.folder))}": ""}
    steps |= {
        "router check": "read all files and report what is wrong",
        "router test": "run the tests of the packs",
        f"router explain {SAMPLES / starter.packs[0].name}.json": "which rules match an event, and why",
        "router dev": "try everything, without credentials and without Twilio",
    }
    width = max(map(len, steps)) + 2
    echo("\nNext:")
    for command, purpose in steps.items():
        echo(f"  {command:<{width}}{purpose}".rstrip())
    echo(f"\nTo serve: copy {VARIABLES} to .env, set its values, then")
    echo("  router run")
    types = types_needed(starter.packs)
    if types:
        echo("To let Twilio send what these rules are about, with the credentials of your account:")
        echo(f"  router twilio connect --types {','.join(types)}")
