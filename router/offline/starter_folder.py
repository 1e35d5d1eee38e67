"""A new folder to work in: rules with their tests, destinations, events to try, the variables to set.

A file that exists is kept, whatever it contains: the folder may be in use.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from router.configuration.json_schema import json_schema
from router.configuration.load import load
from router.configuration.variables import MissingVariable
from router.events.schemas.type_index import TYPES
from router.offline.rule_packs import DESTINATIONS, RulePack, packs_folder
from router.offline.rule_tests import schema as tests_schema
from router.offline.rule_tests.reading import FOLDER as TESTS
from router.offline.rule_tests.reading import Case, make_event, read_tests
from router.offline.starter_destinations import StarterDestination, destinations_file

RULES: Final = Path("rules")
SAMPLES: Final = Path("samples")
VARIABLES: Final = Path(".env.example")

_SCHEMAS: Final = Path(".schemas")
"""Below the rules folder, in which hidden folders are not read."""
_EDITOR: Final = "# yaml-language-server: $schema={}\n"
"""The comment by which an editor finds the schema of a YAML file.

Source: https://github.com/redhat-developer/yaml-language-server#using-inlined-schema
"""
_TWILIO_TYPE: Final = re.compile(r"com\.twilio\.[a-z0-9.-]*(?:[a-z0-9]|\.\*)")
_FEW: Final = 5
_SAMPLE_TIME: Final = 1_767_225_600.0
"""2026-01-01, the time of the events to try."""


class StarterFile(msgspec.Struct, frozen=True):
    """A file of a new folder."""

    path: Path
    content: str
    about: str
    """A sentence."""


class Written(msgspec.Struct, frozen=True):
    """A file of a new folder, once it is there."""

    file: StarterFile
    is_new: bool
    """False if the folder had it."""


class Starter(msgspec.Struct, frozen=True):
    """The content of a new folder, before it is written."""

    folder: Path
    rules: Path
    """The rules folder."""
    packs: Sequence[RulePack]
    destinations: Sequence[StarterDestination]

    def files(self) -> Iterator[StarterFile]:
        """Yield the files."""
        rules_line, tests_line = (
            _EDITOR.format(_SCHEMAS / "rules.json"),
            _EDITOR.format(Path("..") / _SCHEMAS / "tests.json"),
        )
        yield StarterFile(
            self.rules / DESTINATIONS,
            rules_line + destinations_file(self.destinations),
            f"Where alerts go: {', '.join(each.kind for each in self.destinations)}.",
        )
        for pack in self.packs:
            name = f"{pack.name}.yaml"
            yield StarterFile(self.rules / name, rules_line + pack.rules, pack.about)
            tests = self.rules / TESTS / name
            yield StarterFile(tests, tests_line + pack.tests, f"The tests of {name}.")
        yield self._schema("rules", json_schema())
        yield self._schema("tests", tests_schema.json_schema())
        for pack, event in _samples(self.packs):
            path = self.folder / SAMPLES / f"{pack.name}.json"
            yield StarterFile(path, event, f"An event to try, for {pack.name}.")
        variables = _variables(self.destinations)
        yield StarterFile(self.folder / VARIABLES, variables, "The variables to set, for .env.")
        yield StarterFile(self.folder / ".gitignore", ".env\n", "Keeps .env out of git.")

    def _schema(self, kind: str, schema: Mapping[str, Any]) -> StarterFile:
        text = msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=1).decode()
        path = self.rules / _SCHEMAS / f"{kind}.json"
        return StarterFile(path, text + "\n", f"Completion of {kind} in an editor.")


def write_starter(starter: Starter) -> Iterator[Written]:
    """Write the files that do not exist, and yield each.

    Raises:
        OSError: A file or folder cannot be written.
    """
    for file in starter.files():
        file.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.path.open("x", encoding="utf-8") as opened:
                opened.write(file.content)
        except FileExistsError:
            yield Written(file, is_new=False)
        else:
            yield Written(file, is_new=True)


def types_needed(packs: Sequence[RulePack]) -> tuple[str, ...]:
    """Return Twilio's event types that the rules of some packs name, in any of their keys.

    A pattern stands for the few types that it matches; one that matches more has a condition on the
    type, whose types are found in it.
    """
    found: dict[str, None] = {}
    for pack in packs:
        for name in _TWILIO_TYPE.findall(pack.rules):
            matched = [known for known in sorted(TYPES) if known.startswith(name.rstrip("*"))]
            if not name.endswith("*"):
                found[name] = None
            elif len(matched) <= _FEW:
                found |= dict.fromkeys(matched)
    return tuple(found)


def _samples(packs: Sequence[RulePack]) -> Iterator[tuple[RulePack, str]]:
    """Yield for each pack an event of its tests that raises an alert, if one alone does in a test."""
    folder = packs_folder()
    configuration = load(folder, {}, missing=MissingVariable.KEEP)
    cases = read_tests(folder, configuration).cases
    for pack in packs:
        yield (
            pack,
            _sample([each for each in cases if f"{TESTS}/{pack.name}.yaml:" in each.location]),
        )


def _sample(cases: Sequence[Case]) -> str:
    first = min(cases, key=_is_several)
    moment = next(each for each in first.moments if each.event is not None)
    event = make_event(moment.event or {}, number=1, now=_SAMPLE_TIME)
    return msgspec.json.format(event.body, indent=2).decode() + "\n"


def _is_several(case: Case) -> bool:
    """Return whether a case needs more than one event for its first alert, or expects none."""
    moment = case.moments[0]
    return len(case.moments) > 1 or moment.times > 1 or not moment.expect


def _variables(destinations: Sequence[StarterDestination]) -> str:
    lines = [
        "# Copy this file to .env and set the values: each command reads .env of the folder in which it",
        "# runs. A variable of the environment takes the place of one here.",
        "# `router check`, `router test` and `router dev` need none of them.",
    ]
    for destination in destinations:
        for name, about in destination.variables.items():
            lines += ["", f"# {about}", f"{name}="]
    lines += [
        "",
        "# The auth token of your Twilio account, which signs what is posted to /twilio.",
        "ROUTER_TWILIO_AUTH_TOKENS=",
        "",
        "# The https URL under which Twilio reaches the router. `router twilio connect` also needs",
        "# TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, which the router itself does not need.",
        "# ROUTER_PUBLIC_URL=https://events.example.com",
        "",
        "# The token that opens the console and the API of `router run`: openssl rand -base64 32",
        "# ROUTER_ADMIN_TOKEN=",
        "",
        "# The Redis of `router run`; `router dev` brings its own while this is not set.",
        "# ROUTER_REDIS_URL=redis://localhost:6379/0",
    ]
    return "\n".join(lines) + "\n"
