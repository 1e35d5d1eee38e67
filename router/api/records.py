"""List, show, replay and discard stored records: the core of dead letters and quarantine.

Lists are paged, and so are replays: one request moves up to ``limit`` records and returns the
cursor of the next page. No request takes long, and an interrupted replay resumes at its cursor.
"""

import abc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, Caller, audit_entry, caller_of
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import (
    operator_operation,
    operator_route,
    viewer_operation,
    viewer_route,
)
from router.api.requests import (
    BAD_BODY,
    BAD_REQUEST,
    BadRequestError,
    decode_body,
    describe_age,
    parse_cursor,
    query_params,
    time_range,
)
from router.clock import Clock
from router.http.openapi import Operation, ResponseSpec, Schema
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.pagination import Finder, TimeRange, apply_to_matches, clip, collect
from router.media_types import JSON

T = TypeVar("T")
FilterT = TypeVar("FilterT")
FilterT_contra = TypeVar("FilterT_contra", contravariant=True)

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 1000
_MAX_SCANNED: Final = 2000
"""Records that one request reads at most, whether they match or not."""

Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="Maximum number of records.")]
After = Annotated[str, Meta(description="Cursor that the previous page returned as after.")]
Until = Annotated[
    int,
    Meta(
        ge=0,
        le=10**15 - 1,
        description=(
            "Unix milliseconds: what came later is not selected, so that a replay to a destination"
            " that still fails ends. Send the value of the previous response."
        ),
    ),
]


class RecordCollection(Protocol[T, FilterT_contra]):
    """The quarantine, or the dead letters of one destination."""

    @property
    def overtaken(self) -> int:
        """How many records ``replay`` has dropped, because what they say was overtaken."""

    async def get(self, record_id: str, /) -> T | None:
        """Return one record, None if it does not exist. Raise JournalUnavailableError."""

    def find(self, wanted: FilterT_contra, /, *, newest_first: bool = True) -> Finder[T]:
        """Return a finder of the records that match a filter."""

    async def replay(self, records: Sequence[T], /) -> int:
        """Process up to CHUNK records again, or drop them as overtaken; return how many.

        Raises:
            JournalUnavailableError: Redis did not answer in time.
        """

    async def discard(self, records: Sequence[T], /) -> int:
        """Delete up to CHUNK records; return how many. Raise JournalUnavailableError."""


class RecordFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters on records; an empty one matches all."""

    reason: Annotated[str, Meta(description="Text in the reason, in upper or lower case.")] = ""
    older_than: Annotated[str, describe_age("Minimum age")] = ""
    newer_than: Annotated[str, describe_age("Maximum age")] = ""

    @property
    def collection(self) -> str:
        """Name of the collection; ``""`` if there is only one."""
        return ""

    @property
    def is_empty(self) -> bool:
        """Return whether all records match."""
        return not (self.reason or self.older_than or self.newer_than)

    def described(self) -> dict[str, str]:
        """Return the filters that are given, as texts."""
        named = msgspec.structs.asdict(self)
        return {name: named[name] for name in ("reason", "older_than", "newer_than") if named[name]}


class RecordQuery(RecordFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of a list."""

    limit: Limit = DEFAULT_LIMIT
    after: After = ""


class RecordSelection(RecordFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records to replay or discard: by id, by filter, or all."""

    ids: Annotated[tuple[str, ...], Meta(max_length=MAX_LIMIT, description="Ids of records.")] = ()
    all: Annotated[bool, Meta(description="Select all records if no id or filter is given.")] = (
        False
    )
    dry_run: Annotated[
        bool, Meta(description="Count the records of the page, and change nothing.")
    ] = False
    limit: Limit = MAX_LIMIT
    after: After = ""
    until: Until = 0


class ReplayResult(msgspec.Struct, frozen=True):
    """One page of a replay."""

    replayed: int
    """Records that are processed again."""
    after: str
    """Cursor of the next page; ``""`` at the end."""
    until: int
    """Value to send with ``after``."""
    overtaken: Annotated[
        int,
        Meta(
            description=(
                "Dead letters that were dropped instead, because their receiver was told something"
                " later of the same alert."
            )
        ),
    ] = 0


class DiscardResult(msgspec.Struct, frozen=True):
    """One page of a discard."""

    discarded: int
    """Records that were deleted."""
    after: str
    """Cursor of the next page; ``""`` at the end."""
    until: int
    """Value to send with ``after``."""


class RecordOperations(NamedTuple):
    """The four operations on one kind of record."""

    list: Operation
    show: Operation
    replay: Operation
    discard: Operation


def record_operations(  # noqa: PLR0913 - each argument is a text or a type of the description
    path: str,
    item_path: str,
    *,
    noun: str,
    plural: str,
    replay: str,
    query: type[RecordQuery],
    selection: type[RecordSelection],
    page: Schema,
    details: type[msgspec.Struct],
    path_parameters: Mapping[str, str],
    missing: Mapping[int, ResponseSpec] = MappingProxyType({}),
    **more: Any,
) -> RecordOperations:
    """Describe the operations on one kind of record.

    Args:
        path: Path of the list.
        item_path: Path of one record.
        noun: Name of one record.
        plural: Name of several.
        replay: Sentence that says what a replay does.
        query: Query of the list.
        selection: Body of replay and discard.
        page: Response of the list.
        details: Response of one record.
        path_parameters: Descriptions of the parameters of ``item_path``.
        missing: Response if there is no collection of the name; empty if there is only one.
        more: Other fields of the list's operation.
    """
    paging = "One request moves one page; repeat it with after and until while after is not empty."
    return RecordOperations(
        list=viewer_operation(
            hdrs.METH_GET,
            path,
            f"List {plural}",
            {200: ResponseSpec("A page, newest first.", page), **missing, **BAD_REQUEST},
            query=query,
            **more,
        ),
        show=viewer_operation(
            hdrs.METH_GET,
            item_path,
            f"Show {noun}",
            {
                200: ResponseSpec("The record.", details),
                404: ResponseSpec("The record does not exist."),
            },
            path_parameters=path_parameters,
        ),
        replay=operator_operation(
            hdrs.METH_POST,
            f"{path}/replay",
            f"Replay {plural}",
            {200: ResponseSpec("The page was replayed.", ReplayResult), **missing, **BAD_BODY},
            description=f"{replay} {paging}",
            body={JSON: selection},
        ),
        discard=operator_operation(
            hdrs.METH_POST,
            f"{path}/discard",
            f"Discard {plural}",
            {200: ResponseSpec("The page was deleted.", DiscardResult), **missing, **BAD_BODY},
            description=f"Deletes them. {paging}",
            body={JSON: selection},
        ),
    )


class RecordsApi(abc.ABC, Generic[T, FilterT]):
    """Handlers of one kind of record; a subclass describes the kind."""

    operations: ClassVar[RecordOperations]
    query_type: ClassVar[type[RecordQuery]]
    selection_type: ClassVar[type[RecordSelection]]

    audited: ClassVar[Audited]

    def __init__(self, clock: Clock, access: Access, audit: Audit) -> None:
        self._now = clock.now
        self._access = access
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: viewers may read."""
        operations = self.operations
        return [
            viewer_route(operations.list, self.list, self._access),
            viewer_route(operations.show, self.show, self._access),
            operator_route(operations.replay, self.replay, self._access),
            operator_route(operations.discard, self.discard, self._access),
        ]

    @abc.abstractmethod
    def collection(self, name: str) -> RecordCollection[T, FilterT]:
        """Return the collection of this name."""

    async def check(self, name: str) -> None:
        """Raise BadRequestError if there is no collection of this name."""

    @abc.abstractmethod
    def filter(self, filters: Any, ids: tuple[str, ...], times: TimeRange) -> FilterT:
        """Return the journal's filter; ``filters`` is a ``query_type`` or a ``selection_type``."""

    @abc.abstractmethod
    def page(self, records: Sequence[T], after: str) -> Any:
        """Return the response of a list."""

    @abc.abstractmethod
    def details(self, record: T) -> Any:
        """Return the response for one record."""

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of records."""
        return json_response(await self.read_page(query_params(request, self.query_type)))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return one record."""
        name = request.match_info.get("destination", "")
        record = await self.read(name, request.match_info["id"])
        if record is None:
            return error_response(404, "not_found", "there is no record with this id")
        return json_response(self.details(record))

    async def replay(self, request: web.Request) -> web.StreamResponse:
        """Replay a page of records."""
        selection = await decode_body(request, self.selection_type)
        return json_response(await self.replay_page(selection, caller_of(request)))

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """Discard a page of records."""
        selection = await decode_body(request, self.selection_type)
        return json_response(await self.discard_page(selection, caller_of(request)))

    async def read_page(self, query: RecordQuery) -> Any:
        """Return a page of records. Raise BadRequestError and JournalUnavailableError."""
        await self.check(query.collection)
        found = await collect(
            self.collection(query.collection).find(self._filter(query)),
            parse_cursor(query.after),
            count=query.limit,
            max_scanned=_MAX_SCANNED,
        )
        return self.page(found.items, str(found.after or ""))

    async def read(self, name: str, record_id: str) -> T | None:
        """Return one record; None if there is none. Raise as ``read_page``.

        Args:
            name: Name of its collection.
            record_id: Its id.
        """
        await self.check(name)
        return await self.collection(name).get(record_id)

    async def replay_page(self, selection: RecordSelection, caller: Caller) -> ReplayResult:
        """Replay a page of records for a caller. Raise as ``read_page``."""
        await self.check(selection.collection)
        collection = self.collection(selection.collection)
        changed, after, until = await self._apply(selection, collection.replay)
        overtaken = collection.overtaken
        await self._record(caller, AuditAction.REPLAYED, selection, changed)
        return ReplayResult(changed - overtaken, after, until, overtaken)

    async def discard_page(self, selection: RecordSelection, caller: Caller) -> DiscardResult:
        """Discard a page of records for a caller. Raise as ``read_page``."""
        await self.check(selection.collection)
        collection = self.collection(selection.collection)
        changed, after, until = await self._apply(selection, collection.discard)
        await self._record(caller, AuditAction.DISCARDED, selection, changed)
        return DiscardResult(changed, after, until)

    async def _record(
        self, caller: Caller, action: AuditAction, selection: RecordSelection, changed: int
    ) -> None:
        """Add an entry to the audit trail, unless nothing was changed."""
        if changed and not selection.dry_run:
            entry = audit_entry(
                caller,
                action,
                self.audited,
                selection.collection,
                details={"records": changed, **selection.described()},
            )
            await self._audit.record(entry)

    async def _apply(
        self, selection: RecordSelection, action: Callable[[Sequence[T]], Awaitable[int]]
    ) -> tuple[int, str, int]:
        """Apply ``action`` to a page; return how many it changed, the next cursor and ``until``."""
        if not (selection.ids or selection.all) and selection.is_empty:
            raise BadRequestError('give ids, a filter or "all": true')
        if len(selection.ids) > selection.limit:
            message = f"ids: there are more than limit, which is {selection.limit}"
            raise BadRequestError(message, path="$.ids")
        until = selection.until or int(self._now() * 1000)
        wanted = self._filter(selection, selection.ids, until)
        changed, after = await apply_to_matches(
            self.collection(selection.collection).find(wanted, newest_first=False),
            _count if selection.dry_run else action,
            parse_cursor(selection.after),
            count=selection.limit,
            max_scanned=_MAX_SCANNED,
        )
        return changed, str(after or ""), until

    def _filter(
        self, filters: RecordFilters, ids: tuple[str, ...] = (), until: int | None = None
    ) -> FilterT:
        times = time_range(filters.older_than, filters.newer_than, now=self._now())
        return self.filter(filters, ids, times if until is None else clip(times, until))


async def _count(records: Sequence[Any]) -> int:
    return len(records)
