"""``router alerts``: what is wrong now, who takes care of it, and its history."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import click
import msgspec

from router.alerts import Severity
from router.api.alert_actions import (
    RESOLVE_SECONDS,
    AlertActions,
    obstacle,
    read_details,
    unknown_key,
)
from router.api.alert_filter import AlertFilter, alert_filter
from router.api.alert_views import (
    OPEN,
    AlertDetails,
    AlertView,
    KeyedState,
    alert_view,
    detail_text,
    state_text,
)
from router.cli.completion import complete_rule
from router.cli.output import as_json, echo
from router.cli.redis_commands import (
    CLOCK,
    own_masks,
    print_table,
    record_action,
    user_name,
    with_redis,
)
from router.cli.usage_hints import HintingGroup
from router.errors import ConfigurationError
from router.journal.acknowledgements import BY_LIMIT
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.journal.keyed_alerts import FoundAlert, KeyedAlert, KeyedAlerts
from router.journal.pagination import Matches, PageCursor, collect
from router.journal.silences import Silences
from router.printable import one_printable_line
from router.quantities import counted
from router.timestamps import utc_minute

_HEADINGS: Final = ("SINCE", "KEY", "SEVERITY", "RULE", "STATE", "SUMMARY")
_INDENT: Final = "  "
_WIDTH: Final = 14

Act = Callable[[AlertActions, KeyedAlert, str], Awaitable[bool]]
"""Acts on an alert in the name of an operator; returns False if nothing was to do."""

_NOT_DONE: Final = {
    AuditAction.UNACKNOWLEDGED: "it is not acknowledged",
    AuditAction.RESOLVED: "not resolved yet: a worker does it when it runs",
}
_json_option = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
_by_option = click.option(
    "--by", default="", help="Name of the operator.  [default: your user name]"
)


_WITHOUT_STATE: Final = (
    "note: rules without resolve, cooldown, escalate, pending or remind have no lasting alerts;"
    ' "router deliveries list" shows each of their messages'
)


@click.group(name="alerts", cls=HintingGroup)
def alerts() -> None:
    """List, show, acknowledge and resolve alerts.

    They are the alerts of rules that remember: a rule and the values of its by. Alerts are read
    from the Redis at ROUTER_REDIS_URL.
    """


@alerts.command(name="list")
@click.option(
    "--state",
    multiple=True,
    metavar="STATE",
    help=f"{', '.join(KeyedState)}; several with commas.  [default: those that are not over]",
)
@click.option("--all", "all_wanted", is_flag=True, help="Include those that are resolved.")
@click.option("--rule", default="", shell_complete=complete_rule, help="Name of the rule.")
@click.option(
    "--severity", multiple=True, metavar="SEVERITY", help=f"{', '.join(Severity)}; with commas."
)
@click.option("--label", multiple=True, metavar="NAME:VALUE", help="May be repeated; all match.")
@click.option("--text", default="", help="Text in the summary, key, rule or labels.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--after", default="", metavar="CURSOR", help="Begin where the last page ended.")
@_json_option
def list_command(
    *, limit: int, after: str, all_wanted: bool, json_wanted: bool, **filters: Any
) -> None:
    """List alerts, the latest change first.

    Example: router alerts list --state firing,pending --label team:voice
    """
    try:
        wanted = alert_filter(**filters)
        cursor = PageCursor.parse(after) if after else None
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    narrowed = bool(after) or wanted != AlertFilter()
    if not (wanted.states or all_wanted):
        wanted = msgspec.structs.replace(wanted, states=OPEN)
    now = CLOCK.now()

    async def read(connection: Connection) -> Matches[FoundAlert]:
        find = KeyedAlerts(connection).find(lambda found: wanted.matches(found, now))
        return await collect(find, cursor, count=limit)

    found = with_redis(read)
    views = [alert_view(each, now, own_masks()) for each in found.items]
    if json_wanted:
        click.echo(as_json({"alerts": views, "after": str(found.after or "")}))
        return
    if views:
        print_table([_HEADINGS, *map(_row, views)])
    else:
        echo("no alerts match" if narrowed else "no alerts")
        if not narrowed:
            echo(_WITHOUT_STATE, err=True)
    if found.after:
        echo(f"more: --after {found.after}")


@alerts.command()
@click.argument("key")
@_json_option
def show(key: str, *, json_wanted: bool) -> None:
    """Show an alert, its history, and what each destination was told."""

    async def read(connection: Connection) -> AlertDetails | AlertView | str:
        stored = KeyedAlerts(connection)
        found = await stored.get(key)
        now = CLOCK.now()
        if found is None:
            return await unknown_key(stored, key)
        if not isinstance(found, KeyedAlert):
            return alert_view(found, now)
        silences = Silences(connection, CLOCK)
        return await read_details(connection, found, silences, now, own_masks())

    found = with_redis(read)
    if isinstance(found, str):
        echo(one_printable_line(f"router: {found}"), err=True)
        sys.exit(1)
    if json_wanted:
        click.echo(as_json(found))
        return
    lines = _summary_lines(found) if isinstance(found, AlertView) else _detail_lines(found)
    for line in lines:
        echo(one_printable_line(line))


@alerts.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@_by_option
@_json_option
def acknowledge(keys: tuple[str, ...], by: str, *, json_wanted: bool) -> None:
    """State that you take care of alerts.

    Reminders and escalation end, and the destinations that were told of the alerts are told.
    """

    async def act(actions: AlertActions, found: KeyedAlert, name: str) -> bool:
        await actions.acknowledge(found.key, name, found)
        return True

    _act(keys, by, act, AuditAction.ACKNOWLEDGED, json_wanted=json_wanted)


@alerts.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@_by_option
@_json_option
def unacknowledge(keys: tuple[str, ...], by: str, *, json_wanted: bool) -> None:
    """Withdraw the acknowledgement of alerts; reminders and escalation go on."""

    async def act(actions: AlertActions, found: KeyedAlert, name: str) -> bool:
        return await actions.unacknowledge(found.key, name)

    _act(keys, by, act, AuditAction.UNACKNOWLEDGED, json_wanted=json_wanted)


@alerts.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@_by_option
@click.option(
    "--wait",
    default=RESOLVE_SECONDS,
    show_default=True,
    type=click.FloatRange(0.001, 600),
    help="Seconds to wait for a worker, for each alert.",
)
@_json_option
def resolve(keys: tuple[str, ...], by: str, wait: float, *, json_wanted: bool) -> None:
    """Resolve alerts.

    A worker ends them and tells the destinations that were told of them. A further event of the rule
    begins a new alert.
    """

    async def act(actions: AlertActions, found: KeyedAlert, name: str) -> bool:
        return await actions.resolve(found, name, wait)

    _act(keys, by, act, AuditAction.RESOLVED, json_wanted=json_wanted)


def _act(
    keys: tuple[str, ...], by: str, act: Act, action: AuditAction, *, json_wanted: bool
) -> None:
    """Act on alerts and print them; exit with 1 if one of them was not acted on."""
    name = _operator(by)

    async def act_on_all(connection: Connection) -> tuple[list[AlertView], list[str]]:
        stored, actions = KeyedAlerts(connection), AlertActions(connection, CLOCK)
        views, problems = [], []
        for key in dict.fromkeys(keys):
            found = await stored.get(key)
            now = CLOCK.now()
            problem = await unknown_key(stored, key) if found is None else obstacle(found, now)
            if problem or not isinstance(found, KeyedAlert):
                problems.append(problem if found is None else f"{key}: {problem}")
                continue
            is_done = await act(actions, found, name)
            if not is_done:
                problems.append(f"{key}: {_NOT_DONE[action]}")
            await _record(connection, action, found, name, is_done=is_done)
            views.append(alert_view(await stored.get(key) or found, CLOCK.now(), own_masks()))
        return views, problems

    views, problems = with_redis(act_on_all)
    if json_wanted:
        click.echo(as_json({"alerts": views}))
    else:
        for view in views:
            echo(one_printable_line(f"{view.key}  {state_text(view)}  {view.summary}"))
    for problem in problems:
        echo(one_printable_line(f"router: {problem}"), err=True)
    sys.exit(1 if problems else 0)


async def _record(
    connection: Connection, action: AuditAction, found: KeyedAlert, name: str, *, is_done: bool
) -> None:
    """Add an action to the audit trail if it was done, or a worker will do it."""
    if is_done or action is AuditAction.RESOLVED:
        details = {"rule": found.alert.rule}
        await record_action(
            connection, action, Audited.ALERT, found.key, named=name, details=details
        )


def _operator(by: str) -> str:
    """Return the operator's name. Raises ConfigurationError if it is not known."""
    name = by.strip() or user_name()
    if not name:
        raise ConfigurationError("give your name with --by")
    return name[:BY_LIMIT]


def _row(view: AlertView) -> tuple[str, ...]:
    return (
        utc_minute(view.since or view.changed_at),
        view.key,
        view.severity,
        view.rule,
        state_text(view),
        view.summary or view.problem,
    )


def _summary_lines(view: AlertView) -> Iterator[str]:
    yield view.summary or view.key
    suppressed = view.suppressed
    fields = (
        ("key", view.key),
        ("rule", f"{view.rule} ({view.severity})" if view.rule else ""),
        ("state", state_text(view)),
        ("since", utc_minute(view.since)),
        ("resolved", utc_minute(view.resolved_at)),
        ("events", str(view.count or "")),
        ("labels", ", ".join(f"{name}={value}" for name, value in sorted(view.labels.items()))),
        (
            "acknowledged",
            f"{view.acknowledged.by}, {utc_minute(view.acknowledged.at)}"
            if view.acknowledged
            else "",
        ),
        (
            "suppressed",
            "it is not told when the reason ends" if suppressed and suppressed.dropped else "",
        ),
        ("held back", counted(view.held_back, "notification") if view.held_back else ""),
        ("problem", view.problem),
    )
    yield from _fields(fields)


def _detail_lines(details: AlertDetails) -> Iterator[str]:
    yield from _summary_lines(details.alert)
    yield from _fields(
        (
            ("silences", ", ".join(details.silences)),
            ("reminders", str(details.reminders or "")),
            (
                "pending",
                f"until {utc_minute(details.pending_until)}" if details.pending_until else "",
            ),
            ("resolving", f"at {utc_minute(details.resolving_at)}" if details.resolving_at else ""),
            ("reminded", f"at {utc_minute(details.remind_at)}" if details.remind_at else ""),
            (
                "expires",
                f"{utc_minute(details.ends_at)} without further events" if details.ends_at else "",
            ),
            ("description", details.description),
        )
    )
    yield ""
    yield "told"
    if not details.told:
        yet = "" if details.alert.status == KeyedState.RESOLVED else " yet"
        yield f"{_INDENT}no destination{yet}"
    for told in details.told:
        decided = f"{told.status} {utc_minute(told.at)}" if told.status else "by an earlier alert"
        received = (
            f"{told.received} {utc_minute(told.received_at)}" if told.received else "nothing yet"
        )
        yield f"{_INDENT}{told.destination}: {decided}; received: {received}"
    if details.log:
        yield ""
        yield "history"
    for entry in details.log:
        at = f"{entry.at[:10]} {entry.at[11:19]}Z"
        yield f"{_INDENT}{at}  {entry.change:<14} {detail_text(entry)}".rstrip()
    yield ""
    yield "latest event"
    yield from (f"{_INDENT}{fact.label}: {fact.value}" for fact in details.facts)


def _fields(fields: tuple[tuple[str, str], ...]) -> Iterator[str]:
    return (f"{_INDENT}{name:<{_WIDTH}}{value}" for name, value in fields if value)
