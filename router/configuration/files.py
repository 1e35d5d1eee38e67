"""The files of the rules folder: which they are, what they hold, whether they have changed.

Every ``*.yaml`` and ``*.yml`` directly in the folder holds rules; other files are read only when
a rules file names them. Nothing is read further than its limit, and nothing that could be waited
for (a pipe, a device) is opened.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from router.errors import Diagnostic, RulesError

FILES_LIMIT: Final = 200
FILE_LIMIT: Final = 1 << 20
"""Bytes of one file."""

_STAMPED: Final = 1000
"""Files that are looked at for changes; more than may be read."""
_TABLE: Final = ".csv"
_SUFFIXES: Final = frozenset({".yaml", ".yml"})


Fingerprint = tuple[tuple[object, ...], ...]
"""What the system knows of a folder and its files: another one when one that counts is written."""


def fingerprint(folder: Path) -> Fingerprint:
    """The stamp of a folder as it is now. Never raises: what cannot be looked at is a stamp too.

    Links are followed, so the folders that Kubernetes exchanges below a ConfigMap's files count.
    Other files do not: an editor's, say, or those of ``router test``.
    """
    try:
        found = [path for path in _visible(folder) if path.suffix in {*_SUFFIXES, _TABLE}]
    except (OSError, ValueError) as error:
        return ((_reason(error),),)
    return (folder_identity(folder), *(file_fingerprint(path) for path in sorted(found)[:_STAMPED]))


def folder_identity(folder: Path) -> tuple[object, ...]:
    """Which folder it is, whatever it holds: another one when it was exchanged."""
    return file_fingerprint(folder)[1:3]


def file_fingerprint(path: Path) -> tuple[object, ...]:
    """What the system says of one file. Never raises."""
    try:
        now = path.stat()
    except (OSError, ValueError) as error:
        return path.name, _reason(error)
    return path.name, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def rules_files(folder: Path) -> list[Path]:
    """The files of the folder that hold rules, by name. Raises RulesError for none."""
    problem, hint = "", "set ROUTER_RULES to the folder that holds your rules"
    files: list[Path] = []
    try:
        files = sorted(path for path in _visible(folder) if path.suffix in _SUFFIXES)
    except FileNotFoundError:
        problem = "there is no such folder"
    except NotADirectoryError:
        problem = "this is a file, not a folder"
    except (OSError, ValueError) as error:
        problem = f"the folder cannot be read: {_reason(error)}"
    if not problem and not files:
        problem = "the folder has no file that ends in .yaml or .yml"
    if len(files) > FILES_LIMIT:
        problem, hint = f"the folder has {len(files)} files, at most {FILES_LIMIT}", ""
    if problem:
        raise RulesError([Diagnostic(printable_path(folder), 0, 0, problem, hint)])
    return files


def sibling_file(folder: Path, name: str) -> Path | str:
    """A file that a rules file names, or why it may not be read: it must stand in the folder."""
    if "/" in name or "\\" in name or name.startswith("."):
        return "a file must stand in the rules folder itself, and be named without a path"
    if not name.endswith(_TABLE):
        return f"a table is a file whose name ends in {_TABLE}"
    return folder / name


def read_content(file: Path, limit: int = FILE_LIMIT) -> bytes | str:
    """The bytes of a file, or why there are none."""
    try:
        # A pipe or a device would be waited for.
        if file.exists() and not file.is_file():
            return "this is not a file"
        with file.open("rb") as opened:
            read = opened.read(limit + 1)
    except (OSError, ValueError) as error:
        return f"the file cannot be read: {_reason(error)}"
    if len(read) > limit:
        return f"the file is larger than {limit / (1 << 20):.3g} MiB"
    return read


def generation(contents: Mapping[str, bytes | str]) -> str:
    """A short hash of files, by name: two processes with the same one run the same rules."""
    digest = hashlib.blake2b(digest_size=6)
    for file, text in contents.items():
        for part in (Path(file).name, text):
            data = part if isinstance(part, bytes) else os.fsencode(part)
            # With its length, so that no two different folders are the same text.
            digest.update(b"%d:%b" % (len(data), data))
    return digest.hexdigest()


def printable_path(path: Path | str) -> str:
    """A path as text that can be encoded; names of files are bytes to the system."""
    return str(path).encode(errors="backslashreplace").decode()


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not a path"
