"""Reads the settings as far as they can be read, and judges them.

A process does not start with a wrong setting. The doctor reports each and goes on with the others, so that
one wrong variable does not hide the state of everything else.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.datatypes import Secret
from router.doctor.check import DoctorCheck, Judge, Section, Status
from router.errors import SettingsError
from router.runtime.exposure import open_things, weak_tokens
from router.runtime.roles import Roles
from router.settings.environment import FROM_FILE, Variable, non_empty
from router.settings.model import PREFIX, SETTINGS, Settings
from router.settings.tokens import Tokens

_LIMIT: Final = 64 * 1024
_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)
_NAMES_SHOWN: Final = 8
_SHOWN: Final = 60
"""Characters of a value."""
_SECRETS: Final = (Secret, Tokens, tuple)

_judge = Judge(Section.SETTINGS)


class ReadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that could be read."""

    settings: Settings
    wrong: frozenset[str] = frozenset()
    """Variables that could not be; ``settings`` has their defaults."""
    problems: tuple[str, ...] = ()
    """A sentence for each, which begins with its name."""

    def has(self, name: str) -> bool:
        """Return whether a setting, or the file that has it, could be read."""
        return not {name, f"{name}{FROM_FILE}"} & self.wrong


def read_settings(environ: Mapping[str, str]) -> ReadSettings:
    """Read the settings; leave out variables that are wrong."""
    problems: list[str] = []
    given = dict(environ)
    for _ in range(len(environ) + 1):  # each turn but the last leaves out a variable at least
        try:
            settings = Settings.read(given)
        except SettingsError as error:
            lines = str(error).splitlines()
            problems += lines
            for line in lines:
                given.pop(line.partition(" ")[0], None)
        else:
            wrong = frozenset(environ.keys() - given.keys())
            return ReadSettings(settings=settings, wrong=wrong, problems=tuple(problems))
    raise SettingsError("settings are rejected, although none is left")


def dotenv_names(folder: Path) -> tuple[str, ...]:
    """Return the variables that a file ``.env`` in a folder sets; none if it cannot be read."""
    try:
        with (folder / ".env").open("rb") as file:
            text = file.read(_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(dict.fromkeys(_ASSIGNMENT.findall(text)))


def judge_settings(
    read: ReadSettings, environ: Mapping[str, str], in_dotenv: Iterable[str]
) -> list[DoctorCheck]:
    """Return the checks of the settings (pure).

    Args:
        read: The settings.
        environ: The environment that they were read from.
        in_dotenv: The variables that a file ``.env`` sets.
    """
    environ = non_empty(environ)
    found = [
        _judge.problem(
            "variable", problem, "correct the variable; the router does not start with it"
        )
        for problem in read.problems
    ]
    if not found:
        found.append(_judge.ok("load", _summary(read.settings, environ)))
    found += _of_dotenv(environ, in_dotenv)
    settings = read.settings
    roles = Roles(port=settings.port, operations_port=settings.operations_port, ingress=True)
    for sentence in (*open_things(settings, roles), *weak_tokens(settings)):
        found.append(_judge.stated("exposure", Status.WARNING, sentence))
    return found


def _summary(settings: Settings, environ: Mapping[str, str]) -> str:
    given = [
        f"{each.name}={_shown(each, getattr(settings, each.field))}"
        for each in SETTINGS
        if each.name in environ or f"{each.name}{FROM_FILE}" in environ
    ]
    if not given:
        return f"all settings have their defaults: no {PREFIX}* variable is set"
    return f"{len(given)} set: {', '.join(given)}"


def _shown(variable: Variable, value: object) -> str:
    if issubclass(variable.kind, _SECRETS):
        return "***"
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _of_dotenv(environ: Mapping[str, str], in_dotenv: Iterable[str]) -> list[DoctorCheck]:
    names = list(in_dotenv)
    unset = [name for name in names if name not in environ]
    if not names:
        return []
    if not unset:
        return [_judge.ok(".env", "all variables of the file .env here are set")]
    more = len(unset) - _NAMES_SHOWN
    shown = ", ".join(unset[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return [
        _judge.warning(
            ".env",
            f"the file .env here sets {shown}, which this process does not have: the router reads no"
            " .env by itself",
            "load it into the shell: set -a; . ./.env; set +a",
        )
    ]
