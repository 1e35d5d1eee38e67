"""``router twilio status`` and ``types``: what an account has, and what it offers."""

import fnmatch

import click

from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, parse_age, print_table
from router.cli.twilio_session import TwilioSession
from router.client.twilio_advice import of_api_error
from router.client.twilio_api import TwilioApi, TwilioApiError
from router.client.twilio_connection import read_account
from router.client.twilio_overview import SinkOverview, sink_overviews
from router.client.twilio_resources import DebuggerAlert
from router.errors import ConfigurationError

_DEBUGGER_SECONDS = 30 * 86400.0
"""The age of the oldest alert that Twilio's Debugger gives."""


@click.command()
@click.option(
    "--url",
    default="",
    help="URL of this router's sink, to mark it.  [default: ROUTER_TWILIO_URL, or ROUTER_PUBLIC_URL]",
)
@click.option(
    "--since",
    callback=parse_age,
    default="1d",
    show_default=True,
    help="Age of the oldest errors that are shown, up to 30d.",
)
@click.option("--json", is_flag=True, help="Print JSON.")
def status(url: str, since: float, *, json: bool) -> None:
    """Show the account's sinks, event types and errors.

    The errors are those that Twilio's Debugger has about the sinks, each with what to do.
    """
    if since > _DEBUGGER_SECONDS:
        raise ConfigurationError("--since: Twilio's Debugger keeps errors for 30d")
    session = TwilioSession.read()
    own = session.url(url) if url or session.settings_url else ""
    problem = ""

    async def read(api: TwilioApi) -> list[SinkOverview]:
        nonlocal problem
        state = await read_account(api, "")
        alerts: list[DebuggerAlert] = []
        try:
            alerts = await api.debugger_alerts(CLOCK.now() - since)
        except TwilioApiError as error:
            problem = of_api_error(error).problem
        return sink_overviews(state, alerts, own)

    sinks = session.call(read, json=json)
    if json:
        click.echo(as_json({"sinks": sinks, "debugger_error": problem}))
        return
    for sink in sinks:
        _print_sink(sink)
    if not sinks:
        echo("the account has no sinks; router twilio connect makes one")
    if problem:
        echo(f"router: errors of the Debugger are not shown: {problem}", err=True)


@click.command()
@click.argument("patterns", nargs=-1)
@click.option("--json", is_flag=True, help="Print JSON.")
def types(patterns: tuple[str, ...], *, json: bool) -> None:
    """List the event types of the Twilio account.

    PATTERNS are names or patterns such as "com.twilio.voice.*"; without any, all types are listed.
    """
    session = TwilioSession.read()

    async def read(api: TwilioApi) -> list[dict[str, str]]:
        return [
            {
                "type": each.type,
                "status": each.status or "",
                "schema": each.schema_id or "",
                "description": each.description or "",
            }
            for each in await api.event_types()
            if not patterns or any(fnmatch.fnmatchcase(each.type, one) for one in patterns)
        ]

    found = session.call(read, json=json)
    if json:
        click.echo(as_json({"types": found}))
        return
    print_table(
        [("TYPE", "STATUS", "SCHEMA", "DESCRIPTION"), *(tuple(each.values()) for each in found)]
    )


def _print_sink(sink: SinkOverview) -> None:
    origin = "made by connect" if sink.is_made_by_connect else f'described as "{sink.description}"'
    owner = "this router, " if sink.is_this_router else ""
    echo(f"{sink.sid}  {sink.status}  {sink.url or sink.type}  ({owner}{origin})")
    if not sink.subscription_sid:
        echo("    no subscription: it gets no events")
    else:
        echo(f"    subscription {sink.subscription_sid}")
    for each in sink.types:
        echo(f"    {each.type}  version {each.schema_version}")
    for failure in sink.failures:
        times = "once" if failure.count == 1 else f"{failure.count} times, last"
        echo(f"    error {failure.code}, {times} at {failure.latest_at}: {failure.problem}")
        echo(f"        {failure.remedy}")
