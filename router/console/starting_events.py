"""Events of history to begin with in the playground, as text."""

from typing import Final

import msgspec

from router.api.event_views import body_view
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.history.records import EventRecord

_SCANNED: Final = 5000
"""Events of history in which one of a type is looked for."""


class StartingEvents:
    """Finds events. All methods raise JournalUnavailableError.

    Args:
        history: The events, masked.
    """

    def __init__(self, history: EventHistory) -> None:
        self._history = history

    async def of_types(self, types: tuple[str, ...]) -> str:
        """Return the last event of one of these types as JSON; ``""`` if there is none."""
        wanted = EventFilter(types=types)
        page = await self._history.page(wanted, limit=1, max_scanned=_SCANNED)
        return self._text(page.items[0]) if page.items else ""

    async def of_reference(self, reference: str) -> str:
        """Return the event with this reference as JSON; ``""`` if it is not in history."""
        record = await self._history.by_reference(reference)
        return "" if record is None else self._text(record)

    def _text(self, record: EventRecord) -> str:
        shown = body_view(record.body)
        if isinstance(shown, str):
            return shown
        return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()
