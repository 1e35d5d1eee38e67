"""Connects a Twilio sink to a router: probe, sink, test event, validation, subscription.

The subscription comes last, after the test event has come through, because Twilio drops an event for good
when a sink answers it with a 4xx. A step that fails leaves a state from which the next run goes on: what
exists is read, never remembered.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from router.client import twilio_watch
from router.client.twilio_advice import (
    Advice,
    MissingTest,
    SinkSituation,
    alerts_of,
    of_api_error,
    of_missing_test,
    of_probe,
    situation_by,
)
from router.client.twilio_api import TwilioApi, TwilioApiError
from router.client.twilio_plan import AccountState, ConnectPlan, sinks_of
from router.client.twilio_probe import ProbeFinding, ProbeReport, probe
from router.client.twilio_resources import (
    SubscribedType,
    TwilioEventType,
    TwilioSink,
    sink_test_call,
    validate_sink_call,
)
from router.client.twilio_urls import is_private_address
from router.client.twilio_watch import IngressWatch
from router.clock import Clock
from router.datatypes import Secret, parse_address
from router.destinations.contract import Environment
from router.errors import JournalUnavailableError, RouterError, only_error

T = TypeVar("T")

AFTER_REFUSAL_SECONDS: Final = 2.0
"""How long the test event is awaited after the router has refused a request."""
_LOOKUP_SECONDS: Final = 3.0
_ALERTS_BEFORE: Final = 60.0
"""Seconds before the test, because two clocks differ."""


class ConnectStep(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the output: what was done or found."""

    text: str
    is_ok: bool = True
    is_note: bool = False
    """Whether it is neither a success nor a failure."""


class ConnectResult(msgspec.Struct, frozen=True, kw_only=True):
    """The connected sink, for ``--json``."""

    url: str
    account_sid: str
    sink_sid: str
    sink_created: bool
    sink_status: str
    subscription_sid: str
    subscription_created: bool
    types_added: tuple[str, ...]
    types: tuple[str, ...]
    test_id: str
    """The id of the test event that has come; ``""`` if it was not awaited."""
    changed: bool


class ConnectFailedError(RouterError):
    """Raised when a step fails.

    Args:
        advice: What is wrong, and what to do.
        exists: What exists in the account now, a line for each.
    """

    def __init__(self, advice: Advice, exists: Sequence[str] = ()) -> None:
        super().__init__(f"{advice.problem} {advice.remedy}")
        self.advice = advice
        self.exists = tuple(exists)


class SinkTarget(msgspec.Struct, frozen=True, kw_only=True):
    """The sink that is to be."""

    situation: SinkSituation
    auth_token: Secret | None
    """Signs the probe; None if it is not known."""
    credentials: Secret | None
    """``user:password`` in the sink's URL; None for none."""


class SinkConnector:
    """Carries out a plan.

    Args:
        api: Twilio's API.
        environment: For the probe.
        clock: The clock.
        target: The sink.
        watch: Shows what comes to the router; None if the test event is not awaited.
        say: Gets each step.
    """

    def __init__(
        self,
        api: TwilioApi,
        environment: Environment,
        clock: Clock,
        *,
        target: SinkTarget,
        watch: IngressWatch | None,
        say: Callable[[ConnectStep], None],
    ) -> None:
        self._api = api
        self._environment = environment
        self._clock = clock
        self._target = target
        self._watch = watch
        self._say = say
        self._probed: ProbeReport | None = None
        self._exists: list[str] = []

    @property
    def exists(self) -> tuple[str, ...]:
        """The resources that the account has for this URL by now, a line for each."""
        return tuple(self._exists)

    async def check_url(self) -> None:
        """Send a request without events to the URL.

        Raises:
            ConnectFailedError: The URL is not the router's, or the router refuses the request.
            JournalUnavailableError: Redis does not answer.
        """
        if self._watch is not None:
            await self._watch.begin()
        situation = self._target.situation
        report = self._probed = await self._probe()
        refusal = None
        if self._watch is not None and report.is_refused:
            # Also awaited if the answer is good enough, so that it does not count as Twilio's later.
            refusal = await self._watch.await_refusal()
        advice = of_probe(report, situation_by(situation, refusal))
        if advice is not None:
            raise ConnectFailedError(advice, self._exists)
        if report.finding is ProbeFinding.ACCEPTED:
            self._done(f"The router answers at {situation.url} and accepts the request.")
        else:
            self._done(f"The router answers at {situation.url}.")
        await self._note_private_name()

    async def carry_out(self, plan: ConnectPlan, *, wait_seconds: float) -> ConnectResult:
        """Make what is missing, and await the test event.

        Raises:
            ConnectFailedError: A step failed.
            JournalUnavailableError: Redis does not answer, and nothing was made.
        """
        if self._watch is not None:
            await self._watch.begin()
        try:
            sink = await self._make_sink(plan)
            test_id = await self._test(sink, wait_seconds)
            sink = await self._activate(sink, test_id)
            return await self._subscribe(plan, sink, test_id)
        except TwilioApiError as error:
            raise ConnectFailedError(of_api_error(error), self._exists) from None
        except JournalUnavailableError as error:
            advice = Advice(f"{error}.", "Run the same command again when Redis is back.")
            raise ConnectFailedError(advice, self._exists) from None

    async def _make_sink(self, plan: ConnectPlan) -> TwilioSink:
        sink = plan.sink
        if plan.create_sink is not None:
            sink = await self._api.create_sink(plan.create_sink)
            self._done(f"Sink {sink.sid} was created.")
        if sink is None:
            raise RuntimeError("a plan has a sink or makes one")
        if plan.create_sink is None:
            self._done(f"Sink {sink.sid} has this URL already.")
        self._exists.append(f"sink {sink.sid} ({sink.status})")
        if plan.subscription is not None:
            self._exists.append(f"its subscription {plan.subscription.sid}")
        return sink

    async def _test(self, sink: TwilioSink, wait_seconds: float) -> str:
        """Ask for a test event, and return its id once it has come; ``""`` if it is not awaited."""
        started, began = self._clock.now(), self._clock.monotonic()
        await self._api.run(sink_test_call(sink.sid))
        if self._watch is None:
            self._note("Twilio was asked for a test event, which is not awaited.")
            return ""
        self._note(f"Twilio was asked for a test event; it is awaited for {wait_seconds:g} s.")
        until = began + wait_seconds
        while not (test_id := await self._watch.new_test()):
            if self._clock.monotonic() >= until:
                missing = await self._evidence(self._watch, sink, started, wait_seconds)
                raise ConnectFailedError(
                    of_missing_test(missing, self._target.situation), self._exists
                )
            if await self._watch.new_refusal() is not None:
                # Another sender's may have been refused, so the test event may still come.
                until = min(until, self._clock.monotonic() + AFTER_REFUSAL_SECONDS)
            await asyncio.sleep(twilio_watch.POLL_SECONDS)
        self._done(f"The test event has come, after {self._clock.monotonic() - began:.1f} s.")
        return test_id

    async def _evidence(
        self, watch: IngressWatch, sink: TwilioSink, started: float, wait_seconds: float
    ) -> MissingTest:
        """Return what is known of a test event that has not come."""
        refusal = await watch.await_refusal()
        try:
            alerts = await self._api.debugger_alerts(started - _ALERTS_BEFORE)
        except TwilioApiError:
            alerts = []  # the key may be restricted; the other evidence is enough
        return MissingTest(
            seconds=wait_seconds,
            refusal=refusal,
            alerts=alerts_of(sink.sid, alerts),
            probe=self._probed,
            is_other_redis=not (refusal or alerts) and await self._is_other_redis(watch),
        )

    async def _note_private_name(self) -> None:
        """Warn of a name that leads into a private network here, as with a split DNS."""
        host = urlsplit(self._target.situation.url).hostname or ""
        if host == "localhost" or parse_address(host) is not None:
            return
        try:
            found = await self._environment.names.resolve(host, 443, seconds=_LOOKUP_SECONDS)
        except OSError:
            return  # a proxy resolves it
        addresses = [str(each[4][0]) for each in found]
        if addresses and all(map(is_private_address, addresses)):
            self._note(
                f"{host} has the private address {addresses[0]} here; Twilio needs a public one, by the"
                " DNS of the internet."
            )

    async def _is_other_redis(self, watch: IngressWatch) -> bool:
        """Return whether the router accepts a test event of this command, and stores it elsewhere."""
        if self._probed is None or self._probed.finding is not ProbeFinding.ACCEPTED:
            return False
        test_id = f"router-{self._clock.new_id()}"
        report = await self._probe(_own_test(test_id, self._clock.new_id()))
        if report.finding is not ProbeFinding.ACCEPTED:
            return False
        return not await watch.await_test(test_id)

    async def _probe(self, body: bytes = b"[]") -> ProbeReport:
        return await probe(
            self._target.situation.url,
            self._environment,
            auth_token=self._target.auth_token,
            credentials=self._target.credentials,
            body=body,
        )

    async def _activate(self, sink: TwilioSink, test_id: str) -> TwilioSink:
        """Validate a sink that is not active, as Twilio's older accounts need it."""
        if sink.status == "active":
            return sink
        if not test_id:
            advice = Advice(
                f"Sink {sink.sid} is {sink.status}, and must be validated by its test event.",
                "Run the same command without --no-wait.",
            )
            raise ConnectFailedError(advice, self._exists)
        await self._api.run(validate_sink_call(sink.sid, test_id))
        sink = await self._api.sink(sink.sid)
        self._exists[0] = f"sink {sink.sid} ({sink.status})"
        if sink.status != "active":
            advice = Advice(
                f"Sink {sink.sid} is {sink.status} although its test event has come.",
                "Run the same command again in a minute; if it stays so, delete the sink with router"
                " twilio disconnect, and connect again.",
            )
            raise ConnectFailedError(advice, self._exists)
        self._done(f"Sink {sink.sid} was validated and is active.")
        return sink

    async def _subscribe(self, plan: ConnectPlan, sink: TwilioSink, test_id: str) -> ConnectResult:
        sid = plan.subscription.sid if plan.subscription else ""
        for call in plan.subscribe_calls(sink.sid):
            if plan.subscription is None:
                made = await self._api.create_subscription(call)
                sid = made.sid
                self._exists.append(f"its subscription {sid}")
                self._done(f"Subscription {sid} to {_counted(plan.added)} was created.")
            else:
                await self._api.run(call)
        if plan.subscription is not None and plan.added:
            self._done(f"{_counted(plan.added)} were added to subscription {sid}.")
        if plan.changes_nothing:
            self._done("Nothing had to be changed.")
        types = await self._api.subscribed_types(sid)
        return ConnectResult(
            url=self._target.situation.url,
            account_sid=self._target.situation.account,
            sink_sid=sink.sid,
            sink_created=plan.create_sink is not None,
            sink_status=sink.status,
            subscription_sid=sid,
            subscription_created=plan.subscription is None,
            types_added=tuple(each.type for each in plan.added),
            types=tuple(sorted(each.type for each in types)),
            test_id=test_id,
            changed=not plan.changes_nothing,
        )

    def _done(self, text: str) -> None:
        self._say(ConnectStep(text=text))

    def _note(self, text: str) -> None:
        self._say(ConnectStep(text=text, is_note=True))


async def read_account(api: TwilioApi, url: str) -> AccountState:
    """Return the sinks and subscriptions of an account, and the types of those of one URL.

    Args:
        api: Twilio's API.
        url: The URL of a sink; ``""`` for the types of all subscriptions.

    Raises:
        TwilioApiError: Twilio's API did not answer, or refused.
    """
    sinks, subscriptions = await api.sinks(), await api.subscriptions()
    mine = {sink.sid for sink in (sinks_of(url, sinks) if url else sinks)}
    sids = [each.sid for each in subscriptions if each.sink_sid in mine]
    types = await _of_each(sids, api.subscribed_types)
    return AccountState(
        sinks=tuple(sinks),
        subscriptions=tuple(subscriptions),
        types={sid: tuple(found) for sid, found in types.items()},
    )


async def with_newest_schemas(
    api: TwilioApi, types: Sequence[TwilioEventType]
) -> tuple[SubscribedType, ...]:
    """Return the types with the newest versions of their schemas. Raises TwilioApiError."""
    schemas = dict.fromkeys(each.schema_id for each in types if each.schema_id)
    versions = await _of_each(schemas, api.latest_schema_version)
    return tuple(
        SubscribedType(type=each.type, schema_version=versions.get(each.schema_id or "", 1))
        for each in types
    )


async def _of_each(
    names: Iterable[str], read: Callable[[str], Coroutine[None, None, T]]
) -> dict[str, T]:
    """Return what is read of each name, at once as far as the client has connections.

    Raises:
        TwilioApiError: One of the calls failed.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(read(name)) for name in names}
    except BaseExceptionGroup as failed:
        error = only_error(failed, TwilioApiError)
        if error is None:
            raise
        raise error from None
    return {name: task.result() for name, task in tasks.items()}


def _own_test(test_id: str, event_id: str) -> bytes:
    """Return a test event like Twilio's, with an id of its own so that none of Twilio's is a duplicate."""
    event = {
        "specversion": "1.0",
        "type": "com.twilio.eventstreams.test-event",
        "source": "router twilio connect",
        "id": event_id,
        "data": {"test_id": test_id},
    }
    return msgspec.json.encode([event])


def _counted(types: Sequence[SubscribedType]) -> str:
    return f"{len(types)} event type{'' if len(types) == 1 else 's'}"
