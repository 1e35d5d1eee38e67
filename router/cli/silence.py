"""``router silence``: add, list and expire silences in the Redis of ROUTER_REDIS_URL."""

import datetime as dt
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from router.api.matching_alerts import MatchingAlerts
from router.api.silence_matchers import matcher_texts, parse_matchers
from router.api.silences import SilenceView, add_silence, silence_details, silence_view
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, record_action, user_name, with_redis
from router.cli.rules_folder import folder_or_default, load_rules, rules_option
from router.cli.usage_hints import HintingGroup
from router.datatypes import Duration
from router.errors import ConditionError, ConfigurationError, OverloadedError, RulesError
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts
from router.journal.silences import Silences, StoredSilence
from router.printable import one_printable_line
from router.quantities import counted
from router.rules.model import Rule
from router.rules.suppression.silence_check import problem_of
from router.rules.suppression.silences import SilenceText, moment
from router.rules.suppression.when_over import WhenOver
from router.timestamps import utc_second

T = TypeVar("T")


@click.group(cls=HintingGroup)
def silence() -> None:
    """Add, list and expire silences.

    A silence suppresses matching alerts until it ends. Silences of the rules folder are not shown.
    """


@silence.command()
@click.option(
    "--match",
    "matchers",
    multiple=True,
    metavar="FIELD=VALUE",
    help=(
        "Match alerts by rule, severity, key, labels.x, data.x or event.x; operators are =, !=,"
        " =~ (RE2) and !~; a list in JSON means any of it. May be repeated; all must match."
    ),
)
@click.option("--when", help="CEL condition over rule, severity, key, labels, event and data.")
@click.option("--for", "duration", help="Duration such as 2h. Give this or --ends.")
@click.option("--starts", default="", help="Start, in RFC 3339.  [default: now]")
@click.option("--ends", default="", help="End, in RFC 3339.")
@click.option(
    "--until-resolved",
    is_flag=True,
    help="Silence alerts that are open now, each until it is resolved. Needs no end.",
)
@click.option(
    "--when-over",
    type=click.Choice([str(each) for each in WhenOver]),
    default=str(WhenOver.TELL),
    show_default=True,
    help="Whether alerts that are still open at the end are notified then.",
)
@click.option("--author", default="", help="Name of the author.  [default: USER]")
@click.option("--comment", required=True, help="Reason for the silence.")
@rules_option
@click.option("--json", "json_wanted", is_flag=True, help="Print the silence as JSON.")
def add(matchers: tuple[str, ...], *, json_wanted: bool, **options: Any) -> None:
    """Add a silence.

    Its rules, severities and labels must exist in the rules folder.

    Example: router silence add --match rule=call-quality --for 2h --comment "carrier maintenance"
    """
    match, when = _conditions(matchers, options["when"])
    try:
        text = SilenceText(
            match=match or None,
            when=when,
            starts=options["starts"],
            ends=_ends(options, CLOCK.now()),
            author=_author(options["author"]),
            comment=options["comment"],
            when_over=WhenOver(options["when_over"]),
            until_resolved=options["until_resolved"],
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    rules = _rules(options["rules"])
    try:
        problem = problem_of(text, rules, CLOCK.now())
    except ConditionError as error:
        raise _as_configuration_error(error) from None
    if problem is not None:
        raise ConfigurationError(str(problem))

    async def run(connection: Connection) -> tuple[StoredSilence, MatchingAlerts | None]:
        silences = Silences(connection, CLOCK)
        added = await add_silence(silences, KeyedAlerts(connection), text, CLOCK.now)
        details = silence_details(added[0])
        await record_action(
            connection,
            AuditAction.SILENCED,
            Audited.SILENCE,
            added[0].id,
            named=text.author,
            details=details,
        )
        return added

    stored, matching = _with_connection(run)
    view = silence_view(stored, CLOCK.now(), rules, matching)
    _print([view], json_wanted=json_wanted)
    if not json_wanted:
        echo(matches_text(view, len(rules or ())))
    if view.until_resolved and view.open_alerts == 0 and view.open_alerts_complete:
        echo("note: no open alert matches it, and it silences only those", err=True)


@silence.command(name="list")
@click.option("--all", "all_wanted", is_flag=True, help="Include silences that have ended.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the silences as JSON.")
def list_command(*, all_wanted: bool, json_wanted: bool) -> None:
    """List silences, newest first.

    Silences of the rules folder are listed in its files only.
    """
    now = CLOCK.now()
    stored = _with_silences(lambda silences: silences.all())
    views = [silence_view(each, now) for each in stored]
    _print([view for view in views if all_wanted or view.state != "ended"], json_wanted=json_wanted)


@silence.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--json", "json_wanted", is_flag=True, help="Print the expired silences as JSON.")
def expire(ids: tuple[str, ...], *, json_wanted: bool) -> None:
    """End silences now."""

    async def expire_all(connection: Connection) -> list[SilenceView]:
        silences, views = Silences(connection, CLOCK), []
        for silence_id in ids:
            stored = await silences.expire(silence_id)
            if stored is None:
                echo(f"router: there is no silence {silence_id}", err=True)
            else:
                await record_action(connection, AuditAction.EXPIRED, Audited.SILENCE, stored.id)
                views.append(silence_view(stored, CLOCK.now()))
        return views

    ended = _with_connection(expire_all)
    _print(ended, json_wanted=json_wanted)
    sys.exit(0 if len(ended) == len(ids) else 1)


def _rules(folder: Path | None) -> Mapping[str, Rule] | None:
    """Return the rules by name; None if there are none to check the silence against.

    A default folder with errors does not prevent a silence, which may be urgent.

    Raises RulesError if ``folder`` was named and has errors.
    """
    if folder is not None:
        return load_rules(folder).rules.by_name
    chosen = folder_or_default(None)
    if not chosen.is_dir():
        echo(f"note: its names are not checked: there is no rules folder {chosen}", err=True)
        return None
    try:
        return load_rules(chosen).rules.by_name
    except RulesError as error:
        echo(f"note: its names are not checked: {error.diagnostics[0]}", err=True)
        return None


def _conditions(matchers: tuple[str, ...], when: str | None) -> tuple[dict[str, Any], str | None]:
    """Return ``match`` and ``when``. Raises ConfigurationError."""
    try:
        return parse_matchers(matchers, when)
    except ValueError as error:
        raise ConfigurationError(f"--match {error}") from None


def _ends(options: Mapping[str, Any], now: float) -> str:
    """Return the end of a silence in RFC 3339; ``""`` if it ends when its alerts are resolved."""
    ends, duration, starts = (str(options[name] or "") for name in ("ends", "duration", "starts"))
    if not ends and not duration and options["until_resolved"]:
        return ""
    if bool(ends) == bool(duration):
        raise ConfigurationError(
            "give either --for, such as --for 2h, or --ends with a time, or --until-resolved"
        )
    if not duration:
        return ends
    try:
        seconds = Duration.parse(duration)
        begin = moment("--starts", starts) if starts else now
        return dt.datetime.fromtimestamp(begin + seconds, dt.UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"--for or --starts: {error}") from None


def matches_text(view: SilenceView, rules: int) -> str:
    """Return what a new silence matches, of so many rules, as far as that is known."""
    parts = []
    if view.matching_rules is not None:
        parts.append(f"{counted(view.matching_rules, 'rule')} of {rules}")
    if view.open_alerts is not None:
        bound = "" if view.open_alerts_complete else "at least "
        parts.append(f"{bound}{counted(view.open_alerts, 'open alert')} now")
    return f"  matches {', '.join(parts)}" if parts else "  what it matches is not known"


def _author(name: str) -> str:
    """Return the author's name. Raises ConfigurationError if it is not known."""
    found = (name or user_name()).strip()
    if not found:
        raise ConfigurationError("give your name with --author")
    return found


def _with_silences(work: Callable[[Silences], Awaitable[T]]) -> T:
    async def run(connection: Connection) -> T:
        return await work(Silences(connection, CLOCK))

    return _with_connection(run)


def _with_connection(run: Callable[[Connection], Awaitable[T]]) -> T:
    try:
        return with_redis(run)
    except ConditionError as error:
        raise _as_configuration_error(error) from None
    except OverloadedError as error:
        raise ConfigurationError(str(error)) from None


def _as_configuration_error(error: ConditionError) -> ConfigurationError:
    return ConfigurationError(f"{error.message} ({error.hint})" if error.hint else error.message)


def _print(silences: list[SilenceView], *, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(as_json({"silences": silences}))
        return
    for view in silences:
        conditions = list(matcher_texts(view.match))
        conditions += [view.when] if view.when else []
        conditions += ["open before it"] if view.until_resolved else []
        text = f"{view.id}  {view.state:7}  until {utc_second(view.ends_at)}"
        echo(one_printable_line(f"{text}  {' and '.join(conditions)}"))
        echo(one_printable_line(f"  {view.author}: {view.comment}"))
