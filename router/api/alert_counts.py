"""How many keyed alerts are in each state, among those that changed last."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.api.alert_filter import AlertFilter
from router.api.alert_views import OPEN, KeyedState, states_of
from router.journal.keyed_alerts import FoundAlert, KeyedAlerts
from router.journal.pagination import CHUNK, PAGE_BYTES, PageCursor

COUNTED: Final = 1000
"""Alerts that are read for the counts."""


class AlertCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many alerts are in each state. An alert may be in several."""

    open: Annotated[int, Meta(description="Those that are not over.")] = 0
    pending: int = 0
    suppressed: int = 0
    acknowledged: int = 0
    resolved: int = 0
    complete: Annotated[
        bool, Meta(description="False if there are alerts that were not read: there may be more.")
    ] = True


async def count_alerts(
    alerts: KeyedAlerts, wanted: AlertFilter, now: float, *, limit: int = COUNTED
) -> AlertCounts:
    """Return the counts of the alerts that a filter matches in any state.

    Args:
        alerts: The keyed alerts.
        wanted: The filter; its states do not matter.
        now: Unix time in seconds.
        limit: Alerts to read at most, the latest change first.

    Raises JournalUnavailableError.
    """
    in_any_state = msgspec.structs.replace(wanted, states=frozenset())
    found: list[frozenset[KeyedState]] = []

    def count(each: FoundAlert) -> bool:
        if in_any_state.matches(each, now):
            found.append(states_of(each, now))
        return False

    find = alerts.find(count)
    read = size = 0
    after: PageCursor | None = None
    while read < limit and size < PAGE_BYTES:
        step = min(CHUNK, limit - read)
        page = await find(after, step)
        read += step
        size += page.size
        after = page.after
        if after is None:
            break
    return AlertCounts(
        open=sum(1 for states in found if states & OPEN),
        pending=sum(KeyedState.PENDING in states for states in found),
        suppressed=sum(KeyedState.SUPPRESSED in states for states in found),
        acknowledged=sum(KeyedState.ACKNOWLEDGED in states for states in found),
        resolved=sum(KeyedState.RESOLVED in states for states in found),
        complete=after is None,
    )
