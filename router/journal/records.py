"""The forms of the records in Redis, and how a record of another version is read.

| record | form | its version |
|---|---|---|
| event, in a list of a batch | msgpack array | element 7 |
| delivery, in a set | msgpack array | element 7: 100 or 101 with its alert, 200 with a reference to it \
(``stored_alerts.py``) |
| alert, stored by itself | msgpack array | none: it is read by a delivery of version 200 |
| dead letter, quarantined item, pause, audit entry, refused request | msgpack map | ``version``; of a dead \
letter also that of its delivery |
| silence | JSON object | ``version`` |
| keyed alert | msgpack map | ``form``, a hundred each |
| timer | msgpack array | element 0, the kind: ``absence`` is version 1, ``absence.2`` version 2 |

Entries of history have a form, a number, as their first element (``router/history/stored.py``); a reader
leaves out those of another one.

A version is a number of three digits. Its units change with a form that older readers can read,
because it only adds fields at the end. Its hundreds change with any other form. A record without a
version has the form of version 100, because records were written before they had versions.

The position of the version stays the same in all later versions. A reader that does not know a
version raises NewerRecordError, and its caller sets the record aside without losing it:

| record | of a newer version | undecodable |
|---|---|---|
| batch | the job is retried, with growing pauses, until a newer worker runs it | each event that \
cannot be read is moved to quarantine |
| timer | as a batch | moved to quarantine |
| delivery | requeued by itself every ``POSTPONE_SECONDS`` | moved to quarantine |
| dead letter, quarantined item | listed with the reason; it can be discarded, not replayed | as beside |
| silence | listed as ended, with the reason | as beside; it can be deleted |
| pause | the destination is paused, with the reason | as beside |
| keyed alert | listed with the reason | as beside |
| audit entry, refused request | left out of lists | as beside |

``router.journal.unreadable`` logs and counts each of them.

Records without a version do not outlive a process (the results of a batch's chains, leases, rates)
or are maps of named fields and sorted sets (the ledger, counts of sources, acknowledgements, checkpoints and the state
of rules), to which fields can be added, or arrays to which elements are added at the end (lanes). ``tests/data/records`` has all of them, in each version.
"""

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec

from router.errors import NewerRecordError, RecordError

T = TypeVar("T")

POSTPONE_SECONDS: Final = 10.0
"""How long a delivery of a newer version waits before a worker reads it again."""

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""ValueError includes UnicodeDecodeError; deep nesting is a RecursionError."""
_NOT_THERE: Final = (LookupError, TypeError, AttributeError)


class RecordReader(Generic[T]):
    """Decodes the records of one kind.

    Args:
        kind: The kind's name, for error messages.
        decode: Decodes a record into its Struct. Raises msgspec's errors.
        version: Returns the version in a record that was decoded without a Struct; raises
            LookupError, TypeError, ValueError or AttributeError if it contains none.
        limit: The first version that the Struct cannot represent.
        parse: Decodes a record without a Struct.
    """

    def __init__(
        self,
        kind: str,
        decode: Callable[[bytes], T],
        *,
        version: Callable[[Any], int],
        limit: int = 200,
        parse: Callable[[bytes], Any] = msgspec.msgpack.decode,
    ) -> None:
        self._kind = kind
        self._decode = decode
        self._version = version
        self._limit = limit
        self._parse = parse

    def read(self, record: bytes) -> T:
        """Return the decoded record.

        Raises:
            NewerRecordError: A newer router wrote it.
            RecordError: It is not a record of this kind.
        """
        try:
            return self._decode(record)
        except _UNREADABLE as error:
            raise self._error(record, error) from error

    def _error(self, record: bytes, error: Exception) -> RecordError:
        # Only now, because almost every record has a known version.
        try:
            version = self._version(self._parse(record))
            is_newer = version >= self._limit  # a TypeError if it is no number
        except (*_UNREADABLE, *_NOT_THERE):
            return RecordError(f"not a {self._kind}: {error}")
        if is_newer:
            return NewerRecordError(
                f"{self._kind} of version {version}: this router reads versions below {self._limit}"
            )
        return RecordError(f"not a {self._kind}: {error}")


def version_of_map(record: dict[str, Any]) -> int:
    """Return the version of a record that is a map. Raises LookupError or TypeError."""
    version: int = record["version"]
    return version


def version_of_array(record: list[Any]) -> int:
    """Return the version of an event or a delivery. Raises LookupError or TypeError."""
    version: int = record[7]
    return version


def version_of_timer(record: list[Any]) -> int:
    """Return the version of a timer, in hundreds.

    Raises LookupError, TypeError, ValueError or AttributeError if it contains none.
    """
    _, _, number = record[0].partition(".")
    return 100 * int(number or 1)
