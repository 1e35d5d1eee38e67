"""List, show, replay and discard stored records: the core of two groups of commands.

``dead-letters`` and ``quarantine`` describe their kind of record; this module makes the commands.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import click
import msgspec

from router.api.records import RecordCollection
from router.cli.output import as_json, echo
from router.cli.redis_commands import (
    CLOCK,
    own_masks,
    parse_age,
    print_table,
    record_action,
    time_range,
    with_redis,
)
from router.cli.usage_hints import HintingGroup
from router.errors import ConfigurationError
from router.events.masks import Masks
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.journal.pagination import CHUNK, PageCursor, TimeRange, clip, collect, iterate

T = TypeVar("T")
FilterT = TypeVar("FilterT")
_SELECT: Final = "Select records by ID, by a filter, or with --all."
_BEFORE_NEWEST: Final = f"{10**15 - 1}-~"
"""A cursor before the newest record, whatever its time."""


class RecordKind(msgspec.Struct, Generic[T, FilterT], frozen=True, kw_only=True):
    """The properties of one kind of record that the commands need."""

    name: str
    """Name of the group of commands."""
    summary: str
    """Help of the group."""
    noun: str
    """One record, as help and messages name it."""
    plural: str
    """Several records."""
    json_name: str
    """Name of the list in JSON."""
    audited: Audited
    """The kind of record in the audit trail."""
    replay: str
    """Sentences that say what a replay does."""
    not_replayed: str
    """Why a record may not be replayed."""
    options: tuple[click.Option, ...]
    """Further filters."""
    headings: tuple[str, ...]
    """Columns of the list."""
    collections: Callable[[Connection, str], Awaitable[dict[str, RecordCollection[T, FilterT]]]]
    """Returns the collections by name: all, or the one of this name."""
    filter: Callable[..., FilterT]
    """Returns the journal's filter of ``ids``, ``times`` and the further filters."""
    check_filters: Callable[..., None] = lambda **_: None
    """Called with the further filters if nothing matches; raises ConfigurationError if nothing can."""
    view: Callable[[T], msgspec.Struct]
    """Returns a record as JSON shows it in a list."""
    row: Callable[[T], tuple[str, ...]]
    """Returns a record as the table shows it."""
    details: Callable[[T, Masks], msgspec.Struct]
    """Returns a record as JSON shows it alone, masked."""
    text: Callable[[Any], str]
    """Returns the details as the terminal shows them."""


class _Moved(msgspec.Struct):
    """The result of a replay or discard in one collection."""

    seen: int = 0
    changed: int = 0
    overtaken: int = 0
    """Those that were dropped instead of replayed."""


def record_group(kind: RecordKind[Any, Any]) -> click.Group:
    """Return the group of commands of one kind of record."""
    group = HintingGroup(kind.name, help=kind.summary)
    for command in (_list_command, _show_command, _replay_command, _discard_command):
        group.add_command(command(kind))
    return group


def _list_command(kind: RecordKind[T, FilterT]) -> click.Command:
    @click.command("list", help=f"List {kind.plural}, newest first.", params=_filter_options(kind))
    @click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
    @click.option("--after", default="", metavar="CURSOR", help="Begin where the last page ended.")
    @click.option("--json", "json", is_flag=True, help="Print JSON.")
    def list_records(limit: int, after: str, *, json: bool, **filters: Any) -> None:
        chosen, wanted = _filters(kind, filters)
        records, following = with_redis(
            lambda connection: _page(kind, connection, chosen, wanted, after, limit)
        )
        if not records:
            _check(kind, filters)
        if json:
            views = [kind.view(record) for record in records]
            click.echo(as_json({kind.json_name: views, "after": following}))
            return
        if records:
            print_table([kind.headings, *map(kind.row, records)])
        else:
            echo(f"no {kind.plural}")
        if following:
            echo(f"more: --after {following}")

    return list_records


def _show_command(kind: RecordKind[T, FilterT]) -> click.Command:
    @click.command("show", help=f"Show one {kind.noun} in full.")
    @click.argument("record_id", metavar="ID")
    @click.option("--json", "json", is_flag=True, help="Print JSON.")
    def show(record_id: str, *, json: bool) -> None:
        async def get(connection: Connection) -> T | None:
            for collection in (await kind.collections(connection, "")).values():
                record = await collection.get(record_id)
                if record is not None:
                    return record
            return None

        record = with_redis(get)
        if record is None:
            echo(f"router: there is no {kind.noun} {record_id}", err=True)
            sys.exit(1)
        details = kind.details(record, own_masks())
        click.echo(as_json(details) if json else kind.text(details))

    return show


def _replay_command(kind: RecordKind[T, FilterT]) -> click.Command:
    @click.command("replay", help=f"{kind.replay} {_SELECT}", params=_bulk_params(kind))
    def replay(ids: tuple[str, ...], **options: Any) -> None:
        _move(kind, ids, "replayed", kind.not_replayed, **options)

    return replay


def _discard_command(kind: RecordKind[T, FilterT]) -> click.Command:
    @click.command(
        "discard",
        help=f"Delete {kind.plural} for good.\n\n{_SELECT}",
        params=_bulk_params(kind),
    )
    @click.confirmation_option("--yes", prompt=f"Delete these {kind.plural}?")
    def discard(ids: tuple[str, ...], **options: Any) -> None:
        _move(kind, ids, "discarded", f"there is no such {kind.noun}", **options)

    return discard


def _filter_options(kind: RecordKind[Any, Any]) -> list[click.Parameter]:
    return [
        *kind.options,
        click.Option(["--reason"], default="", help="Text in the reason, in any letter case."),
        click.Option(
            ["--older-than"], metavar="AGE", callback=parse_age, help="Minimum age, such as 1d."
        ),
        click.Option(
            ["--newer-than"], metavar="AGE", callback=parse_age, help="Maximum age, such as 1d."
        ),
    ]


def _bulk_params(kind: RecordKind[Any, Any]) -> list[click.Parameter]:
    return [
        click.Argument(["ids"], nargs=-1, metavar="[ID]..."),
        *_filter_options(kind),
        click.Option(["--all", "everything"], is_flag=True, help="All records, without a filter."),
        click.Option(["--json", "json"], is_flag=True, help="Print JSON."),
    ]


def _filters(
    kind: RecordKind[T, FilterT], filters: dict[str, Any]
) -> tuple[str, Callable[..., FilterT]]:
    """Return the name of the chosen collection and a function of ids and times to a filter."""
    given = dict(filters)
    chosen = given.pop("destination", "")
    times = time_range(given.pop("older_than"), given.pop("newer_than"))

    def wanted(ids: Sequence[str] = (), until: int | None = None) -> FilterT:
        clipped: TimeRange = times if until is None else clip(times, until)
        return kind.filter(ids=tuple(ids), times=clipped, **given)

    return chosen, wanted


def _check(kind: RecordKind[Any, Any], filters: dict[str, Any]) -> None:
    """Raise ConfigurationError if a filter that matched nothing names what does not exist."""
    kind.check_filters(**{option.name: filters[option.name] for option in kind.options})


async def _page(
    kind: RecordKind[T, FilterT],
    connection: Connection,
    chosen: str,
    wanted: Callable[..., FilterT],
    after: str,
    limit: int,
) -> tuple[list[T], str]:
    """Return up to ``limit`` records, one collection after the other, and the next cursor."""
    first, cursor = _parse_cursor(after)
    collections = await kind.collections(connection, chosen)
    records: list[T] = []
    for name in sorted(name for name in collections if name >= first):
        left = limit - len(records)
        if left == 0:
            return records, _format_cursor(name, _BEFORE_NEWEST)
        found = await collect(collections[name].find(wanted()), cursor, count=left)
        records += found.items
        if found.after is not None:
            return records, _format_cursor(name, str(found.after))
        cursor = None
    return records, ""


def _format_cursor(collection: str, cursor: str) -> str:
    return f"{collection}/{cursor}" if collection else cursor


def _parse_cursor(text: str) -> tuple[str, PageCursor | None]:
    """Return the collection and the position in it. Raise ConfigurationError."""
    collection, slash, cursor = text.partition("/")
    if not slash:
        collection, cursor = "", text
    try:
        return collection, PageCursor.parse(cursor) if text else None
    except ValueError as error:
        raise ConfigurationError(f"--after: {error}") from None


def _move(
    kind: RecordKind[T, FilterT],
    ids: tuple[str, ...],
    done: str,
    why_not: str,
    *,
    everything: bool,
    json: bool,
    **filters: Any,
) -> None:
    """Replay or discard, and report; exit with code 1 if not all records were changed."""
    if not (ids or everything or any(filters.values())):
        raise ConfigurationError("give IDs, a filter such as --reason, or --all")
    chosen, wanted = _filters(kind, filters)
    until = int(CLOCK.now() * 1000)

    async def move(connection: Connection) -> dict[str, _Moved]:
        collections = await kind.collections(connection, chosen)
        moved = {name: _Moved() for name in collections}
        for name, collection in collections.items():
            action = collection.replay if done == "replayed" else collection.discard
            for start in range(0, len(ids) or 1, CHUNK):
                part = wanted(ids[start : start + CHUNK], until)
                async for chunk in iterate(collection.find(part, newest_first=False)):
                    moved[name].seen += len(chunk)
                    moved[name].changed += await action(chunk)
            moved[name].overtaken = collection.overtaken
            if moved[name].changed:
                await record_action(
                    connection,
                    AuditAction(done),
                    kind.audited,
                    name,
                    details={"records": moved[name].changed, **_described(filters)},
                )
        return moved

    moved = with_redis(move)
    if not any(result.seen for result in moved.values()):
        _check(kind, filters)
    _report(moved, set(ids), done, why_not, json=json)


def _described(filters: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters that are given, as texts; ages in seconds."""
    named = {name: value for name, value in filters.items() if value and name != "destination"}
    return {
        name: f"{value:g}s" if isinstance(value, float) else str(value)
        for name, value in named.items()
    }


def _report(
    moved: dict[str, _Moved], ids: set[str], done: str, why_not: str, *, json: bool
) -> None:
    total = sum(result.changed for result in moved.values())
    stayed = max(sum(result.seen for result in moved.values()), len(ids)) - total
    overtaken = sum(result.overtaken for result in moved.values())
    by_name = {
        name: result.changed - result.overtaken
        for name, result in moved.items()
        if name and result.seen
    }
    if json:
        more: dict[str, Any] = {"overtaken": overtaken} if overtaken else {}
        if "" not in moved:
            more["destinations"] = by_name
        click.echo(as_json({done: total - overtaken, "stayed": stayed, **more}))
    else:
        for name, count in by_name.items():
            echo(f"{name}: {count} {done}")
        echo(f"{total - overtaken} {done}")
        if overtaken:
            echo(f"{overtaken} dropped: their receiver was told something later of the same alert")
    if stayed:
        echo(f"router: {stayed} not {done}: {why_not}", err=True)
        sys.exit(1)
