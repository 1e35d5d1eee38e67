"""``router twilio connect``: from nothing to the first event of a Twilio sink."""

import sys
from collections.abc import Awaitable, Callable

import click
import msgspec

from router.cli import command_loop
from router.cli.output import INTERRUPTED, as_json, echo
from router.cli.redis_commands import CLOCK, parse_age, with_redis
from router.cli.twilio_output import StepPrinter, print_calls
from router.cli.twilio_session import TwilioSession, fail
from router.client.twilio_advice import SinkSituation
from router.client.twilio_api import TwilioApi
from router.client.twilio_connection import (
    ConnectFailedError,
    ConnectResult,
    ConnectStep,
    SinkConnector,
    SinkTarget,
    read_account,
    with_newest_schemas,
)
from router.client.twilio_plan import AccountState, ConnectPlan, plan_connect, reusable_sink
from router.client.twilio_resources import TwilioEventType
from router.client.twilio_types import VOICE_INSIGHTS, choose_types, patterns_of, type_groups
from router.client.twilio_urls import with_credentials
from router.client.twilio_watch import IngressWatch
from router.datatypes import Secret
from router.errors import ConfigurationError
from router.journal.connection import Connection


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    url: str
    voice_insights: bool
    types: tuple[str, ...]
    wait: float
    no_wait: bool
    no_probe: bool
    dry_run: bool
    json: bool

    @property
    def patterns(self) -> tuple[str, ...]:
        """The types that the options choose."""
        named = (part.strip() for text in self.types for part in text.split(","))
        insights = (VOICE_INSIGHTS,) if self.voice_insights else ()
        return (*insights, *(part for part in named if part))


@click.command()
@click.option(
    "--url",
    default="",
    help="URL under which Twilio reaches the router; /twilio is added if it has no path."
    "  [default: ROUTER_TWILIO_URL, or ROUTER_PUBLIC_URL]",
)
@click.option("--voice-insights", is_flag=True, help="Subscribe to all types of Voice Insights.")
@click.option(
    "--types",
    multiple=True,
    help="Subscribe to these types: names, or patterns such as com.twilio.messaging.*, with commas"
    " between them.",
)
@click.option(
    "--wait",
    callback=parse_age,
    default="30s",
    show_default=True,
    help="How long the test event is awaited.",
)
@click.option("--no-wait", is_flag=True, help="Subscribe without awaiting the test event.")
@click.option("--no-probe", is_flag=True, help="Do not send a request to the URL from here.")
@click.option(
    "--dry-run", is_flag=True, help="Print the calls that would be made, and change nothing."
)
@click.option("--json", is_flag=True, help="Print JSON; the steps go to standard error.")
def connect(**options: object) -> None:
    """Connect a Twilio Event Streams sink to this router.

    Calls the URL as Twilio would, creates the sink, awaits Twilio's test event, and then subscribes the
    sink to event types. What exists already is used; run it again to complete or to check it. The
    credentials come from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or from TWILIO_API_KEY and
    TWILIO_API_SECRET. The test event is awaited in the Redis at ROUTER_REDIS_URL.

    Exit code 1: a step failed; the last lines say why, and what to do.
    """
    _Command(msgspec.convert(options, _Options), TwilioSession.read()).run()


class _Command:
    """One run of the command."""

    def __init__(self, options: _Options, session: TwilioSession) -> None:
        self._options = options
        self._session = session
        self._url = session.url(options.url)
        self._printer = StepPrinter(err=options.json)
        self._connector: SinkConnector | None = None
        basic = session.settings.twilio_basic_auth
        self._credentials = basic[0] if basic else None

    def run(self) -> None:
        """Connect, or print what would be done."""
        options = self._options
        self._warn_of_settings()
        try:
            types, state = self._session.call(self._read, json=options.json)
            plan = self._session.call(self._planned(types, state), json=options.json)
            self._note_older(plan)
            if options.dry_run:
                print_calls(plan.calls(), self._session.hosts.events, json=options.json)
                return
            self._finish(self._connect(plan))
        except ConnectFailedError as error:
            fail(error.advice, error.exists, json=options.json)
        except KeyboardInterrupt:
            self._printer.step(ConnectStep(text="Interrupted.", is_ok=False))
            self._printer.exists(self._connector.exists if self._connector else ())
            sys.exit(INTERRUPTED)

    def _warn_of_settings(self) -> None:
        known = self._session.settings_url
        if known not in {"", self._url}:
            self._say(
                f"By the settings here, the router checks signatures for {known}, and Twilio will sign"
                f" {self._url}.",
                is_note=True,
            )

    async def _read(self, api: TwilioApi) -> tuple[list[TwilioEventType], AccountState]:
        return await api.event_types(), await read_account(api, self._url)

    def _planned(
        self, types: list[TwilioEventType], state: AccountState
    ) -> Callable[[TwilioApi], Awaitable[ConnectPlan]]:
        """Return the work that reads the versions of the chosen types, and plans.

        The choice is made before, outside of the event loop, because that keeps Ctrl-C.
        """
        destination = with_credentials(self._url, self._credentials)
        chosen = self._chosen(types, state, destination)
        secrets = tuple(
            Secret(part)
            for credentials in (self._credentials, _userinfo(destination))
            if credentials is not None
            for part in (credentials.reveal(),)
        )

        async def plan(api: TwilioApi) -> ConnectPlan:
            wanted = await with_newest_schemas(api, chosen)
            return plan_connect(self._url, destination, state, wanted, secrets)

        return plan

    def _note_older(self, plan: ConnectPlan) -> None:
        newest = {each.type: each.schema_version for each in plan.newest}
        for each in plan.older:
            self._say(
                f"{each.type} stays at version {each.schema_version} of its schema; the newest is"
                f" {newest[each.type]}.",
                is_note=True,
            )

    def _chosen(
        self, types: list[TwilioEventType], state: AccountState, destination: str
    ) -> tuple[TwilioEventType, ...]:
        """Return the types that options name, else those of the subscription, else an answer's.

        Raises click.UsageError without a terminal.
        """
        patterns = self._options.patterns
        if not patterns and (kept := self._subscribed(types, state, destination)):
            self._say(
                f"No types are named, so the {len(kept)} of the subscription stay.", is_note=True
            )
            return kept
        if not patterns and not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError(
                "choose event types: --voice-insights, or --types with names or patterns, for example"
                " --types 'com.twilio.messaging.*' (router twilio types lists them)"
            )
        patterns = patterns or _ask(types)
        chosen = choose_types(types, patterns)
        names = ", ".join(patterns)
        self._say(f"{len(chosen.types)} of {len(types)} event types are chosen: {names}.")
        for each in chosen.left_out:
            note = f"{each.type} is {each.status}, and left out unless it is named in full."
            self._say(note, is_note=True)
        return chosen.types

    def _subscribed(
        self, types: list[TwilioEventType], state: AccountState, destination: str
    ) -> tuple[TwilioEventType, ...]:
        """Return the types that a sink of this URL gets already."""
        sink = reusable_sink(self._url, destination, state)
        subscription = state.subscription_of(sink.sid) if sink else None
        there = state.types.get(subscription.sid, ()) if subscription else ()
        names = {each.type for each in there}
        return tuple(each for each in types if each.type in names)

    def _say(self, text: str, *, is_note: bool = False) -> None:
        self._printer.step(ConnectStep(text=text, is_note=is_note))

    def _connect(self, plan: ConnectPlan) -> ConnectResult:
        if self._options.no_wait:
            return command_loop.run(self._carry_out(plan, None))
        try:
            return with_redis(lambda connection: self._carry_out(plan, connection))
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}; --no-wait needs no Redis") from None

    async def _carry_out(self, plan: ConnectPlan, redis: Connection | None) -> ConnectResult:
        account = self._session.credentials.account_sid
        watch = None if redis is None else IngressWatch(redis, CLOCK, account)
        if watch is not None:
            await watch.begin()  # so that an unreachable Redis is known before anything is made
        async with self._session.api() as api:
            self._connector = SinkConnector(
                api,
                self._session.environment,
                CLOCK,
                target=self._target(),
                watch=watch,
                say=self._printer.step,
            )
            if not self._options.no_probe:
                await self._connector.check_url()
            return await self._connector.carry_out(plan, wait_seconds=self._options.wait)

    def _target(self) -> SinkTarget:
        credentials, tokens = self._session.credentials, self._session.settings.twilio_auth_tokens
        token = credentials.auth_token
        return SinkTarget(
            situation=SinkSituation(
                url=self._url,
                settings_url=self._session.settings_url,
                account=credentials.account_sid or "the account",
                has_token=token in tokens if token is not None and tokens else None,
            ),
            auth_token=token or (tokens[0] if tokens else None),
            credentials=self._credentials,
        )

    def _finish(self, result: ConnectResult) -> None:
        if self._options.json:
            click.echo(as_json(result))
            return
        echo(
            f"Connected: sink {result.sink_sid} sends {len(result.types)} event"
            f" type{'' if len(result.types) == 1 else 's'} to {result.url}"
        )


def _userinfo(destination: str) -> Secret | None:
    """Return ``user:password`` as the URL has it, encoded."""
    authority = destination.partition("://")[2].partition("/")[0]
    user = authority.rpartition("@")[0]
    return Secret(user) if user else None


def _ask(types: list[TwilioEventType]) -> tuple[str, ...]:
    """Ask at the terminal for event types, until the answer is one."""
    groups = type_groups(types)
    width = max(map(len, groups), default=0)
    echo("Event types of this account:", err=True)
    for number, (name, count) in enumerate(groups.items(), 1):
        echo(f"{number:>4}  {name:<{width}}  {count}", err=True)
    names = list(groups)
    insights = VOICE_INSIGHTS.removesuffix(".*")
    default = str(names.index(insights) + 1) if insights in names else None
    while True:
        answer = click.prompt(
            "Numbers, names or patterns, with commas between them", default=default, err=True
        )
        try:
            patterns = patterns_of(str(answer), names)
            choose_types(types, patterns)
        except ConfigurationError as error:
            echo(f"router: {error}", err=True)
            continue
        return patterns
