"""Golden files: what people see, kept as they see it."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "data" / "golden"


def golden(name: str, seen: str, folder: Path = _FOLDER) -> str:
    """The content of ``tests/data/golden/<name>``, to compare with ``seen``.

    ``UPDATE_GOLDEN=1`` writes ``seen`` there first: look at the difference before you commit it.
    """
    path = folder / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(seen.encode())
    return path.read_bytes().decode()
