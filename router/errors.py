"""Every error that the router raises, in one tree.

RouterError                  whatever the router itself says is wrong
├── ConfigurationError       the operator's to mend; the process refuses to start
│   ├── SettingsError        an environment variable
│   ├── RulesError           the rules folder; carries all findings, each with its place
│   └── ConditionError       one condition of a rule, with its place in it
├── EventError               the sender's to mend; HTTP 4xx
│   └── EventsTooLargeError  over a limit; HTTP 413
├── PoisonError              an event that ends the process that judges it; it goes to quarantine
├── OverloadedError          too much is waiting; HTTP 503, try again
├── JournalUnavailableError  Redis did not confirm in time; HTTP 503, try again
└── StreamUnavailableError   Kinesis did not answer, or not now; it is asked again
"""

import enum

import msgspec


class RouterError(Exception):
    """Base of all errors below."""


class ConfigurationError(RouterError):
    """The operator's to mend: the process refuses to start with this one line."""


class SettingsError(ConfigurationError):
    """An environment variable that is wrong, missing or unknown. The message names it."""


class Level(enum.StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    """The folder is refused."""
    WARNING = "warning"
    """It may be meant as it stands."""


class Diagnostic(msgspec.Struct, frozen=True, order=True):
    """One thing wrong with the rules folder, at its place.

    ``line`` and ``column`` count from 1; 0 means that the whole file is meant.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    """What would be right, for example ``did you mean "severity"?``"""
    source: str = ""
    """The line of the file, for the caret."""
    length: int = 1
    """How many characters the caret underlines."""
    level: Level = Level.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{place}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class RulesError(ConfigurationError):
    """What is wrong with the rules folder: every finding, not the first one only."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = sorted(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class ConditionError(ConfigurationError):
    """A condition that cannot be compiled. ``offset`` and ``length`` are in its characters."""

    def __init__(self, message: str, *, offset: int, length: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length
        self.hint = hint


class EventError(RouterError):
    """A request that is not what it claims to be.

    ``code`` is a stable word for programs, ``path`` a JSON path (``$[3].source``) or ``""``.
    """

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path


class EventsTooLargeError(EventError):
    """More bytes or more events than a request may hold."""


class PoisonError(RouterError):
    """An event that has ended one process after the other."""


class OverloadedError(RouterError):
    """More events wait for Redis than may; the sender should try again."""


class JournalUnavailableError(RouterError):
    """Redis did not confirm within the deadline; nothing may be answered with 2xx."""


class StreamUnavailableError(RouterError):
    """Kinesis did not answer in time, or refused for now."""
