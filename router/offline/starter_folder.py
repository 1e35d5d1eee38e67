"""A new rules folder: destinations, packs with their tests, an event to try, the variables to set.

A file that exists is kept, whatever it contains: the folder may be in use.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from router.configuration.load import load
from router.configuration.variables import MissingVariable
from router.events.schemas.type_index import TYPES
from router.offline.rule_packs import DESTINATIONS, RulePack, destinations_text, packs_folder
from router.offline.rule_tests.reading import FOLDER as TESTS
from router.offline.rule_tests.reading import Case, make_event, read_tests

SAMPLE: Final = "sample.json"
VARIABLES: Final = ".env.example"

_VARIABLE: Final = re.compile(r"\$\{([A-Z_]+)\}")
_TWILIO_TYPE: Final = re.compile(r"com\.twilio\.[a-z0-9.-]*(?:[a-z0-9]|\.\*)")
_FEW: Final = 5
_SAMPLE_TIME: Final = 1_767_225_600.0
"""2026-01-01, the time of the event to try."""
_HELP: Final = {
    "SLACK_WEBHOOK_URL": "The incoming webhook of your Slack app.",
}


class StarterFile(msgspec.Struct, frozen=True):
    """A file of a new rules folder."""

    path: str
    """Relative to the folder."""
    content: str
    about: str
    """A sentence."""


class Written(msgspec.Struct, frozen=True):
    """A file of a new rules folder, once it is there."""

    file: StarterFile
    is_new: bool
    """False if the folder had it."""


def starter_files(packs: Sequence[RulePack]) -> Iterator[StarterFile]:
    """Yield the files of a folder with some packs."""
    destinations = destinations_text()
    yield StarterFile(DESTINATIONS, destinations, "Where alerts go: one route, to Slack.")
    for pack in packs:
        name = f"{pack.name}.yaml"
        yield StarterFile(name, pack.rules, pack.about)
        yield StarterFile(f"{TESTS}/{name}", pack.tests, f"The tests of {name}.")
    yield StarterFile(SAMPLE, _sample(packs), "An event to try.")
    yield StarterFile(VARIABLES, _variables(destinations), "The variables to set.")


def write_starter(folder: Path, packs: Sequence[RulePack]) -> Iterator[Written]:
    """Write the files that the folder does not have, and yield each.

    Raises:
        OSError: A file or folder cannot be written.
    """
    for file in starter_files(packs):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as opened:
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


def _sample(packs: Sequence[RulePack]) -> str:
    """Return an event of the packs' tests that raises an alert, if one event alone does in a test."""
    folder = packs_folder()
    configuration = load(folder, {}, missing=MissingVariable.KEEP)
    names = [f"{TESTS}/{pack.name}.yaml" for pack in packs]
    cases = [
        case
        for case in read_tests(folder, configuration).cases
        if any(f"{name}:" in case.location for name in names)
    ]
    first = min(cases, key=_is_several)
    moment = next(each for each in first.moments if each.event is not None)
    event = make_event(moment.event or {}, number=1, now=_SAMPLE_TIME)
    return msgspec.json.format(event.body, indent=2).decode() + "\n"


def _is_several(case: Case) -> bool:
    """Return whether a case needs more than one event for its first alert, or expects none."""
    moment = case.moments[0]
    return len(case.moments) > 1 or moment.times > 1 or not moment.expect


def _variables(destinations: str) -> str:
    lines = [
        "# Copy this file to .env, set the values, and load it before `router run`:",
        "#   set -a; . ./.env; set +a",
        "# `router check`, `router test` and `router dev` need none of them.",
    ]
    for name in dict.fromkeys(_VARIABLE.findall(destinations)):
        lines += ["", f"# {_HELP.get(name, 'A variable of destinations.yaml.')}", f"{name}="]
    lines += [
        "",
        "# The auth token of your Twilio account, which signs what is posted to /twilio.",
        "ROUTER_TWILIO_AUTH_TOKENS=",
        "",
        "# The https URL under which Twilio reaches the router. `router twilio connect` also needs",
        "# TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, which the router itself must not have.",
        "# ROUTER_PUBLIC_URL=https://events.example.com",
        "",
        "# The Redis of the router; `router dev` brings its own.",
        "ROUTER_REDIS_URL=redis://localhost:6379/0",
    ]
    return "\n".join(lines) + "\n"
