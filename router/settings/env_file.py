"""Read environment variables from a file of the form that docker compose and shells read.

Source: the format of python-dotenv, https://saurabh-kumar.com/python-dotenv/#file-format. Values are
taken as they are written: ``${NAME}`` in a value stays, because a password may contain it.
"""

import re
from collections.abc import MutableMapping
from io import StringIO
from pathlib import Path
from typing import Final

from router.bounded_read import read_at_most
from router.errors import SettingsError

USUAL: Final = Path(".env")
"""The file that is read if it exists in the working folder."""

DISABLED: Final = "PYTHON_DOTENV_DISABLED"
"""The variable by which python-dotenv lets a process do without the usual file."""
_YES: Final = frozenset({"1", "true", "t", "yes", "y"})
"""The values by which python-dotenv takes it as set, in any case."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LIMIT: Final = 256 * 1024
"""Bytes of a file."""


def load_env_file(path: Path | None, environ: MutableMapping[str, str]) -> None:
    """Add the variables of a file to an environment; those that have a value already stay.

    Args:
        path: The file, which must exist; None for ``USUAL``, which need not and which is not read if
            the environment disables it by ``DISABLED``.
        environ: The environment.

    Raises:
        SettingsError: A line is not NAME=value, or the file is too large or not UTF-8. The message
            has the line's number and never its text, which may be a secret.
        OSError: The file cannot be read.
    """
    is_disabled = environ.get(DISABLED, "").casefold() in _YES
    if path is None and (is_disabled or not USUAL.is_file()):
        return
    for name, value in read_env_file(path or USUAL).items():
        if not environ.get(name):
            environ[name] = value


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file. Raise as ``load_env_file`` does."""
    content = read_at_most(path, _LIMIT)
    if len(content) > _LIMIT:
        raise SettingsError(f"{path} has more than {_LIMIT} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}:{line} is not UTF-8") from None
    # Here, because most commands find no file, and the import takes ten milliseconds.
    from dotenv.parser import parse_stream

    variables: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        name, value = binding.key, binding.value
        if binding.error or "\0" in (value or "") or not _NAME.fullmatch(name or "A"):
            raise SettingsError(
                f"{path}:{_first_line(binding.original.string, binding.original.line)}"
                " is not a variable, write NAME=value, the value in quotes if it has spaces"
            )
        if name is not None and value is not None:
            variables[name] = value
    return variables


def _first_line(text: str, line: int) -> int:
    """Return the number of the first line of a piece of the file that is not blank."""
    return line + text[: len(text) - len(text.lstrip())].count("\n")
