"""Check what `make dist` has built: ``python tests/check_packages.py dist``.

A package has all files of ``router`` and the rule packs, the licence, and nothing else. A wheel that
is built from the source distribution has the same files as the one that is built from the repository.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from email.parser import Parser
from pathlib import Path
from typing import Final

from router import __version__

ROOT: Final = Path(__file__).parents[1]
NAME: Final = "event_router"
SDIST_FOLDERS: Final = ("router/", "rules/packs/")
SDIST_FILES: Final = frozenset(
    {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "constraints/run.txt",
        "pyproject.toml",
    }
)

Contents = Mapping[str, bytes]
"""The files of a package by their paths in it."""


def build(target: str, folder: Path, source: Path = ROOT) -> Path:
    """Build a "wheel" or an "sdist" into a folder and return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)  # noqa: S603 - the build backend
    pattern = f"{NAME}-*.whl" if target == "wheel" else f"{NAME}-*.tar.gz"
    (built,) = folder.glob(pattern)
    return built


def wheel_contents(path: Path) -> Contents:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_contents(path: Path) -> Contents:
    """Return the files without the folder that all of them are in."""
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        opened = {member.name: archive.extractfile(member) for member in members}
        return {
            name.partition("/")[2]: file.read() for name, file in opened.items() if file is not None
        }


def packaged_files() -> Contents:
    """Return the files that a wheel must have, by their paths in it."""
    found = {}
    for folder, prefix in (("router", "router"), ("rules/packs", "router/packs")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT / folder).as_posix()
                found[f"{prefix}/{name}"] = path.read_bytes()
    return found


def differences(found: Contents, expected: Contents) -> Iterator[str]:
    """Yield a line for each file that is missing, too much or other than expected."""
    for name in sorted(found.keys() | expected.keys()):
        if name not in found:
            yield f"{name} is missing"
        elif name not in expected:
            yield f"{name} does not belong in it"
        elif found[name] != expected[name]:
            yield f"{name} is another one than expected"


def wheel_problems(contents: Contents) -> Iterator[str]:
    """Yield what is wrong with a wheel."""
    info = f"{NAME}-{__version__}.dist-info/"
    yield from differences(
        {name: body for name, body in contents.items() if not name.startswith(info)},
        packaged_files(),
    )
    expected = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    found = {name.removeprefix(info) for name in contents if name.startswith(info)}
    if found != expected:
        yield f"{info} has {sorted(found)}, expected {sorted(expected)}"
        return
    if contents[f"{info}licenses/LICENSE"] != (ROOT / "LICENSE").read_bytes():
        yield "the licence is another one"
    if b"router = router.launch:run" not in contents[f"{info}entry_points.txt"]:
        yield "there is no command router"
    yield from metadata_problems(contents[f"{info}METADATA"].decode())


def metadata_problems(text: str) -> Iterator[str]:
    """Yield what is wrong with the metadata of a package."""
    metadata = Parser().parsestr(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for key, expected in {
        "Name": project["name"],
        "Version": __version__,
        "License-Expression": project["license"],
        "Requires-Python": project["requires-python"],
    }.items():
        if metadata[key] != expected:
            yield f"{key} is {metadata[key]!r}, expected {expected!r}"
    for requirement in metadata.get_all("Requires-Dist", []):
        if "@" in requirement:
            yield f"{requirement} names an address"


def sdist_problems(contents: Contents) -> Iterator[str]:
    """Yield what is wrong with a source distribution."""
    for name in sorted(contents):
        if name not in SDIST_FILES and not name.startswith(SDIST_FOLDERS):
            yield f"{name} does not belong in it"
    yield from (f"{name} is missing" for name in sorted(SDIST_FILES - contents.keys()))
    yield from metadata_problems(contents["PKG-INFO"].decode())


def wheel_of(sdist: Path) -> Contents:
    """Build a wheel from a source distribution and return its files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(sdist) as archive:
            # Python before 3.11.4 knows no filters, and has no default that one must choose.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)  # noqa: S202 - our own archive
        (source,) = [path for path in folder.iterdir() if path.is_dir()]
        return wheel_contents(build("wheel", folder / "dist", source))


def sbom_problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with the list of what an installation has."""
    names = {each["name"] for each in json.loads(path.read_text())["components"]}
    yield from (f"{name} is not in it" for name in sorted({"aiohttp", "arq", "redis"} - names))


def main(folder: Path) -> int:
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    built, sources = wheel_contents(wheel), sdist_contents(sdist)
    checked = {
        wheel: [*wheel_problems(built)],
        sdist: [*sdist_problems(sources), *differences(wheel_of(sdist), built)],
        folder / "sbom.json": [*sbom_problems(folder / "sbom.json")],
    }
    for path, problems in checked.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name:<40}{path.stat().st_size:>9,} bytes  sha256 {digest}")
        for problem in problems:
            print(f"  {problem}")
    return int(any(checked.values()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
