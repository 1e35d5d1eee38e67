"""The rule packs that are shipped: files of rules with tests, which ``router init`` copies."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from router.offline.rule_tests.reading import FOLDER as TESTS
from router.suggestions import named

DESTINATIONS: Final = "destinations.yaml"
"""The file with the destinations and routes of the packs' alerts."""
FIRST: Final = ("call-quality", "conference-quality")
"""The packs of a folder for which none is chosen: those of Voice Insights."""

_SUFFIX: Final = ".yaml"


class RulePack(msgspec.Struct, frozen=True):
    """A file of rules."""

    name: str
    about: str
    """A sentence."""
    rules: str
    """The content of the file."""
    tests: str
    """The content of the file of its tests."""


def packs_folder() -> Path:
    """Return the folder of the packs: in an installed package, or beside it in its source."""
    package = Path(str(files("router")))
    installed = package / "packs"
    return installed if installed.is_dir() else package.parent / "rules" / "packs"


def shipped_packs() -> tuple[RulePack, ...]:
    """Return all packs, by their names."""
    folder = packs_folder()
    found = sorted(path for path in folder.glob(f"*{_SUFFIX}") if path.name != DESTINATIONS)
    return tuple(_pack(folder, path) for path in found)


def packs_named(names: Iterable[str]) -> tuple[RulePack, ...]:
    """Return the packs of these names, each once. Raises UnknownNameError."""
    packs = {pack.name: pack for pack in shipped_packs()}
    return named(names, packs, missing="there is no pack")


def _pack(folder: Path, path: Path) -> RulePack:
    rules = path.read_text("utf-8")
    tests = (folder / TESTS / path.name).read_text("utf-8")
    return RulePack(path.stem, _first_sentence(rules), rules, tests)


def _first_sentence(text: str) -> str:
    """Return the first sentence of the comment that begins a file."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        lines.append(line.removeprefix("# ").strip())
    return " ".join(lines).partition(". ")[0].rstrip(".") + "."
