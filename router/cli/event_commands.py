"""``router events``: what came in, what came of it, and why there was no more."""

import re
import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from router.api.delivery_reading import DeliveryReader
from router.api.event_details import EventReader, UnknownEvent
from router.api.event_finding import EventFinder
from router.api.event_queries import EventFilters, EventSelection
from router.api.event_replaying import EventReplayer, EventReplayResult, RefusedEvents
from router.api.event_views import EventDetails, EventView, event_view
from router.cli.completion import complete_rule
from router.cli.event_text import EVENT_HEADINGS, event_lines, event_row
from router.cli.history_options import (
    after_option,
    checked,
    event_options,
    json_option,
    limit_option,
)
from router.cli.known_names import check_rule
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, own_masks, record_action, with_redis
from router.cli.rules_folder import folder_or_default, load_rules, rules_option
from router.cli.usage_hints import HintingGroup
from router.configuration.model import Configuration
from router.errors import ConfigurationError
from router.events.masks import NO_MASKS
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.printable import one_printable_line
from router.quantities import counted

_REFERENCE: Final = re.compile(r"[0-9a-f]{16}")
_AT_ONCE: Final = 100
_REPLAY_PAGE: Final = 1000


@click.group(name="events", cls=HintingGroup)
def events() -> None:
    """List, explain and replay events of history.

    Events are read from the Redis at ROUTER_REDIS_URL, for as long as ROUTER_HISTORY says.
    """


@events.command(name="list")
@event_options
@limit_option
@after_option
@json_option
def list_command(*, limit: int, after: str, json_wanted: bool, **filters: Any) -> None:
    """List events, the newest first.

    Lines are printed as events are found: press Ctrl-C to end a long search.

    Example: router events list --type 'com.twilio.*' --outcome suppressed --newer-than 1h
    """
    wanted = checked(lambda: EventFilters(**filters).filter(CLOCK.now()))
    if filters["rule"]:
        check_rule(filters["rule"])

    async def read(connection: Connection) -> tuple[list[EventView], str]:
        return await _listed(connection, wanted, limit, after, is_printed=not json_wanted)

    views, following = checked(lambda: with_redis(read))
    if json_wanted:
        click.echo(as_json({"events": views, "after": following}))
        return
    if not views:
        narrowed = bool(after) or wanted != EventFilter()
        echo("no events match" if narrowed else "no events: none was evaluated since history is on")
    if following:
        echo(f"more: --after {following}")


@events.command()
@click.argument("event", metavar="ID")
@click.option("--source", default="", help="Its source, if several senders use the id.")
@rules_option
@click.option("--rule", default="", shell_complete=complete_rule, help="Explain this rule alone.")
@click.option("--all-rules", is_flag=True, help="Show the parts of each condition.")
@click.option("--body", "body_wanted", is_flag=True, help="Print the event as well.")
@json_option
def show(  # noqa: PLR0913 - one for each option
    event: str,
    source: str,
    rules: Path | None,
    rule: str,
    *,
    all_rules: bool,
    body_wanted: bool,
    json_wanted: bool,
) -> None:
    """Explain what came of an event, and why there was no more.

    ID is the event's id (the newest of that id), or its reference of 16 hexadecimal digits. Verdicts
    are those of the rules folder; what was recorded is shown beside them.
    """
    configuration = _configuration(rules)
    masks = own_masks()

    async def read(connection: Connection) -> EventDetails | UnknownEvent:
        active = None if configuration is None else lambda: configuration
        reader = EventReader(connection, CLOCK, active, DeliveryReader(connection), masks)
        return await _details(reader, event, source, rule)

    found = with_redis(read)
    if isinstance(found, UnknownEvent):
        echo(one_printable_line(f"router: {found.message}"), err=True)
        sys.exit(1)
    if json_wanted:
        click.echo(as_json(found))
        return
    for line in event_lines(found, all_rules=all_rules):
        echo(one_printable_line(line))
    if body_wanted:
        echo("")
        click.echo(as_json(found.body))


@events.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@event_options
@click.option("--all", "everything", is_flag=True, help="All events, without a filter.")
@click.option("--dry-run", is_flag=True, help="Count them, and replay none.")
@json_option
def replay(
    ids: tuple[str, ...], *, everything: bool, dry_run: bool, json_wanted: bool, **filters: Any
) -> None:
    """Evaluate events of history again.

    They are accepted as new events, the oldest first, and evaluated by the rules of the workers. They
    count again in rules that count, and destinations may be told again. Select events by ID (an
    event's id or reference), by a filter, or with --all.
    """
    if not (ids or everything or any(filters.values())):
        raise ConfigurationError("give IDs, a filter such as --type, or --all")
    if ids and any(filters.values()):
        raise ConfigurationError("give IDs or filters, not both")
    checked(lambda: EventFilters(**filters).filter(CLOCK.now()))

    async def run(connection: Connection) -> tuple[int, list[RefusedEvents]]:
        references, unknown = await _references(connection, ids)
        selection = EventSelection(
            **filters, references=references, all=everything, dry_run=dry_run, limit=_REPLAY_PAGE
        )
        replayed, refused = (
            (0, []) if ids and not references else await _replayed(connection, selection)
        )
        if replayed and not dry_run:
            details: dict[str, str | int] = {"events": replayed, **selection.described()}
            await record_action(connection, AuditAction.REPLAYED, Audited.EVENTS, details=details)
        return replayed, [*unknown, *refused]

    replayed, refused = checked(lambda: with_redis(run))
    if json_wanted:
        result = {"replayed": replayed, "refused": refused, "dry_run": dry_run}
        click.echo(as_json(result))
    else:
        done = "would be replayed" if dry_run else "replayed"
        refusal = "would not be replayed" if dry_run else "not replayed"
        echo(f"{counted(replayed, 'event')} {done}")
        for each in refused:
            examples = ", ".join(each.examples)
            echo(f"router: {each.count} {refusal}: {each.reason} ({examples})", err=True)
    sys.exit(1 if refused else 0)


async def _details(
    reader: EventReader, event: str, source: str, rule: str
) -> EventDetails | UnknownEvent:
    if source:
        return await reader.details(source, event, rule=rule)
    if _REFERENCE.fullmatch(event):
        found = await reader.of_reference(event, rule=rule)
        if isinstance(found, EventDetails):
            return found
    return await reader.of_id(event, rule=rule)


async def _listed(
    connection: Connection, wanted: EventFilter, limit: int, after: str, *, is_printed: bool
) -> tuple[list[EventView], str]:
    """Return the events that match, and the cursor to go on; print each as it is found."""
    history = EventHistory(connection, own_masks())
    views: list[EventView] = []
    while True:
        page = await history.page(wanted, after, limit=min(_AT_ONCE, limit - len(views)))
        for record in page.items:
            view = event_view(record)
            if is_printed and not views:
                echo(EVENT_HEADINGS)
            if is_printed:
                echo(one_printable_line(event_row(view)))
            views.append(view)
        after = page.after
        if not after or len(views) >= limit:
            return views, after


async def _references(
    connection: Connection, ids: tuple[str, ...]
) -> tuple[tuple[str, ...], list[RefusedEvents]]:
    """Return the references of events, and those that history does not have."""
    history = EventHistory(connection, NO_MASKS)
    finder = EventFinder(connection, CLOCK, history, NO_MASKS)
    found: list[str] = []
    missing: list[str] = []
    for each in dict.fromkeys(ids):
        record = await history.by_reference(each) if _REFERENCE.fullmatch(each) else None
        record = record or (await finder.newest(each)).record
        if record is None:
            missing.append(each)
        else:
            found.append(record.reference)
    unknown = RefusedEvents("history has no event with this id", len(missing), missing)
    return tuple(found), [unknown] if missing else []


async def _replayed(
    connection: Connection, selection: EventSelection
) -> tuple[int, list[RefusedEvents]]:
    """Replay all pages; return how many events, and what was refused."""
    replayer = EventReplayer(connection, CLOCK)
    replayed = 0
    refused: dict[str, RefusedEvents] = {}
    while True:
        result = await replayer.replay(selection)
        replayed += result.replayed
        for each in result.refused:
            known = refused.setdefault(each.reason, RefusedEvents(each.reason))
            known.count += each.count
            known.examples = (known.examples + each.examples)[:3]
        if not result.after:
            return replayed, list(refused.values())
        selection = _next_page(selection, result)


def _next_page(selection: EventSelection, result: EventReplayResult) -> EventSelection:
    return msgspec.structs.replace(selection, after=result.after, until_ms=result.until_ms)


def _configuration(rules: Path | None) -> Configuration | None:
    """Return the rules of the folder; None, after a note, if there are none that can be read."""
    folder = folder_or_default(rules)
    if rules is None and not folder.is_dir():
        echo(
            f"note: there is no rules folder {folder}: give --rules to see why others did not match",
            err=True,
        )
        return None
    try:
        return load_rules(folder)
    except ConfigurationError:
        if rules is not None:
            raise
        echo(f"note: the rules in {folder} have errors (router check): they are left out", err=True)
        return None
