"""List, read and fingerprint the files of the rules folder.

Every ``*.yaml`` and ``*.yml`` directly in the folder contains rules; other files are read only if a
rules file names them. Reading stops at a size limit. Pipes and devices are not opened, because a
read from them may block.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from router.errors import Diagnostic, RulesError

FILES_LIMIT: Final = 200
FILE_LIMIT: Final = 1 << 20
"""Bytes of one rules file."""

_FINGERPRINTED: Final = 1000
"""Files that a fingerprint includes; more than may be read."""
_TABLE: Final = ".csv"
_SUFFIXES: Final = frozenset({".yaml", ".yml"})


Fingerprint = tuple[tuple[object, ...], ...]
"""The metadata of a folder and its files; it changes when one of them is written."""


def fingerprint(folder: Path) -> Fingerprint:
    """Return the current fingerprint of a folder. Never raises: an error is a fingerprint too.

    Links are followed, because Kubernetes replaces the folder behind a ConfigMap's files. Files of
    other types are excluded, for example those of an editor or of ``router test``.
    """
    try:
        paths = [path for path in _visible(folder) if path.suffix in {*_SUFFIXES, _TABLE}]
    except (OSError, ValueError) as error:
        return ((_reason(error),),)
    return (
        folder_identity(folder),
        *(file_fingerprint(path) for path in sorted(paths)[:_FINGERPRINTED]),
    )


def folder_identity(folder: Path) -> tuple[object, ...]:
    """Return the device and inode of a folder, which change when it is replaced."""
    return file_fingerprint(folder)[1:3]


def file_fingerprint(path: Path) -> tuple[object, ...]:
    """Return the metadata of one file. Never raises: an error is a fingerprint too."""
    try:
        now = path.stat()
    except (OSError, ValueError) as error:
        return path.name, _reason(error)
    return path.name, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def rules_files(folder: Path) -> list[Path]:
    """Return the rules files of the folder, sorted by name.

    Raises RulesError if the folder cannot be read, or has no rules file or too many.
    """
    problem, hint = "", "set ROUTER_RULES to the folder with your rules, or begin one: router init"
    files: list[Path] = []
    try:
        files = sorted(path for path in _visible(folder) if path.suffix in _SUFFIXES)
    except FileNotFoundError:
        problem = "the folder does not exist"
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
    """Return the path of a file that a rules file names, or as text why it may not be read."""
    if "/" in name or "\\" in name or name.startswith("."):
        return "a table's file must be in the rules folder, write its name without a path"
    if not name.endswith(_TABLE):
        return f"the name of a table's file must end in {_TABLE}"
    return folder / name


def read_content(file: Path, limit: int = FILE_LIMIT) -> bytes | str:
    """Return the bytes of a file, or as text why it cannot be read."""
    try:
        # Opening a pipe or a device may block.
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
    """Return a short hash of file names and contents; it is equal for processes with equal rules."""
    digest = hashlib.blake2b(digest_size=6)
    for file, text in contents.items():
        for part in (Path(file).name, text):
            data = part if isinstance(part, bytes) else os.fsencode(part)
            # The length prefix makes the encoding unambiguous.
            digest.update(b"%d:%b" % (len(data), data))
    return digest.hexdigest()


def printable_path(path: Path | str) -> str:
    """Return a path as valid Unicode, because the operating system permits any bytes in a name."""
    return str(path).encode(errors="backslashreplace").decode()


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not a path"
