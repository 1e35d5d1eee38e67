"""Which calls of a stream fail: for readiness, for metrics, and for the decision to give up at start.

A rejected request is reported at once. A throttled or lost one is reported when it has failed three
times in a row, because it usually passes.
"""

from collections import Counter
from typing import Final

from router.errors import StreamRejectedError, StreamUnavailableError
from router.ingress.kinesis.api_errors import (
    ACCESS_CODES,
    CREDENTIAL_CODES,
    RETRIEVAL_CODES,
    label_of,
)
from router.journal.shards import ShardId
from router.metrics import Metrics

_REPORTED_AFTER: Final = 3
_SHOWN: Final = 300
"""Characters of a reason, because a response may repeat anything."""

Place = ShardId | None
"""The shard that a call is about; None for the stream."""


class StreamHealth:
    """The calls that fail at the moment, by shard.

    Args:
        metrics: Counts the errors.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._errors = metrics.kinesis_errors
        self._failing: dict[Place, StreamUnavailableError] = {}
        self._in_a_row: Counter[Place] = Counter()
        self.is_open = False
        """Whether the stream was found and its shards were listed."""
        self.has_read = False
        """Whether records, or the absence of any, were read once."""

    def failed(self, place: Place, error: StreamUnavailableError) -> None:
        """Record a call that failed."""
        self._errors.labels(label_of(error)).inc()
        self._failing[place] = error
        self._in_a_row[place] += 1

    def succeeded(self, place: Place) -> None:
        """Record a call that succeeded: a list of shards, or a read of one."""
        self.forget(place)
        if place is None:
            self.is_open = True
        else:
            self.has_read = True

    def forget(self, place: Place) -> None:
        """Forget the failures of a shard that is not read any more."""
        self._failing.pop(place, None)
        self._in_a_row.pop(place, None)

    @property
    def has_rejected_credentials(self) -> bool:
        """Whether the credentials were rejected, and no call has succeeded in that place since."""
        codes = {error.code for error in self._failing.values()}
        return not codes.isdisjoint(CREDENTIAL_CODES | RETRIEVAL_CODES)

    def not_ready_reason(self) -> str | None:
        """Return why the stream is not read, or not all of it; None if it is."""
        reported = [
            (place, error)
            for place, error in self._failing.items()
            if isinstance(error, StreamRejectedError) or self._in_a_row[place] >= _REPORTED_AFTER
        ]
        if not reported:
            return None if self.is_open else "Kinesis: the stream is not open yet"
        place, error = reported[0]
        reason = str(error)[:_SHOWN]
        shard = "" if place is None else f"shard {place}: "
        more = f" (and {len(reported) - 1} more)" if len(reported) > 1 else ""
        return f"{shard}{reason}{more}"

    def access_error(self, reading: list[ShardId]) -> StreamUnavailableError | None:
        """Return the error if no record was ever read and access is denied to all shards of ``reading``."""
        errors = [self._failing.get(shard) for shard in reading]
        denied = [error for error in errors if error is not None and error.code in ACCESS_CODES]
        if self.has_read or not reading or len(denied) < len(reading):
            return None
        return denied[0]
