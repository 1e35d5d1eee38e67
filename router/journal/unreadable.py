"""Reports records that cannot be read: each is logged and counted once.

Each reader sets such a record aside in its own way and goes on with the others. A record that is
read again and again is reported once, so that it does not fill the log.
"""

import base64
import binascii
import logging
from collections import Counter
from typing import Final

logger = logging.getLogger(__name__)

_REPORTED_LIMIT: Final = 10_000
UNREADABLE: Final = "unreadable record: "
"""The beginning of the reason that a list shows for a record that cannot be read."""
_ESCAPED: Final = "base64:"
_counts: Counter[str] = Counter()
_reported: set[tuple[str, str, str]] = set()


def report(kind: str, name: str, reason: str) -> None:
    """Count a record that cannot be read, and log it, unless it was reported before.

    Args:
        kind: What it should be, such as ``dead letter``; from a closed set.
        name: Where it is: an id, a field or a key.
        reason: What is wrong with it.
    """
    found = (kind, name, reason)
    if found in _reported:
        return
    if len(_reported) >= _REPORTED_LIMIT:
        _reported.clear()
    _reported.add(found)
    _counts[kind] += 1
    logger.error("unreadable record set aside", extra={"kind": kind, "id": name, "reason": reason})


def counts() -> dict[str, int]:
    """Return how many records of each kind this process has reported."""
    return dict(_counts)


def text_of(name: bytes) -> str:
    """Return an id, a field or a name as text; one that is not UTF-8 as ``base64:…``."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return _ESCAPED + base64.urlsafe_b64encode(name).decode()


def bytes_of(text: str) -> bytes:
    """Return the bytes that ``text_of`` has turned into this text."""
    if text.startswith(_ESCAPED):
        try:
            return base64.b64decode(text.removeprefix(_ESCAPED), altchars=b"-_", validate=True)
        except binascii.Error:
            pass
    return text.encode("utf-8", "surrogatepass")
