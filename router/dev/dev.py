"""``router dev``: an embedded Redis, ingress and worker in one process, for trying the router out.

Destinations whose credentials are not set capture what they would have sent and print it. One of
Twilio's sample events is sent once, signed, as a demonstration.
"""

import asyncio
import logging
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from router import __version__
from router.alerts import Delivery, Preview
from router.api.access import Access
from router.client.send import send_signed
from router.clock import Clock
from router.configuration.load import ConfigurationSource
from router.configuration.readers.destinations import MISSING_HOST
from router.console.inbox import Inbox
from router.console.login_links import login_path
from router.datatypes import Secret
from router.dev.activity import CAPTURED
from router.dev.dev_store import DevStore
from router.dev.embedded_redis import EmbeddedRedis
from router.dev.running_dev import Announcement, RunningDev
from router.errors import ConfigurationError, JournalUnavailableError
from router.events.sample import sample_event
from router.events.type_sample import type_sample
from router.http.server import Address
from router.journal import ledger
from router.journal.connection import connect
from router.metrics import Metrics
from router.offline.explain import preview_lines
from router.runtime import event_loop
from router.runtime.app import App
from router.runtime.build_environment import build_environment
from router.runtime.build_traces import build_traces
from router.runtime.roles import Roles, WorkerConfig
from router.settings.choices import EventsOpen, TracesContinue
from router.settings.model import Settings, is_loopback
from router.settings.tokens import Tokens

logger = logging.getLogger(__name__)

Echo = Callable[[str], None]
"""Prints a line on the terminal."""

AUTH_TOKEN: Final = Secret("router-dev-auth-token")
"""Signs the sample event if no token is set. It is public, so ``router dev`` listens on the loopback
interface unless ROUTER_HOST says otherwise."""
_SAMPLE_SECONDS: Final = 10.0
_WARNINGS_SHOWN: Final = 10
_SHOWN_LINES: Final = 40
"""Lines of a captured message. A body of JSON with its event has a hundred."""


class Dev:
    """One run of ``router dev``.

    Args:
        settings: The settings as read.
        source: The rules folder, which is loaded at once.
        clock: Time and chance.
        echo: Prints a line on the terminal.
        store: The store of the rules folder, where other commands look for this process.

    Raises:
        RulesError: The rules folder has errors.

    """

    def __init__(
        self,
        settings: Settings,
        source: ConfigurationSource,
        clock: Clock,
        echo: Echo,
        store: DevStore,
    ) -> None:
        self._settings = settings
        self._source = source
        self._configuration = source.load()
        self._clock = clock
        self._echo = echo
        self._store = store
        self._announcement = Announcement(store)
        self._inbox = Inbox()

    def run(self, redis: EmbeddedRedis | None, sample: str | None = None) -> None:
        """Run until a signal.

        Args:
            redis: Started before and stopped after the run; None to use ROUTER_REDIS_URL.
            sample: The event type of which a sample is sent; None for Twilio's example of a
                conference summary.

        Raises:
            ConfigurationError: Redis or the application cannot be started.
            SystemExit: A signal ended the start.

        """
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Until the process serves, which is when the event loop has its own, and ends Redis too.
            signal.signal(number, _exit_by_signal)
        settings = self._settings
        if not settings.twilio_auth_tokens:
            settings = msgspec.structs.replace(settings, twilio_auth_tokens=(AUTH_TOKEN,))
        if not settings.events_token and is_loopback(settings.host):
            settings = msgspec.structs.replace(
                settings, events_open=EventsOpen.ALL, traces_continue=TracesContinue.ALL
            )
        if not settings.admin_token:
            token = Tokens.of(Secret(secrets.token_urlsafe(16)))
            settings = msgspec.structs.replace(settings, admin_token=token)
        try:
            if redis is not None:
                redis.start()
                settings = msgspec.structs.replace(settings, redis_url=redis.url)
            data = "" if redis is None else str(redis.folder)
            event_loop.run(self._serve(settings, sample, data))
        finally:
            self._announcement.withdraw()
            if redis is not None:
                redis.stop()

    async def _serve(self, settings: Settings, sample: str | None, data: str) -> None:
        metrics = Metrics()
        environment = build_environment(settings, self._clock.now, self._echo)
        config = WorkerConfig(
            source=self._source,
            configuration=self._configuration,
            environment=environment,
            on_capture=self._on_capture,
            inbox=self._inbox,
        )
        roles = Roles(
            port=settings.port,
            operations_port=settings.operations_port,
            ingress=True,
            worker=config,
            traces=build_traces(settings, os.environ, metrics, self._clock),
        )
        app = App(settings, roles, metrics, self._clock)
        loop = asyncio.get_running_loop()
        listening: asyncio.Future[Address] = loop.create_future()
        async with asyncio.TaskGroup() as group:
            demo = group.create_task(self._run_demo(settings, listening, sample, data))
            try:
                await event_loop.serve(app, listening.set_result)
            finally:
                demo.cancel()

    async def _run_demo(
        self,
        settings: Settings,
        listening: "asyncio.Future[Address]",
        sample: str | None,
        data: str,
    ) -> None:
        url = str(await listening)
        self._announce(settings, url, data)
        self._print_summary(settings, url)
        await self._send_sample(settings, url, sample)
        self._echo(
            "\nRunning; Ctrl-C stops it. From another terminal, in this folder:\n"
            f"  {_program()} send EVENT.json --sign     send an event of your own\n"
            f"  {_program()} alerts list                show what is wrong now\n"
            f"  {_program()} destinations list          and all other commands use this Redis\n"
        )

    def _announce(self, settings: Settings, url: str, data: str) -> None:
        self._announcement.publish(
            RunningDev(
                pid=os.getpid(),
                url=url,
                redis_url=settings.redis_url.reveal(),
                auth_token=settings.twilio_auth_tokens[0].reveal(),
                admin_token=settings.admin_token[0].secret.reveal(),
                rules=str(self._store.rules),
                data=data,
            )
        )

    def _print_summary(self, settings: Settings, url: str) -> None:
        rules = len(self._configuration.rules.rules)
        self._echo(f"router {__version__}: ingress, worker and Redis in one process\n")
        self._echo(f"  Events   {url}/twilio (signed), {url}/events")
        token = settings.admin_token[0].secret.reveal()
        other = _operations_url(settings, url)
        path = login_path(Access(settings), self._clock.now, self._clock.new_id)
        self._echo(f"  Console  {other}{path} (logs in once)")
        self._echo(
            f"  API      curl -H 'Authorization: Bearer {token}' {other}/api/v1/destinations"
        )
        self._echo(f"  Metrics  {other}/metrics")
        self._echo(f"  Health   {other}/healthz, {other}/readyz")
        self._echo(f"  Rules    {rules} from {self._source.folder}/")
        for source in self._configuration.sources:
            who = ", ".join(source.verify) or "anyone"
            effect = f"from {who}"
            if source.missing_variables:
                effect = f"closed: {', '.join(source.missing_variables)} not set"
            self._echo(f"  From     {url}{source.path} ({source.name}), {effect}")
        for spec in self._configuration.destinations:
            effect = "delivers"
            if spec.missing_variables:
                effect = f"captures: {', '.join(spec.missing_variables)} not set"
            self._echo(f"  To       {spec.name} ({spec.kind}), {effect}")
        for warning in self._configuration.warnings[:_WARNINGS_SHOWN]:
            self._echo(f"  Warning  {warning}")

    async def _send_sample(self, settings: Settings, url: str, sample: str | None) -> None:
        digits = secrets.token_hex(16)
        if sample is None:
            body = sample_event(f"NO{digits}")
            what = "Twilio's sample conference summary, signed, as it reports a timeout"
        else:
            body = msgspec.json.encode(type_sample(sample, digits))
            what = f"a sample of {sample}, signed"
        self._echo(f"\nSending {what}")
        connection = connect(settings.redis_url, deadline=2.0, max_connections=1)
        try:
            result = await send_signed(
                f"{url}/twilio",
                body,
                settings.twilio_auth_tokens[0],
                settings.public_url,
                settings.twilio_url,
            )
            self._echo(f"  answer {result.status} {result.body}")
            async with asyncio.timeout(_SAMPLE_SECONDS):
                # Polled, because Redis has no event for a change of the ledger.
                while not _is_settled(await ledger.read(connection)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            self._echo("  not everything is delivered yet; the lines above say why")
        except (ConfigurationError, JournalUnavailableError) as error:
            self._echo(f"  {error}")  # a demonstration that fails ends nothing
        finally:
            await connection.close()

    def _on_capture(self, delivery: Delivery, preview: Preview) -> None:
        self._inbox.add(delivery, preview, at=self._clock.now())
        milliseconds = (self._clock.now() - delivery.alert.event_received_at) * 1000
        self._echo(
            f"\n{delivery.destination} would have received"
            f" ({milliseconds:.0f} ms after the event came in, rule {delivery.alert.rule}):"
        )
        lines = [
            line
            for line in preview.text.splitlines() or preview_lines(preview)
            if not (line.startswith("host: ") and MISSING_HOST in line)
        ]
        for line in lines[:_SHOWN_LINES]:
            self._echo(f"  {line}")
        if len(lines) > _SHOWN_LINES:
            self._echo(f"  … {len(lines) - _SHOWN_LINES} more lines: see Inbox in the console")
        logger.info(CAPTURED, extra={"delivery": delivery.id})


def _exit_by_signal(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def _operations_url(settings: Settings, url: str) -> str:
    """Return the URL of the console and the API; ``url`` if one port serves all."""
    if not settings.operations_port:
        return url
    address = Address(settings.operations_host or settings.host, settings.operations_port)
    return str(address)


def _program() -> str:
    """Return how to call this command again from the same folder."""
    return "router" if shutil.which("router") else sys.argv[0]


def _is_settled(counts: ledger.Ledger) -> bool:
    return (
        counts.accepted > 0
        and counts.pending == 0
        and all(destination.pending == 0 for destination in counts.destinations.values())
    )
