"""The folder for the data of ``router dev``: one for each rules folder, below the user's state folder.

It does not lie in the rules folder itself, which is in version control, may be read-only, and may be on
a file system that is too slow or too strange for an append-only file.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Final

_NAME: Final = 40
"""Characters of a rules folder's path that the name of its store has."""
_OTHER: Final = re.compile("[^A-Za-z0-9._-]+")


def stores_folder(state_home: str, home: str) -> Path | None:
    """Return the folder of all stores of a user: in the XDG state folder; None without a home.

    Args:
        state_home: The environment variable XDG_STATE_HOME; ``""`` if it is not set.
        home: The user's home folder; ``"~"`` or ``""`` if there is none.

    Source: XDG Base Directory Specification 0.8, XDG_STATE_HOME. It says to ignore a relative path.

    """
    if not Path(state_home).is_absolute():
        if not Path(home).is_absolute():
            return None
        state_home = f"{home}/.local/state"
    return Path(state_home) / "router" / "dev"


class DevStore:
    """The store of one rules folder, which need not exist.

    Args:
        stores: The folder of all stores of the user.
        rules: The rules folder. Two paths that lead to one folder have one store.
    """

    def __init__(self, stores: Path, rules: Path) -> None:
        # Not Path.resolve, which raises RuntimeError for links in a circle before Python 3.13.
        self.rules: Final = Path(os.path.realpath(rules))
        self.folder: Final = stores / _store_name(self.rules)


def _store_name(rules: Path) -> str:
    """Return a name that a person recognises and that no two paths share."""
    digest = hashlib.blake2b(os.fsencode(rules), digest_size=5).hexdigest()
    readable = _OTHER.sub("-", "-".join(rules.parts[-2:])).strip("-.")[-_NAME:].lstrip("-.")
    return f"{readable or 'rules'}-{digest}"
