"""The units of deploy/systemd: read as systemd reads them, and run with what they permit.

Source: systemd.unit(5), systemd.exec(5), systemd.service(5), systemd.syntax(7).
"""

import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "systemd"
PROGRAM: Final = "/opt/router/bin/router"
ANALYZE: Final = shutil.which("systemd-analyze")
_LINE: Final = re.compile(r"([A-Za-z]\w*)=(.*)")
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


class SystemdUnit(msgspec.Struct, frozen=True):
    """A unit with its drop-in."""

    name: str
    settings: Mapping[str, list[str]]
    """The values of each key, in order: those of the drop-in come after the unit's."""

    def environment(self, folder: Path, credentials: Path) -> dict[str, str]:
        """Return the variables: ``Environment``, replaced by the files, of which a later one wins.

        Args:
            folder: Stands for /etc/router.
            credentials: The folder of the unit's credentials.
        """
        found: dict[str, str] = {}
        for line in self.settings.get("Environment", []):
            for pair in shlex.split(self._expanded(line).replace("%d", str(credentials))):
                name, _, text = pair.partition("=")
                found[name] = text
        for written in self.settings.get("EnvironmentFile", []):
            path = self._expanded(written)
            file = folder / Path(path.removeprefix("-")).name
            if file.exists() or not path.startswith("-"):
                found |= _variables(file.read_text("utf-8"))
        return found

    def command(self, environ: Mapping[str, str]) -> list[str]:
        """Return the words of ``ExecStart``."""
        (line,) = self.settings["ExecStart"]
        words = shlex.split(self._expanded(line))
        return [_VARIABLE.sub(lambda found: environ.get(found[1], ""), word) for word in words]

    def last(self, key: str) -> str:
        return self.settings[key][-1]

    def _expanded(self, text: str) -> str:
        text = text.replace("%N", self.name.removesuffix(".service"))
        instance = re.fullmatch(r"[^@]+@(.+)\.service", self.name)
        return text.replace("%i", instance[1]) if instance else text


def _variables(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", ";"))]
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def read_unit(name: str, *drop_ins: Path) -> SystemdUnit:
    """Return a unit with the drop-in of all units whose names begin with ``router-``."""
    template = re.sub(r"@.+\.", "@.", name)
    settings: dict[str, list[str]] = defaultdict(list)
    for file in (FOLDER / template, FOLDER / "router-.service.d" / "hardening.conf", *drop_ins):
        for line in file.read_text("utf-8").splitlines():
            if found := _LINE.fullmatch(line):
                settings[found[1]].append(found[2])
    return SystemdUnit(name, settings)


def copy_units(folder: Path, program: Path) -> Path:
    """Copy the units into a folder, with the program that is there instead of /opt/router."""
    for file in FOLDER.rglob("*"):
        if file.suffix in {".service", ".conf"}:
            target = folder / file.relative_to(FOLDER)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.read_text("utf-8").replace(PROGRAM, str(program)), "utf-8")
    return folder


def permitted_system_calls(unit: SystemdUnit) -> list[str]:
    """Return the names that ``SystemCallFilter`` permits, with its sets resolved by systemd."""
    permitted: set[str] = {*_members("@default")}
    for line in unit.settings["SystemCallFilter"]:
        names = {name for word in line.removeprefix("~").split() for name in _members(word)}
        permitted = permitted - names if line.startswith("~") else permitted | names
    return sorted(permitted | _members("@default"))


def _members(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    assert ANALYZE is not None
    done = subprocess.run(  # noqa: S603
        [ANALYZE, "syscall-filter", "--no-pager", word], capture_output=True, text=True, check=True
    )
    lines = (line.strip() for line in done.stdout.splitlines()[1:])
    return {name for line in lines if line and not line.startswith("#") for name in _members(line)}
