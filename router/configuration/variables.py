"""``${NAME}`` in a rules file: an environment variable, and only where a credential may stand.

Where ``NAME`` itself is not set, ``NAME_FILE`` names the file that holds its value: so a credential
can be a mounted secret, and is read again at each reload.

``$${`` is a literal ``${``. What a variable holds is a secret: it never gets into a finding.
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
_WORD: Final = re.compile(r"[^\s/:@?&=#,;<>\"']{4,}")
# In so many values and messages that they tell nothing.
_NO_SECRETS: Final = frozenset({"http", "https", "smtp", "smtps", "smtp+starttls", "mailto"})


class MissingVariable(enum.Enum):
    """What to do about a variable that is not set."""

    ERROR = enum.auto()
    """It is a finding."""
    KEEP = enum.auto()
    """The destination says that it lacks it."""


class Substitutions(msgspec.Struct, frozen=True):
    """What variables hold, and why some of them hold nothing: what follows ``NAME_FILE``."""

    known: Mapping[str, str]
    problems: Mapping[str, str] = {}

    @classmethod
    def of(cls, names: Iterable[str], environ: Mapping[str, str]) -> "Substitutions":
        """Those of ``environ``, and from files those among ``names`` that it does not have."""
        known, problems = dict(environ), {}
        for name in names:
            path = environ.get(name + FROM_FILE)
            if name not in environ and path is not None:
                try:
                    known[name] = file_text(path)
                except ValueError as error:
                    problems[name] = str(error)
        return cls(known, problems)

    def having(self, values: Mapping[str, str]) -> "Substitutions":
        """These, and others in the place of what is missing."""
        return Substitutions({**self.known, **values})


class Interpolated(msgspec.Struct, frozen=True):
    """A scalar's text with its variables filled in, and which they were."""

    text: str
    variables: tuple[str, ...] = ()


class Interpolator(Protocol):
    """What may be done about variables at one part of a file."""

    def expand(self, scalar: Scalar, document: YamlDocument) -> Interpolated | None:
        """None where a finding has been reported."""
        ...

    def revealed(self, message: str) -> list[str]:
        """The variables of which a message holds the value or a telling part of it."""
        ...


class NoVariables:
    """For rules: a variable there is a finding, for rules are to be read and tested as they are."""

    def expand(self, scalar: Scalar, document: YamlDocument) -> Interpolated | None:
        for found in _VARIABLE.finditer(scalar.text):
            if found["name"]:
                document.report(
                    document.part_span(scalar, found.start(), len(found[0])),
                    f"{found[0]}: variables are for destinations only",
                    f"write $${{{found['name']}}} if the text itself is meant",
                )
                return None
        return Interpolated(unescape(scalar.text))

    def revealed(self, _message: str) -> list[str]:
        return []


class EnvironmentVariables:
    """For destinations: a variable that is not set is a finding."""

    def __init__(self, values: Substitutions) -> None:
        self._values = values.known
        self._problems = values.problems
        self._used: dict[str, str] = {}

    def expand(self, scalar: Scalar, document: YamlDocument) -> Interpolated | None:
        pieces: list[str] = []
        names: list[str] = []
        sound = True
        end = 0
        for found in _VARIABLE.finditer(scalar.text):
            pieces.append(scalar.text[end : found.start()])
            end = found.end()
            if found[0] == "$${":
                pieces.append("${")
                continue
            problem = self._problem(found["name"])
            if problem is not None:
                document.report(document.part_span(scalar, found.start(), len(found[0])), *problem)
                sound = False
                continue
            names.append(found["name"])
            pieces.append(self._values[found["name"]])
            self._used[found["name"]] = self._values[found["name"]]
        pieces.append(scalar.text[end:])
        return Interpolated("".join(pieces), tuple(names)) if sound else None

    def revealed(self, message: str) -> list[str]:
        return [
            name
            for name, value in self._used.items()
            if any(word in message for word in {value, *_WORD.findall(value)} - _NO_SECRETS)
        ]

    def _problem(self, name: str | None) -> tuple[str, str] | None:
        if name is None:
            return (
                "`${` must be followed by a name and `}`",
                "write $${ if the text itself is meant",
            )
        if name in self._problems:
            return f"${{{name}}}: {name}{FROM_FILE} {self._problems[name]}", ""
        if name not in self._values:
            near = closest_match(name, self._values)
            return f"${{{name}}} is not set", f"did you mean ${{{near}}}?" if near else ""
        if not self._values[name]:
            return f"${{{name}}} is empty", "give the environment variable a value"
        return None


def variable_names(text: str) -> tuple[str, ...]:
    """The variables that a text asks for, in its order."""
    return tuple(found["name"] for found in _VARIABLE.finditer(text) if found["name"])


def unescape(text: str) -> str:
    """The text of a scalar of a rule as it is meant."""
    return text.replace("$${", "${")


def escaped_offset(text: str, offset: int) -> int:
    """Where in ``text`` that stands which is at ``offset`` once each ``$${`` has become ``${``."""
    for escape in re.finditer(r"\$\$\{", text):
        if escape.start() < offset:
            offset += 1
    return offset
