"""Say where a file with events is wrong, and what to do (pure)."""

import re
from typing import BinaryIO, Final

from router.errors import EventError
from router.events.json_text import BOM

_BYTE: Final = re.compile(r" ?\(byte (\d+)\)| at byte (\d+)")
_ANOTHER: Final = re.compile(rb"\s*[{\[]")
_SAMPLE: Final = "router sample prints an event"


def name_of(file: BinaryIO) -> str:
    """Return how to call an open file."""
    name = getattr(file, "name", "-")
    return name if isinstance(name, str) and name not in {"-", "<stdin>"} else "standard input"


def describe_problem(name: str, content: bytes, error: EventError) -> str:
    """Return a line with the place in the file, the problem, and what to do about it.

    Args:
        name: The name of the file.
        content: What it contains.
        error: Why it has no valid event.
    """
    if not content.removeprefix(BOM).strip():
        return f"{name} is empty: write an event in JSON; {_SAMPLE}"
    found = _BYTE.search(error.message)
    if found is None:
        path = f" at {error.path}" if error.path not in {"", "$"} else ""
        return f"{name}: not a CloudEvent: {error.message}{path}{_hint(content, error.message)}"
    begin = len(content) - len(content.removeprefix(BOM))
    # msgspec counts the first character after the text, but no other one.
    begin -= "trailing characters" in error.message
    offset = min(begin + int(found[1] or found[2]), len(content))
    line = content.count(b"\n", 0, offset) + 1
    column = offset - (content.rfind(b"\n", 0, offset) + 1) + 1
    message = _BYTE.sub("", error.message)
    return f"{name}:{line}:{column}: {message}{_hint(content[offset:], message)}"


def _hint(rest: bytes, message: str) -> str:
    """Return what to do, given what follows the place of the problem; ``""`` if that is not known."""
    if "trailing characters" in message and _ANOTHER.match(rest):
        return (
            ": write several events as an array; one a line is for router send and router backtest"
        )
    if "not UTF-8" in message:
        return ": save the file as UTF-8"
    if "ends too early" in message:
        return ": a bracket or quote is not closed"
    if rest.lstrip()[:1] == b"<":
        return ": this is XML or HTML, not JSON"
    if "missing required field" in message:
        return (
            f": a CloudEvent has specversion, id, source and type ({_SAMPLE}); for requests of other"
            " senders there is router sources test"
        )
    return ": text in JSON has double quotes" if rest[:1] == b"'" else ""
