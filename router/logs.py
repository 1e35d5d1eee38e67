"""Logging: JSON or text lines on standard error, and the level of each logger."""

import datetime as dt
import logging
from typing import Any, Final

import msgspec

from router.outage_log import OUTAGES, OutageFilter
from router.printable import one_printable_line, printable_json, printable_lines, shortened

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

_FIELD_LIMIT: Final = 4096
"""Characters of a message or a field, because either may contain text of a request or a reply."""


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that the log call passed as ``extra``."""
    return {
        name: shortened(value, _FIELD_LIMIT) if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


class JsonFormatter(logging.Formatter):
    """Formats a record as one line with a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": shortened(record.getMessage(), _FIELD_LIMIT),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            text = msgspec.json.encode(line, enc_hook=str)
        except UnicodeEncodeError:  # a lone surrogate stands for a byte that is not UTF-8
            text = msgspec.json.encode(_without_surrogates(line), enc_hook=str)
        return printable_json(text.decode())


class TextFormatter(logging.Formatter):
    """Formats a record as one readable line: time, level, message, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        at = dt.datetime.fromtimestamp(record.created).astimezone()
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        # A field may contain text from a request, which must not start a line or move the cursor.
        text = one_printable_line(f"{shortened(record.getMessage(), _FIELD_LIMIT)}{fields}")
        line = f"{at:%H:%M:%S.%f} {record.levelname.lower():7} {text}"
        if not record.exc_info:
            return line
        return f"{line}\n{printable_lines(self.formatException(record.exc_info))}"


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {
            _without_surrogates(name): _without_surrogates(each) for name, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_surrogates(each) for each in value]
    return value


def configure_logging(log_format: str, level: str) -> None:
    """Send all logs to standard error. ``log_format`` is ``json`` or ``text``."""
    output = logging.StreamHandler()
    output.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[output], force=True)
    # At INFO, arq logs the arguments of each job, aiohttp each request and watchfiles each file.
    # The router's own lines report the same facts once.
    OUTAGES.filters = [OutageFilter()]
    logging.getLogger("arq").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    # At DEBUG, urllib3, which Apprise uses, logs each URL, which may contain a secret.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
