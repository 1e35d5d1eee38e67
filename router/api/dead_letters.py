"""``/api/v1/dead-letters``: deliveries that were given up."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from router.api.access import Access
from router.api.destinations import KnownDestinations
from router.api.json_responses import json_response
from router.api.records import (
    RecordCollection,
    RecordQuery,
    RecordsApi,
    RecordSelection,
    record_operations,
)
from router.api.requests import query_params
from router.api.views import (
    DeadLetterDetails,
    DeadLetterView,
    dead_letter_details,
    dead_letter_view,
)
from router.clock import Clock
from router.events.masks import Masks
from router.http.openapi import ResponseSpec
from router.journal.audit import Audit, Audited
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.pagination import Finder, TimeRange
from router.journal.settlements import DeadLetter

_PATH: Final = "/api/v1/dead-letters"

Rule = Annotated[str, Meta(description="Name of the rule that raised the alert.")]


class DeadLetterQuery(RecordQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of the list."""

    destination: Annotated[
        str,
        Meta(description="Name of the destination; without it, the response names those to ask."),
    ] = ""
    rule: Rule = ""

    @property
    def collection(self) -> str:
        """Name of the destination."""
        return self.destination


class DeadLetterSelection(RecordSelection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dead letters to replay or discard: by id, by filter, or all of a destination."""

    destination: Annotated[str, Meta(description="Name of the destination.")]
    rule: Rule = ""

    @property
    def collection(self) -> str:
        """Name of the destination."""
        return self.destination

    @property
    def is_empty(self) -> bool:
        """Return whether all records of the destination match."""
        return not self.rule and super().is_empty


class DeadLetterPage(msgspec.Struct, frozen=True):
    """A page of dead letters."""

    dead_letters: tuple[DeadLetterView, ...]
    after: str
    """Cursor of the next page; ``""`` at the end."""


class DeadLetterDestinations(msgspec.Struct, frozen=True):
    """The destinations that have dead letters, by name."""

    destinations: list[str]


class DestinationDeadLetters:
    """The dead letters of one destination."""

    def __init__(self, letters: DeadLetters, destination: str) -> None:
        self._letters = letters
        self._destination = destination
        self._overtaken = 0

    @property
    def overtaken(self) -> int:
        """How many dead letters ``replay`` has dropped; their receiver was told something later."""
        return self._overtaken

    async def get(self, record_id: str, /) -> DeadLetter | None:
        """Return a dead letter, None if it does not exist."""
        return await self._letters.get(self._destination, record_id)

    def find(self, wanted: DeadLetterFilter, /, *, newest_first: bool = True) -> Finder[DeadLetter]:
        """Return a finder of the dead letters that match."""
        return self._letters.find(self._destination, wanted, newest_first=newest_first)

    async def replay(self, records: Sequence[DeadLetter], /) -> int:
        """Deliver them again under new ids, or drop those that were overtaken; return how many."""
        replayed = await self._letters.replay_or_drop(self._destination, records)
        self._overtaken += replayed.overtaken
        return replayed.moved

    async def discard(self, records: Sequence[DeadLetter], /) -> int:
        """Delete them; return how many."""
        return await self._letters.discard(self._destination, records)


OPERATIONS: Final = record_operations(
    _PATH,
    f"{_PATH}/{{destination}}/{{id}}",
    noun="a dead letter with its attempts and its event",
    plural="dead letters",
    replay=(
        "Delivers them again under new ids, those of an alert key in their order, and drops those"
        " whose receiver was told something later."
    ),
    query=DeadLetterQuery,
    selection=DeadLetterSelection,
    page=(DeadLetterPage, DeadLetterDestinations),
    details=DeadLetterDetails,
    path_parameters={"destination": "Name of the destination.", "id": "Id of the dead letter."},
    missing={404: ResponseSpec("The destination does not exist.")},
    description="Without a destination, returns the destinations that have dead letters.",
)
"""Descriptions of the routes."""


class DeadLettersApi(RecordsApi[DeadLetter, DeadLetterFilter]):
    """Handlers of dead letters; a collection is a destination."""

    operations = OPERATIONS
    audited = Audited.DEAD_LETTERS
    query_type = DeadLetterQuery
    selection_type = DeadLetterSelection

    def __init__(
        self,
        letters: DeadLetters,
        destinations: KnownDestinations,
        clock: Clock,
        access: Access,
        audit: Audit,
        masks: Masks,
    ) -> None:
        super().__init__(clock, access, audit)
        self._masks = masks
        self._letters = letters
        self._destinations = destinations

    async def check(self, name: str) -> None:
        """Raise BadRequestError if there is no destination of this name."""
        await self._destinations.check(name)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of a destination's dead letters, or the destinations that have any."""
        query = query_params(request, self.query_type)
        if not query.collection:
            return json_response(DeadLetterDestinations(await self._letters.destinations()))
        return json_response(await self.read_page(query))

    def collection(self, name: str) -> RecordCollection[DeadLetter, DeadLetterFilter]:
        """Return the dead letters of a destination."""
        return DestinationDeadLetters(self._letters, name)

    def filter(self, filters: Any, ids: tuple[str, ...], times: TimeRange) -> DeadLetterFilter:
        """Return the journal's filter."""
        return DeadLetterFilter(ids=ids, rule=filters.rule, reason=filters.reason, span=times)

    def page(self, records: Sequence[DeadLetter], after: str) -> DeadLetterPage:
        """Return the response of a list."""
        return DeadLetterPage(tuple(map(dead_letter_view, records)), after)

    def details(self, record: DeadLetter) -> DeadLetterDetails:
        """Return the response for one dead letter."""
        return dead_letter_details(record, self._masks)
