"""The rule packs that are shipped: files of rules with tests, which ``router init`` copies."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from router.offline.rule_tests.reading import FOLDER as TESTS
from router.suggestions import suggestion

DESTINATIONS: Final = "destinations.yaml"
"""The file with the destinations and routes of the packs' alerts."""
FIRST: Final = ("call-quality", "conference-quality")
"""The packs of a folder for which none is chosen: those of Voice Insights."""

_SUFFIX: Final = ".yaml"


class UnknownPackError(ValueError):
    """Raised when there is no pack of a name; the message says which there are."""


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


def chosen(names: Iterator[str] | tuple[str, ...] | list[str]) -> tuple[RulePack, ...]:
    """Return the packs of these names, each once.

    Raises:
        UnknownPackError: There is no such pack.
    """
    packs = {pack.name: pack for pack in shipped_packs()}
    found: dict[str, RulePack] = {}
    for name in names:
        if name not in packs:
            hint = suggestion(name, packs) or f"there are {', '.join(packs)}"
            raise UnknownPackError(f'there is no pack "{name}": {hint}')
        found[name] = packs[name]
    return tuple(found.values())


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
