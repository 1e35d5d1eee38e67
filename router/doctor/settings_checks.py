"""Reads the settings as far as they can be read, and judges them.

A process does not start with a wrong setting. The doctor reports each and goes on with the others, so that
one wrong variable does not hide the state of everything else.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from router.datatypes import Secret
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks, Status
from router.errors import SettingsError
from router.quantities import counted
from router.runtime.exposure import open_things, weak_tokens
from router.runtime.roles import Roles
from router.settings.env_file import DISABLED, USUAL, read_env_file
from router.settings.environment import FROM_FILE, Variable, non_empty
from router.settings.model import PREFIX, SETTINGS, Settings
from router.settings.tokens import Tokens

_NAMES_SHOWN: Final = 8
_SHOWN: Final = 60
"""Characters of a value."""
_SECRETS: Final = (Secret, Tokens, tuple)

_checks = SectionChecks(DoctorSection.SETTINGS)


class ReadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that could be read."""

    settings: Settings
    wrong: frozenset[str] = frozenset()
    """Variables that could not be; ``settings`` has their defaults."""
    problems: tuple[str, ...] = ()
    """A sentence for each, which begins with its name."""

    def problem_of(self, name: str) -> str:
        """Return what is wrong with a setting; ``""`` if nothing is."""
        begins = (f"{name} ", f"{name}{FROM_FILE} ")
        return next((each for each in self.problems if each.startswith(begins)), "")

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


class EnvFile(msgspec.Struct, frozen=True):
    """The file ``.env`` of the working folder, beside the environment."""

    names: tuple[str, ...] = ()
    """Its variables."""
    unset: tuple[str, ...] = ()
    """Those that the process does not have, because the file was not read."""
    other: tuple[str, ...] = ()
    """Those of which the environment has another value, which is used."""


def compare_env_file(folder: Path, environ: Mapping[str, str]) -> EnvFile | None:
    """Return what a file ``.env`` adds to an environment; None if there is none that can be read."""
    try:
        values = read_env_file(folder / USUAL)
    except (OSError, SettingsError):
        return None
    return EnvFile(
        names=tuple(values),
        unset=tuple(name for name in values if name not in environ),
        other=tuple(name for name, value in values.items() if environ.get(name, value) != value),
    )


def judge_settings(
    read: ReadSettings, environ: Mapping[str, str], env_file: EnvFile | None
) -> list[DoctorCheck]:
    """Return the checks of the settings (pure).

    Args:
        read: The settings.
        environ: The environment that they were read from.
        env_file: The file ``.env`` of the working folder; None if there is none.
    """
    environ = non_empty(environ)
    found = [
        _checks.problem(
            "variable", problem, "correct the variable; the router does not start with it"
        )
        for problem in read.problems
    ]
    if not found:
        found.append(_checks.ok("load", _summary(read.settings, environ)))
    found += _of_env_file(env_file)
    settings = read.settings
    roles = Roles(port=settings.port, operations_port=settings.operations_port, ingress=True)
    for sentence in (*open_things(settings, roles), *weak_tokens(settings)):
        found.append(_checks.stated("exposure", Status.WARNING, sentence))
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


def _of_env_file(file: EnvFile | None) -> Iterator[DoctorCheck]:
    if file is None:
        return
    if file.unset:
        yield _checks.warning(
            ".env",
            f"the file .env here sets {_listed(file.unset)}, and is not read",
            f"unset {DISABLED}, and name the file with --env-file if you name another one",
        )
    if file.other:
        yield _checks.warning(
            ".env",
            f"the environment has another value of {_listed(file.other)} than the file .env here, and"
            " is used",
            "remove one of them",
        )
    if not file.unset and not file.other:
        yield _checks.ok(
            ".env",
            f"{counted(len(file.names), 'variable')} of the file .env here; a process that is started in"
            " another folder reads another file",
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
