"""What a build of our Dockerfile does, without a container engine: its COPY and RUN lines in a folder.

The folder stands for the root of all stages, so ``COPY --from`` has nothing to do. Absolute paths of the
image lead into it, ``python`` is the interpreter of the tests, and users are not made.
"""

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
_MADE: Final = ("/opt/router", "/etc/router", "/src")


class Instruction(msgspec.Struct, frozen=True):
    """One instruction, with continued lines joined."""

    name: str
    text: str


def instructions(file: Path) -> list[Instruction]:
    """Return the instructions of a Dockerfile in order."""
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Instruction(*line.split(" ", 1)) for line in joined.splitlines() if line.strip()]


def in_context(path: str, ignored: list[str]) -> bool:
    """Return whether a file is sent to the builder: the last pattern that matches decides.

    Source: https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    is_sent = True
    folders = [path, *(str(parent) for parent in Path(path).parents)][:-1]
    for pattern in ignored:
        word = pattern.removeprefix("!")
        if any(_matches(each, word) for each in folders):
            is_sent = pattern.startswith("!")
    return is_sent


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(Path(path).name, pattern.removeprefix("**/"))
    return "/" not in path.removeprefix(pattern) and fnmatch.fnmatchcase(path, pattern)


def ignore_patterns() -> list[str]:
    return (ROOT / ".dockerignore").read_text("utf-8").split()


def build(folder: Path) -> Path:
    """Do what the Dockerfile does; return the folder of its programs."""
    here = folder / "src"
    for each in instructions(ROOT / "Dockerfile"):
        if each.name == "RUN" and "useradd" not in each.text:
            command = re.sub(r"^python ", f"{sys.executable} ", each.text)
            for path in _MADE:
                command = command.replace(path, f"{folder}{path}")
            here.mkdir(exist_ok=True)
            subprocess.run(["sh", "-euc", command], cwd=here, check=True)  # noqa: S603, S607
        elif each.name == "COPY" and not each.text.startswith("--from"):
            *sources, target = shlex.split(each.text)
            there = folder / target.removeprefix("/") if target.startswith("/") else here / target
            for source in sources:
                _copy(source, there, is_folder=target.endswith("/"))
    return folder / "opt" / "router" / "bin"


def _copy(source: str, there: Path, *, is_folder: bool) -> None:
    """Copy a file into a folder, or the content of a folder, as far as the builder gets it."""
    patterns = ignore_patterns()
    origin = ROOT / source
    files = [origin] if origin.is_file() else [each for each in origin.rglob("*") if each.is_file()]
    for file in files:
        if not in_context(str(file.relative_to(ROOT)), patterns):
            continue
        inside = file.name if origin.is_file() else str(file.relative_to(origin))
        target = there / inside if is_folder or origin.is_dir() or there.is_dir() else there
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
