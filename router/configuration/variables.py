"""Substitute environment variables in the values of destinations.

``${NAME}`` is the value of the environment variable ``NAME``. If it is not set, or empty, ``NAME_FILE``
names the file that contains the value, so that a credential can be a mounted secret. The file is read
again at each reload. ``$${`` is a literal ``${``.

The value of a variable is a secret and never appears in a diagnostic.
"""

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec

from router.configuration.yaml.document import Scalar, YamlDocument
from router.settings.environment import FROM_FILE, file_text
from router.suggestions import closest_match

_VARIABLE: Final = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|\$\{")
_UNBRACED: Final = re.compile(
    r"\$[A-Z][A-Z0-9_]{2,}|%[A-Z][A-Z0-9_]{2,}%|\{\{\s*(env\.)?[A-Z][A-Z0-9_]{2,}\s*\}\}"
)
"""A variable of a shell, of Windows, or of other tools."""
_WORD: Final = re.compile(r"[^\s/:@?&=#,;<>\"']{4,}")
# These words are in many values and messages, so a message that contains one leaks nothing.
_NO_SECRETS: Final = frozenset({"http", "https", "smtp", "smtps", "smtp+starttls", "mailto"})


class MissingVariable(enum.Enum):
    """The treatment of a variable that is not set."""

    ERROR = enum.auto()
    """It is reported as an error."""
    KEEP = enum.auto()
    """It is listed in the ``missing_variables`` of the destination."""


class Substitutions(msgspec.Struct, frozen=True):
    """The values of variables.

    ``problems`` has the variables whose file could not be read; each text completes a sentence
    after ``NAME_FILE``.
    """

    known: Mapping[str, str]
    problems: Mapping[str, str] = {}

    @classmethod
    def of(cls, names: Iterable[str], environ: Mapping[str, str]) -> "Substitutions":
        """Return the values of ``environ``, and those of missing ``names`` from their files.

        An empty variable counts as missing. It stays in ``known``, so that a diagnostic can say so.
        """
        known, problems = dict(environ), {}
        for name in names:
            path = environ.get(name + FROM_FILE)
            if path and not environ.get(name):
                try:
                    known[name] = file_text(path)
                except ValueError as error:
                    problems[name] = str(error)
        return cls(known, problems)

    def with_values(self, values: Mapping[str, str]) -> "Substitutions":
        """Return a copy in which ``values`` replace or add variables."""
        return Substitutions({**self.known, **values})


class Interpolated(msgspec.Struct, frozen=True):
    """The text of a scalar after substitution, and the names of the substituted variables."""

    text: str
    variables: tuple[str, ...] = ()


class Interpolator(Protocol):
    """Substitutes the variables in one part of a document."""

    def interpolate(self, scalar: Scalar, document: YamlDocument) -> Interpolated | None:
        """Return the scalar's text with its variables substituted; None if an error was reported."""
        ...

    def leaked_variables(self, message: str) -> list[str]:
        """Return the variables whose value, or a recognizable part of it, is in ``message``."""
        ...


class NoVariables:
    """Rejects variables in rules, because rules are read and tested exactly as written."""

    def interpolate(self, scalar: Scalar, document: YamlDocument) -> Interpolated | None:
        """Return the scalar's text without escapes; None after reporting a variable."""
        for match in _VARIABLE.finditer(scalar.text):
            if match["name"]:
                document.report(
                    document.part_span(scalar, match.start(), len(match[0])),
                    f"{match[0]}: variables can be used in destinations and in verify of sources only",
                    f"write $${{{match['name']}}} for the literal text",
                )
                return None
        return Interpolated(unescape(scalar.text))

    def leaked_variables(self, _message: str) -> list[str]:
        """Return no variables, because rules have none."""
        return []


class EnvironmentVariables:
    """Substitutes environment variables in destinations and reports those that are not set."""

    def __init__(self, values: Substitutions) -> None:
        self._values = values.known
        self._problems = values.problems
        self._used: dict[str, str] = {}

    def interpolate(self, scalar: Scalar, document: YamlDocument) -> Interpolated | None:
        """Return the scalar's text with its variables substituted; None if one has no value."""
        pieces: list[str] = []
        names: list[str] = []
        is_valid = True
        end = 0
        for match in _VARIABLE.finditer(scalar.text):
            pieces.append(scalar.text[end : match.start()])
            end = match.end()
            if match[0] == "$${":
                pieces.append("${")
                continue
            problem = self._problem(match["name"])
            if problem is not None:
                document.report(document.part_span(scalar, match.start(), len(match[0])), *problem)
                is_valid = False
                continue
            names.append(match["name"])
            pieces.append(self._values[match["name"]])
            self._used[match["name"]] = self._values[match["name"]]
        pieces.append(scalar.text[end:])
        if _UNBRACED.fullmatch(scalar.text):
            # Without its name, because the text may be a secret.
            message = "this is taken as it is written, no variable is replaced in it"
            document.warn(scalar.span, message, "write ${NAME} for a variable")
        return Interpolated("".join(pieces), tuple(names)) if is_valid else None

    def leaked_variables(self, message: str) -> list[str]:
        """Return the substituted variables whose value, or a part of it, is in ``message``."""
        return [
            name
            for name, value in self._used.items()
            if any(word in message for word in {value, *_WORD.findall(value)} - _NO_SECRETS)
        ]

    def _problem(self, name: str | None) -> tuple[str, str] | None:
        if name is None:
            return (
                "`${` must be followed by a name and `}`",
                "write ${NAME}, which has no default, or $${ for a literal ${",
            )
        if name in self._problems:
            return f"${{{name}}}: {name}{FROM_FILE} {self._problems[name]}", ""
        if name not in self._values:
            match = closest_match(name, self._values)
            return f"${{{name}}} is not set", f"did you mean ${{{match}}}?" if match else ""
        if not self._values[name]:
            return f"${{{name}}} is not set: it is empty", ""
        return None


def variable_names(text: str) -> tuple[str, ...]:
    """Return the names of the variables in ``text``, in order."""
    return tuple(match["name"] for match in _VARIABLE.finditer(text) if match["name"])


def unescape(text: str) -> str:
    """Return the text of a rule's scalar with each ``$${`` replaced by ``${``."""
    return text.replace("$${", "${")


def escaped_offset(text: str, offset: int) -> int:
    """Return the offset in ``text`` of the character at ``offset`` in ``unescape(text)``."""
    for escape in re.finditer(r"\$\$\{", text):
        if escape.start() < offset:
            offset += 1
    return offset
