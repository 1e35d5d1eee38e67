"""``router dev``: everything in one process, for trying it out.

Embedded Redis, ingress, worker; destinations whose credentials are not set capture what they would
have sent and show it here. Twilio's own sample event is sent once, signed, to show that it works.
"""

import asyncio
import secrets
import shutil
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from router import __version__
from router.alerts import Delivery, Preview
from router.client.send import send_signed
from router.clock import Clock
from router.configuration.load import ConfigurationSource
from router.configuration.readers.destinations import MISSING_HOST
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.dev.embedded_redis import EmbeddedRedis
from router.http.server import Address
from router.journal import ledger
from router.journal.connection import connect
from router.metrics import Metrics
from router.offline.explain import preview_lines
from router.runtime import event_loop as process
from router.runtime.app import (
    App,
    Roles,
)
from router.runtime.build import (
    WorkerConfig,
)
from router.settings.model import Settings

Say = Callable[[str], None]

AUTH_TOKEN: Final = Secret("router-dev-auth-token")
"""Signs the sample event when no token is set. Known to everybody, so dev listens on this machine
only unless it is told otherwise."""
_SAMPLE: Final = "conference-summary-complete.json"
_SAMPLE_SECONDS: Final = 10.0
_WARNINGS_SHOWN: Final = 10


class Dev:
    """One run of ``router dev``. ``say`` prints a line for people."""

    def __init__(
        self, settings: Settings, source: ConfigurationSource, clock: Clock, say: Say
    ) -> None:
        """Raises RulesError."""
        self._given = settings
        self._source = source
        self._configuration = source.load()
        self._clock = clock
        self._say = say

    def run(self, redis: EmbeddedRedis | None) -> None:
        """Run until a signal. ``redis`` is started and stopped; None for one that runs already.

        Raises ConfigurationError.
        """
        settings = self._given
        if not settings.twilio_auth_tokens:
            settings = msgspec.structs.replace(settings, twilio_auth_tokens=(AUTH_TOKEN,))
        if redis is None:
            return process.run(self._serve(settings))
        redis.start()
        try:
            process.run(self._serve(msgspec.structs.replace(settings, redis_url=redis.url)))
        finally:
            redis.stop()
        return None

    async def _serve(self, settings: Settings) -> None:
        metrics = Metrics()
        environment = Environment(
            egress=settings.egress,
            now=self._clock.now,
            on_template_error=self._say,
            proxy=settings.proxy,
        )
        work = WorkerConfig(
            source=self._source,
            configuration=self._configuration,
            environment=environment,
            on_capture=self._captured,
        )
        roles = Roles(port=settings.port, ingress=True, work=work)
        app = App(settings, roles, metrics, self._clock)
        loop = asyncio.get_running_loop()
        listening: asyncio.Future[Address] = loop.create_future()
        async with asyncio.TaskGroup() as group:
            guide = group.create_task(self._guide(settings, listening))
            try:
                await process.serve(app, listening.set_result)
            finally:
                guide.cancel()

    async def _guide(self, settings: Settings, listening: "asyncio.Future[Address]") -> None:
        url = str(await listening)
        self._introduce(settings, url)
        await self._send_sample(settings, url)
        self._say(
            "\nRunning; Ctrl-C stops it. Send an event of your own from another terminal:\n"
            f"  ROUTER_TWILIO_AUTH_TOKENS={AUTH_TOKEN.reveal()} {_program()} send EVENT.json --sign"
            if settings.twilio_auth_tokens == (AUTH_TOKEN,)
            else "\nRunning; Ctrl-C stops it."
        )

    def _introduce(self, settings: Settings, url: str) -> None:
        rules = len(self._configuration.rules.rules)
        self._say(f"router {__version__}: ingress, worker and Redis in one process\n")
        self._say(f"  API      {url}/twilio (signed), {url}/events")
        self._say(f"  Metrics  {url}/metrics")
        self._say(f"  Health   {url}/healthz, {url}/readyz")
        self._say(f"  Rules    {rules} from {settings.rules}/")
        for spec in self._configuration.destinations:
            how = "delivers"
            if spec.missing_variables:
                how = f"captures: {', '.join(spec.missing_variables)} not set"
            self._say(f"  To       {spec.name} ({spec.kind}), {how}")
        for finding in self._configuration.warnings[:_WARNINGS_SHOWN]:
            self._say(f"  Warning  {finding}")

    async def _send_sample(self, settings: Settings, url: str) -> None:
        body = sample_event(f"NO{secrets.token_hex(16)}")
        self._say("\nSending Twilio's sample conference summary, signed, as it reports a timeout")
        answer = await send_signed(
            f"{url}/twilio", body, settings.twilio_auth_tokens[0], settings.public_url
        )
        self._say(f"  answer {answer.status} {answer.body}")
        connection = connect(settings.redis_url, deadline=2.0, max_connections=1)
        try:
            async with asyncio.timeout(_SAMPLE_SECONDS):
                # Redis has no event that says so.
                while not _settled(await ledger.read(connection)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            self._say("  not everything is delivered yet; the log says why")
        finally:
            await connection.close()

    def _captured(self, delivery: Delivery, preview: Preview) -> None:
        milliseconds = (self._clock.now() - delivery.alert.event_received_at) * 1000
        self._say(
            f"\n{delivery.destination} would have received"
            f" ({milliseconds:.0f} ms after the event came in, rule {delivery.alert.rule}):"
        )
        for line in preview_lines(preview):
            if not line.startswith("host: ") or MISSING_HOST not in line:
                self._say(f"  {line}")


def _program() -> str:
    """What this command is called from where it was started."""
    return "router" if shutil.which("router") else sys.argv[0]


def sample_event(event_id: str) -> bytes:
    """The example of Twilio's documentation with an id of its own and status summary_timeout."""
    event = msgspec.json.decode((files("router.dev") / "samples" / _SAMPLE).read_bytes())
    event["id"] = event_id
    event["data"]["status"] = "summary_timeout"
    return msgspec.json.encode(event)


def data_folder(environ_state_home: str, home: Path) -> Path:
    """Where the embedded Redis keeps its data: the XDG state folder.

    ConfigurationSource: XDG Base Directory Specification 0.8, XDG_STATE_HOME.
    """
    base = Path(environ_state_home) if environ_state_home else home / ".local" / "state"
    return base / "router" / "dev"


def _settled(books: ledger.Ledger) -> bool:
    return (
        books.accepted > 0
        and books.pending == 0
        and all(destination.pending == 0 for destination in books.destinations.values())
    )
