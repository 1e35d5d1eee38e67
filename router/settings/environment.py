"""Environment variables -> the values of a Struct's fields.

Generic: it knows no setting. A field's variable is its name in capitals after a prefix; its type
says how the value is written, a ``Constraint`` or a function in ``Annotated`` what more must hold.
All problems are reported, not the first one only, and no message holds the value of a secret.
"""

import enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec

from router.datatypes import ByteSize, Duration, Networks, Secret, Texts
from router.errors import SettingsError
from router.suggestions import closest_match

FROM_FILE: Final = "_FILE"
"""``X_FILE`` names the file that holds the value of ``X``."""

_FILE_LIMIT: Final = 64 * 1024
_SHOWN: Final = 80
"""Characters of a wrong value that a message repeats."""


class Constraint(msgspec.Struct, frozen=True):
    """The bounds of a value, in its own unit: seconds, bytes or a count."""

    at_least: float
    at_most: float


Check = Callable[[str], None]
"""Raises ValueError, without the value where that may be secret."""


class Variable(msgspec.Struct, frozen=True):
    """How one field is read from the environment."""

    name: str
    """The variable's, in capitals."""
    field: str
    kind: type
    default: Any
    within: Constraint | None = None
    checks: tuple[Check, ...] = ()

    @property
    def values(self) -> str:
        """What may be written, in words."""
        if issubclass(self.kind, enum.Enum):
            return f"one of {', '.join(self.kind)}"
        words = _WORDS[self.kind]
        if self.within is None:
            return words
        kind: Callable[[float], Any] = self.kind
        low, high = kind(self.within.at_least), kind(self.within.at_most)
        return f"{words}, {setting_text(low)} to {setting_text(high)}"

    def parse(self, text: str) -> Any:
        """The value. Raises ValueError with what follows the variable's name in a sentence."""
        if not text:
            raise ValueError("is empty, give it a value or leave it out")
        for check in self.checks:
            check(text)
        if self.kind in _SECRETS:
            return _SECRETS[self.kind](text)
        try:
            value = _PARSERS.get(self.kind, self.kind)(text)
        except ValueError:
            raise self._unexpected(text) from None
        if self.within and not self.within.at_least <= value <= self.within.at_most:
            raise self._unexpected(text)
        return value

    def _unexpected(self, text: str) -> ValueError:
        near = closest_match(text, self.kind) if issubclass(self.kind, enum.StrEnum) else None
        hint = f", did you mean {near}?" if near else ""
        return ValueError(f"is {text[:_SHOWN]!r}, expected {self.values}{hint}")


def variables(struct: type[msgspec.Struct], prefix: str) -> tuple[Variable, ...]:
    """The variables of the fields of ``struct``, in its order."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(
        _variable(prefix, field, hints[field.name]) for field in msgspec.structs.fields(struct)
    )


def _variable(prefix: str, field: msgspec.structs.FieldInfo, hint: Any) -> Variable:
    kind, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if isinstance(kind, UnionType):  # ``Secret | None`` is a Secret that may be left out
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
    foreign: Callable[[str, str], str],
) -> dict[str, Any]:
    """The values by field, from all variables that begin with ``prefix``.

    ``foreign`` is told the name and value of each and says, if it is nobody's intention, whose
    doing it is; ``""`` else. Raises SettingsError with a line for each that is wrong or unknown.
    """
    named = {name: each for each in known for name in (each.name, each.name + FROM_FILE)}
    values: dict[str, Any] = {}
    problems = []
    for name in sorted(name for name in environ if name.startswith(prefix)):
        reason = foreign(name, environ[name])
        if reason:
            problems.append(f"{name} {reason}")
        elif name not in named:
            problems.append(f"{name} is no setting{_meant(name, named, prefix)}")
        else:
            try:
                values[named[name].field] = named[name].parse(_text(named[name], name, environ))
            except ValueError as error:
                problems.append(f"{name} {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return values


def _meant(name: str, known: Iterable[str], prefix: str) -> str:
    # Compared without what all of them have in common.
    near = closest_match(name.removeprefix(prefix), [each.removeprefix(prefix) for each in known])
    if near:
        return f", did you mean {prefix}{near}?"
    return f"; a variable for other purposes must not begin with {prefix}"


def _text(variable: Variable, name: str, environ: Mapping[str, str]) -> str:
    """The value's text: the variable's own, or that of the file which it names."""
    if name == variable.name:
        return environ[name]
    if variable.name in environ:
        raise ValueError(f"is given beside {variable.name}, leave one of them out")
    return file_text(environ[name])


def file_text(path: str) -> str:
    """What a file holds, without the line end at its end.

    Raises ValueError with what follows the variable's name in a sentence; it does not repeat the
    path, which may be the secret itself, put into the wrong variable.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_FILE_LIMIT + 1)
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
        raise ValueError("has an empty part, write the values with single commas between them")
    return tuple(map(Secret, parts))


_SECRETS: Final[Mapping[type, Callable[[str], Any]]] = {Secret: Secret, tuple: _secrets}
_PARSERS: Final[Mapping[type, Callable[[str], Any]]] = {
    int: _whole_number,
    Duration: Duration.parse,
    ByteSize: ByteSize.parse,
    Networks: Networks.parse,
    Texts: Texts.parse,
}
_WORDS: Final[Mapping[type, str]] = {
    str: "text",
    Path: "a path",
    Secret: "a secret",
    tuple: "secrets with commas between them",
    int: "a whole number",
    Duration: "a duration such as 500ms, 10s or 1h30m",
    ByteSize: "a size such as 65536, 64KiB or 1MiB",
    Networks: "networks such as 10.0.0.0/8 or 192.0.2.7, with commas between them",
    Texts: "texts with commas between them",
}


def setting_text(value: Any) -> str:
    """A value as one would write it in the environment."""
    if isinstance(value, Secret):
        return value.reveal()  # a default, so no secret
    if isinstance(value, Duration):
        return _in_units(value, {"d": 86400, "h": 3600, "m": 60, "s": 1}, "ms", 1000)
    if isinstance(value, ByteSize):
        return _in_units(value, {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}, "B", 1)
    if isinstance(value, Networks | Texts):
        return ", ".join(map(str, value))
    return "" if value is None or value == () else str(value)


def _in_units(value: float, units: Mapping[str, int], smallest: str, factor: int) -> str:
    """``value`` in the largest unit in which it is whole, else in the smallest."""
    for unit, size in units.items():
        if value and value % size == 0:
            return f"{value / size:g}{unit}"
    return f"{value * factor:g}{smallest}"
