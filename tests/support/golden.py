"""Golden files: the exact texts that users see."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "data" / "golden"


def golden(name: str, seen: str, folder: Path = _FOLDER) -> str:
    """Return the content of ``tests/data/golden/<name>``, to compare with ``seen``.

    With ``UPDATE_GOLDEN=1`` it is overwritten by ``seen`` first; review the difference in git.
    """
    path = folder / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(seen.encode())
    return path.read_bytes().decode()
