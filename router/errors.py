"""Every error that the router raises, in one tree.

RouterError                  base of all errors below
├── ConfigurationError       the operator corrects it; the process does not start
│   ├── SettingsError        an environment variable is wrong
│   ├── RulesError           the rules folder is wrong; carries all diagnostics
│   └── ConditionError       a condition of a rule is wrong; carries the position
├── EventError               the sender corrects it; HTTP 4xx
│   ├── UnsupportedCharsetError  a text is in an unknown character set; HTTP 415
│   └── EventsTooLargeError  a request exceeds a limit; HTTP 413
├── PoisonError              an event crashes the process that evaluates it; it is quarantined
├── PostponedError           a job is for a worker with other rules; it is run again later
├── OverloadedError          too many events wait for Redis; HTTP 503, the sender retries
├── RecordError              a record in Redis cannot be decoded; it is set aside
│   └── NewerRecordError     a newer router wrote it; it is left for a newer worker
├── LeaseLostError           another worker has the job; this one leaves it
├── JournalUnavailableError  Redis did not confirm in time; HTTP 503, the sender retries
│   └── WrongTypeError       a key in Redis has another type; it is set aside
└── StreamUnavailableError   Kinesis did not answer or throttled; the read is retried
    └── StreamRejectedError  Kinesis rejected the credentials, a permission or the request
"""

import enum
from typing import TypeVar

import msgspec

E = TypeVar("E", bound=BaseException)


class RouterError(Exception):
    """Base of all errors that the router raises on purpose."""


class ConfigurationError(RouterError):
    """Raised when settings or rules are wrong: the process prints the message and exits."""


class SettingsError(ConfigurationError):
    """Raised when an environment variable is wrong, missing or unknown; the message names it."""


class Level(enum.StrEnum):
    """How severe a diagnostic is."""

    ERROR = "error"
    """The folder is rejected."""
    WARNING = "warning"
    """The folder is loaded, but it may not do what its author intended."""


class Diagnostic(msgspec.Struct, frozen=True, order=True):
    """One problem in the rules folder and its position.

    ``line`` and ``column`` count from 1; 0 refers to the whole file.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    """The correction, for example ``did you mean "severity"?``; ``""`` for none."""
    source: str = ""
    """The line of the file, shown above the caret; ``""`` if it is not shown."""
    length: int = 1
    """The number of characters that the caret underlines."""
    level: Level = Level.ERROR

    def __str__(self) -> str:
        location = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{location}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class RulesError(ConfigurationError):
    """Raised when the rules folder has problems; ``diagnostics`` has all of them, sorted."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = sorted(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class ConditionError(ConfigurationError):
    """Raised when a condition cannot be compiled.

    ``offset`` and ``length`` count characters of the condition.
    """

    def __init__(self, message: str, *, offset: int, length: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length
        self.hint = hint


class EventError(RouterError):
    """Raised when a request contains no valid events.

    ``code`` is a stable word for programs, ``path`` a JSON path (``$[3].source``) or ``""``.
    """

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path


class UnsupportedCharsetError(EventError):
    """Raised when a text is in a character set that the router does not decode."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__("charset", message, path)


class EventsTooLargeError(EventError):
    """Raised when a request has more bytes or more events than a request may have."""


class PoisonError(RouterError):
    """Raised when an event has repeatedly crashed the process that evaluated it."""


class PostponedError(RouterError):
    """Raised when a worker does not run a job: it is released, due after ``seconds``.

    None if it is due as before. This is neither a failure nor a crash, and the job is postponed as
    often as needed.
    """

    def __init__(self, message: str, *, seconds: float | None) -> None:
        super().__init__(message)
        self.seconds = seconds


class OverloadedError(RouterError):
    """Raised when too many events wait for Redis; the sender should retry."""


class RecordError(RouterError):
    """Raised when a record in Redis cannot be decoded."""


class NewerRecordError(RecordError):
    """Raised when a newer router wrote a record in a form that this version does not know."""


class LeaseLostError(RouterError):
    """Raised when another worker has acquired the lease of a job: nothing was changed."""


class JournalUnavailableError(RouterError):
    """Raised when Redis does not confirm within the deadline; no 2xx may be sent."""


class WrongTypeError(JournalUnavailableError):
    """Raised when a key in Redis has another type than the router gave it."""


class StreamUnavailableError(RouterError):
    """Raised when Kinesis does not answer in time or throttles the request.

    ``code`` is Kinesis's word for the error, or ``""``.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StreamRejectedError(StreamUnavailableError):
    """Raised when Kinesis rejects a request, which an operator may have to correct.

    Before the first success that is an error of the configuration. Later it may pass by itself:
    credentials expire and are renewed, a stream is deleted and made again.
    """


def only_error(group: BaseExceptionGroup[BaseException], kind: type[E]) -> E | None:
    """Return the first error of a group, if all that it contains are of one kind; else None.

    For use in ``except BaseExceptionGroup``. A ``raise`` in ``except*`` is not for that, because
    Python before 3.11.4 wraps the error in a group again (CPython issue 103590).
    """
    _, others = group.split(kind)
    if others is not None:
        return None
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, kind)  # noqa: S101 - for the type checker, nothing else is in it
    return first
