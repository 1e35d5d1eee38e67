"""Which nginx and Caddy the tests use. Imports nothing that must be installed."""

import shutil
from pathlib import Path
from typing import Final

UNPACKED: Final = Path(__file__).parents[2] / ".venv" / "proxies"
"""The folder into which ``make proxies`` unpacks both."""
_PATH: Final = f"/usr/sbin:/usr/local/sbin:{UNPACKED}/usr/sbin:{UNPACKED}/usr/bin"


def nginx_path() -> str | None:
    return _program("nginx")


def caddy_path() -> str | None:
    return _program("caddy")


def _program(name: str) -> str | None:
    """Return the path of a program on PATH, among those of root, or unpacked; None if there is none."""
    return shutil.which(name) or shutil.which(name, path=_PATH)
