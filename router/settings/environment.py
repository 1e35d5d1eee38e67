"""Read the fields of a Struct from environment variables.

The module is generic and refers to no setting. A variable's name is a prefix and the field's name in
capitals. The field's type defines how a value is written; a ``Constraint`` or a function in
``Annotated`` restricts it further. All problems are reported, not only the first, and no message
contains the value of a secret.

A variable with an empty value counts as not given, because Compose, systemd and Helm can pass a
variable on, but cannot leave it out if it has no value (``${X:-}``).
"""

import enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec

from router.bounded_read import read_at_most
from router.datatypes import ByteSize, Duration, Networks, Secret, Share, Texts
from router.errors import SettingsError
from router.field_paths import FieldPaths
from router.no_proxy import NoProxy
from router.settings.meant_value import meant_value
from router.settings.tokens import Tokens
from router.suggestions import closest_match

FROM_FILE: Final = "_FILE"
"""``X_FILE`` names the file that contains the value of ``X``."""

_FILE_LIMIT: Final = 64 * 1024
_SHOWN: Final = 80
"""Characters of a wrong value that a message quotes."""


class Constraint(msgspec.Struct, frozen=True):
    """The bounds of a value, inclusive, in its unit: seconds, bytes or a count."""

    at_least: float
    at_most: float


Check = Callable[[str], None]
"""Raises ValueError for a wrong value; the message omits a value that may be secret."""


class Variable(msgspec.Struct, frozen=True):
    """Describes how one field is read from the environment."""

    name: str
    """The name of the variable, in capitals."""
    field: str
    kind: type
    default: Any
    within: Constraint | None = None
    checks: tuple[Check, ...] = ()

    @property
    def values(self) -> str:
        """A description of the permitted values."""
        if issubclass(self.kind, enum.Enum):
            return f"one of {', '.join(self.kind)}"
        words = _WORDS[self.kind]
        if self.within is None:
            return words
        kind: Callable[[float], Any] = self.kind
        low, high = kind(self.within.at_least), kind(self.within.at_most)
        return f"{words}, {setting_text(low)} to {setting_text(high)}"

    def parse(self, text: str) -> Any:
        """Return the value that ``text`` denotes.

        Raises ValueError with a message that completes a sentence after the variable's name.
        """
        for check in self.checks:
            check(text)
        if self.kind in _SECRETS:
            return _SECRETS[self.kind](text)
        try:
            return self._value(text)
        except ValueError:
            raise self._unexpected(text) from None

    def _value(self, text: str) -> Any:
        """Return the value, which is within its bounds. Raise ValueError."""
        value = _PARSERS.get(self.kind, self.kind)(text)
        if self.within and not self.within.at_least <= value <= self.within.at_most:
            raise ValueError(text)
        return value

    def _unexpected(self, text: str) -> ValueError:
        meant = meant_value(self.kind, text)
        hint = f", did you mean {meant}?" if meant and self._is_valid(meant) else ""
        return ValueError(f"is {text[:_SHOWN]!r}, expected {self.values}{hint}")

    def _is_valid(self, text: str) -> bool:
        try:
            self._value(text)
        except ValueError:
            return False
        return True


def variables(struct: type[msgspec.Struct], prefix: str) -> tuple[Variable, ...]:
    """Return the variables of the fields of ``struct``, in order."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(
        _variable(prefix, field, hints[field.name]) for field in msgspec.structs.fields(struct)
    )


def _variable(prefix: str, field: msgspec.structs.FieldInfo, hint: Any) -> Variable:
    kind, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if isinstance(kind, UnionType):  # ``Secret | None`` is an optional Secret
        (kind,) = (kind for kind in get_args(kind) if kind is not NoneType)
    bounds = [extra for extra in extras if isinstance(extra, Constraint)]
    return Variable(
        name=prefix + field.name.upper(),
        field=field.name,
        kind=get_origin(kind) or kind,
        default=field.default,
        within=bounds[0] if bounds else None,
        checks=tuple(extra for extra in extras if callable(extra)),
    )


def read(
    known: Sequence[Variable],
    environ: Mapping[str, str],
    prefix: str,
    rejection: Callable[[str, str], str],
) -> dict[str, Any]:
    """Read the values of all variables that begin with ``prefix``.

    Args:
        known: The variables that exist.
        environ: The environment. Empty variables are ignored, whatever their name.
        prefix: The prefix of all variables in ``known``.
        rejection: Returns why a variable with this name and value is rejected whatever ``known``
            has, ``""`` if it is not.

    Returns:
        The values by field; variables that are not set are missing.

    Raises:
        SettingsError: A variable is wrong or unknown; the message has a line for each.
    """
    named = {name: each for each in known for name in (each.name, each.name + FROM_FILE)}
    values: dict[str, Any] = {}
    problems = []
    environ = non_empty(environ)
    for name in sorted(name for name in environ if name.startswith(prefix)):
        reason = rejection(name, environ[name])
        if reason:
            problems.append(f"{name} {reason}")
        elif name not in named:
            problems.append(f"{name} is not a setting{_hint(name, named, prefix)}")
        else:
            try:
                values[named[name].field] = named[name].parse(_text(named[name], name, environ))
            except ValueError as error:
                problems.append(f"{name} {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return values


def non_empty(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have a value. An empty one counts as not given."""
    return {name: text for name, text in environ.items() if text}


def _hint(name: str, known: Iterable[str], prefix: str) -> str:
    # The common prefix is removed, because it would make all names similar.
    near = closest_match(name.removeprefix(prefix), [each.removeprefix(prefix) for each in known])
    if near:
        return f", did you mean {prefix}{near}?"
    return f", choose a name without {prefix} for other purposes"


def _text(variable: Variable, name: str, environ: Mapping[str, str]) -> str:
    """Return the text of the variable, or of the file that it names."""
    if name == variable.name:
        return environ[name]
    if variable.name in environ:
        raise ValueError(f"and {variable.name} are both set, remove one of them")
    text = file_text(environ[name])
    if not text:
        # A file is named on purpose, so an empty one is a secret that did not arrive.
        raise ValueError("names an empty file, write the value into it or remove the variable")
    return text


def file_text(path: str) -> str:
    """Return the content of a file without the line end at its end.

    Raises ValueError with a message that completes a sentence after the variable's name. The
    message omits the path, because it may be the secret itself, set in the wrong variable.
    """
    try:
        content = read_at_most(path, _FILE_LIMIT)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ValueError(f"names a file that cannot be read: {reason}") from None
    if len(content) > _FILE_LIMIT:
        raise ValueError(f"names a file with more than {_FILE_LIMIT} bytes")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8") from None


def _whole_number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(text)
    return int(text)


def _secrets(text: str) -> tuple[Secret, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ValueError("has an empty value, write the values with single commas between them")
    return tuple(map(Secret, parts))


_SECRETS: Final[Mapping[type, Callable[[str], Any]]] = {
    Secret: Secret,
    tuple: _secrets,
    Tokens: Tokens.parse,
}
_PARSERS: Final[Mapping[type, Callable[[str], Any]]] = {
    int: _whole_number,
    Duration: Duration.parse,
    ByteSize: ByteSize.parse,
    Share: Share.read,
    Networks: Networks.parse,
    Texts: Texts.parse,
    NoProxy: NoProxy.parse,
    FieldPaths: FieldPaths.parse,
}
_WORDS: Final[Mapping[type, str]] = {
    str: "text",
    Path: "a path",
    Secret: "a secret",
    tuple: "secrets with commas between them",
    Tokens: "a secret, or name=secret with commas between them",
    int: "a whole number",
    Duration: "a duration such as 500ms, 10s or 1h30m",
    ByteSize: "a size such as 65536, 64KiB or 1MiB",
    Share: "a share such as 5%",
    Networks: "networks such as 10.0.0.0/8 or 192.0.2.7, with commas between them",
    Texts: "texts with commas between them",
    FieldPaths: "paths of fields with commas between them",
    NoProxy: "hosts, domains and networks with commas between them",
}


def setting_text(value: Any) -> str:
    """Return a value as it is written in the environment."""
    if isinstance(value, Secret):
        return value.reveal()  # only defaults are formatted, and they are public
    if isinstance(value, Duration):
        return _in_units(value, {"d": 86400, "h": 3600, "m": 60, "s": 1}, "ms", 1000)
    if isinstance(value, ByteSize):
        return _in_units(value, {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}, "B", 1)
    if isinstance(value, Share):
        return f"{100 * value:g}%"
    if isinstance(value, Networks | Texts | NoProxy):
        return ", ".join(map(str, value))
    return "" if value is None or value == () else str(value)


def _in_units(value: float, units: Mapping[str, int], smallest: str, factor: int) -> str:
    """Return ``value`` in the largest unit in which it is whole, otherwise in the smallest."""
    for unit, size in units.items():
        if value and value % size == 0:
            return f"{value / size:g}{unit}"
    return f"{value * factor:g}{smallest}"
