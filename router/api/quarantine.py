"""``/api/v1/quarantine``: events that could not be decoded or evaluated."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.api.access import Access
from router.api.records import (
    RecordCollection,
    RecordQuery,
    RecordsApi,
    RecordSelection,
    record_operations,
)
from router.api.views import (
    QuarantineDetails,
    QuarantineView,
    quarantine_details,
    quarantine_view,
)
from router.clock import Clock
from router.events.masks import Masks
from router.journal.audit import Audit, Audited
from router.journal.pagination import TimeRange
from router.journal.quarantine import Quarantine, QuarantineFilter, QuarantineRecord

_PATH: Final = "/api/v1/quarantine"


class QuarantinePage(msgspec.Struct, frozen=True):
    """A page of quarantined events."""

    quarantine: tuple[QuarantineView, ...]
    after: str
    """Cursor of the next page; ``""`` at the end."""


OPERATIONS: Final = record_operations(
    _PATH,
    f"{_PATH}/{{id}}",
    noun="a quarantined event with its body",
    plural="quarantined events",
    replay="Accepts them again as new events; an event that is still invalid stays.",
    query=RecordQuery,
    selection=RecordSelection,
    page=QuarantinePage,
    details=QuarantineDetails,
    path_parameters={"id": "Id of the quarantined event."},
)
"""Descriptions of the routes."""


class QuarantineApi(RecordsApi[QuarantineRecord, QuarantineFilter]):
    """Handlers of the quarantine, which is one collection."""

    operations = OPERATIONS
    audited = Audited.QUARANTINE
    query_type = RecordQuery
    selection_type = RecordSelection

    def __init__(
        self, quarantine: Quarantine, clock: Clock, access: Access, audit: Audit, masks: Masks
    ) -> None:
        super().__init__(clock, access, audit)
        self._quarantine = quarantine
        self._masks = masks

    def collection(self, name: str) -> RecordCollection[QuarantineRecord, QuarantineFilter]:
        """Return the quarantine."""
        del name
        return self._quarantine

    def filter(self, filters: Any, ids: tuple[str, ...], times: TimeRange) -> QuarantineFilter:
        """Return the journal's filter."""
        return QuarantineFilter(ids=ids, reason=filters.reason, span=times)

    def page(self, records: Sequence[QuarantineRecord], after: str) -> QuarantinePage:
        """Return the response of a list."""
        return QuarantinePage(tuple(map(quarantine_view, records)), after)

    def details(self, record: QuarantineRecord) -> QuarantineDetails:
        """Return the response for one event."""
        return quarantine_details(record, self._masks)
