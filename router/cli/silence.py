"""``router silence``: add, list and end silences, in the Redis of ROUTER_REDIS_URL."""

import asyncio
import datetime as dt
import functools
import os
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import click
import msgspec

from router.api.silences import SilenceView, silence_view
from router.cli.output import as_json
from router.clock import system_clock
from router.datatypes import Duration
from router.errors import (
    ConditionError,
    ConfigurationError,
    JournalUnavailableError,
    RouterError,
)
from router.journal.connection import connect
from router.journal.silences import Silences
from router.rules.suppression.silences import SilenceText
from router.settings.model import Settings

T = TypeVar("T")

_DEADLINE: Final = 5.0
_MATCHER: Final = re.compile(r"([\w.]+)(=~|!~|!=|=)(.*)", re.DOTALL)


@click.group()
def silence() -> None:
    """Hold back alerts for a while: add, list, expire."""


@silence.command()
@click.option(
    "--match",
    "matchers",
    multiple=True,
    metavar="FIELD=VALUE",
    help="rule, severity, key, labels.x, data.x or event.x; also !=, =~ (RE2), !~. May be repeated.",
)
@click.option("--when", help="A CEL condition over rule, severity, key, labels, event and data.")
@click.option("--for", "duration", help="How long, such as 2h. Either this or --ends.")
@click.option("--starts", default="", help="RFC 3339; at once otherwise.")
@click.option("--ends", default="", help="RFC 3339.")
@click.option("--author", default="", help="Who wants it; USER otherwise.")
@click.option("--comment", required=True, help="Why.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the silence as JSON.")
def add(matchers: tuple[str, ...], *, json_wanted: bool, **options: Any) -> None:
    """Silence alerts that fit."""
    clock = system_clock()
    match, when = _conditions(matchers, options["when"])
    try:
        text = SilenceText(
            match=match or None,
            when=when,
            starts=options["starts"],
            ends=_ends(options["ends"], options["duration"], options["starts"], clock.now()),
            author=options["author"] or os.environ.get("USER", ""),
            comment=options["comment"],
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    posted = _ask(lambda silences: silences.add(text))
    _show([silence_view(posted, clock.now())], json_wanted=json_wanted)


@silence.command(name="list")
@click.option("--all", "all_wanted", is_flag=True, help="Those that have ended, too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print them as JSON.")
def list_command(*, all_wanted: bool, json_wanted: bool) -> None:
    """List silences made by hand, newest first; those of the rules folder stand there."""
    now = system_clock().now()
    found = [silence_view(each, now) for each in _ask(lambda silences: silences.all())]
    _show([each for each in found if all_wanted or each.state != "ended"], json_wanted=json_wanted)


@silence.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--json", "json_wanted", is_flag=True, help="Print what has ended as JSON.")
def expire(ids: tuple[str, ...], *, json_wanted: bool) -> None:
    """End silences now."""
    ended = []
    for silence_id in ids:
        posted = _ask(functools.partial(Silences.expire, silence_id=silence_id))
        if posted is None:
            click.echo(f"router: there is no silence {silence_id}", err=True)
        else:
            ended.append(silence_view(posted, system_clock().now()))
    _show(ended, json_wanted=json_wanted)
    sys.exit(0 if len(ended) == len(ids) else 1)


def _conditions(matchers: tuple[str, ...], when: str | None) -> tuple[dict[str, Any], str | None]:
    """What ``match`` and ``when`` are; ``!~`` has no other form than the latter."""
    match: dict[str, Any] = {}
    terms = [f"({when})"] if when else []
    for matcher in matchers:
        parts = _MATCHER.fullmatch(matcher)
        if parts is None:
            raise ConfigurationError(
                f"--match {matcher!r}: write for example rule=call-quality or data.region=~^de"
            )
        field, operator, text = parts.groups()
        if operator == "!~":
            terms.append(f"!{field}.matches({msgspec.json.encode(text).decode()})")
            continue
        test = {"=": "==", "!=": "!=", "=~": "matches"}[operator]
        value = text if operator == "=~" else _value(text)
        if test in match.setdefault(field, {}):
            raise ConfigurationError(f"--match {field}{operator} is given twice, both must hold")
        match[field][test] = value
    return match, " && ".join(terms) or None


def _value(text: str) -> Any:
    """A number, true or false where it is written so, else the text itself."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _ends(ends: str, duration: str | None, starts: str, now: float) -> str:
    if bool(ends) == bool(duration):
        raise ConfigurationError("say how long: --for 2h, or --ends with a time, not both")
    if not duration:
        return ends
    try:
        seconds = Duration.parse(duration)
        begin = dt.datetime.fromisoformat(starts).timestamp() if starts else now
        return dt.datetime.fromtimestamp(begin + seconds, dt.UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"--for or --starts: {error}") from None


def _ask(question: Callable[[Silences], Awaitable[T]]) -> T:
    async def ask() -> T:
        connection = connect(
            Settings.read(os.environ).redis_url, deadline=_DEADLINE, max_connections=2
        )
        try:
            return await question(Silences(connection, system_clock()))
        finally:
            await connection.close()

    try:
        return asyncio.run(ask())
    except ConditionError as error:
        raise ConfigurationError(
            f"{error.message} ({error.hint})" if error.hint else error.message
        ) from None
    except (JournalUnavailableError, RouterError) as error:
        raise ConfigurationError(str(error)) from None


def _show(silences: list[SilenceView], *, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(as_json({"silences": silences}))
        return
    for each in silences:
        asks = [f"{field}: {wanted}" for field, wanted in (each.match or {}).items()]
        asks += [each.when] if each.when else []
        click.echo(
            f"{each.id}  {each.state:7}  until {_moment(each.ends_at)}  {' and '.join(asks)}"
        )
        click.echo(f"  {each.author}: {each.comment}")


def _moment(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
