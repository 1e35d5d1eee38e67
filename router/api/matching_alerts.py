"""Count the open alerts that a silence matches now, for the operator who adds it."""

from typing import Final

import msgspec

from router.cel import Verdict
from router.destinations.rendering.summary import decode
from router.journal.keyed_alerts import FoundAlert, KeyedAlert, KeyedAlerts
from router.journal.pagination import CHUNK, PageCursor
from router.rules.state.keyed_alert import RESOLVED
from router.rules.suppression.silences import Silence, described

READ_LIMIT: Final = 10_000
"""Keyed alerts that are read for one count, whether they match or not."""
BYTES_LIMIT: Final = 32 << 20
"""Bytes of the alerts that are read, about."""


class MatchingAlerts(msgspec.Struct, frozen=True):
    """The open alerts that a silence matches."""

    number: int
    is_complete: bool
    """False if there are alerts that were not read, so that more may match."""


async def count_matching(
    alerts: KeyedAlerts, silence: Silence, now: float, *, limit: int = READ_LIMIT
) -> MatchingAlerts:
    """Return how many alerts match that are pending or firing, among those that changed last.

    An alert that cannot be read may match, so that the count is not complete.

    Args:
        alerts: The keyed alerts.
        silence: The silence; its times do not matter.
        now: Unix time in seconds.
        limit: Alerts to read at most.

    Raises JournalUnavailableError.
    """
    is_complete = True

    def matches(found: FoundAlert) -> bool:
        nonlocal is_complete
        if not isinstance(found, KeyedAlert):
            is_complete = False
            return False
        if found.status(now) == RESOLVED:
            return False
        content = described(found.alert, decode(found.alert))
        return silence.condition.verdict(content) is Verdict.MATCH

    number = read = size = 0
    after: PageCursor | None = None
    find = alerts.find(matches)
    while read < limit and size < BYTES_LIMIT:
        count = min(CHUNK, limit - read)
        page = await find(after, count)
        number += len(page.items)
        read += count
        size += page.size
        after = page.after
        if after is None:
            return MatchingAlerts(number, is_complete)
    return MatchingAlerts(number, is_complete=False)
