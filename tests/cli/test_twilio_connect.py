"""`router twilio connect` against Twilio's API as it is documented, and a router that really runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.running import Running, running, settings_for
from support.twilio_api import ACCOUNT, TOKEN, TwilioApiServer, twilio_api

from router.cli import main
from router.datatypes import Secret
from router.journal.connection import Connection
from router.journal.twilio_tests import SinkTests
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
INSIGHTS = "com.twilio.voice.insights"


class Bench:
    """Twilio's API, routers, and the command line beside them."""

    def __init__(self, api: TwilioApiServer, redis_url: Secret, stack: AsyncExitStack) -> None:
        self.api = api
        self.redis_url = redis_url
        self._stack = stack
        self.environ = {
            "ROUTER_REDIS_URL": redis_url.reveal(),
            "ROUTER_TWILIO_API": api.url,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN.reveal(),
        }

    async def router(self, **changes: Any) -> Running:
        """Serve ingress; the auth token is that of the account unless ``changes`` have others."""
        settings = settings_for(self.redis_url, **{"twilio_auth_tokens": (TOKEN,), **changes})
        return await self._stack.enter_async_context(running(settings, ROLES))

    async def run(self, *arguments: str, typed: str = "", **more: str | None) -> Result:
        """Run ``router twilio``, in a thread, because servers of the test answer it."""
        environ = {**self.environ, **more}
        runner = CliRunner()
        return await asyncio.to_thread(
            runner.invoke, main, ["twilio", *arguments], input=typed, env=environ
        )

    async def connect(self, url: str, *arguments: str, **more: str | None) -> Result:
        """Run ``connect``; what does not come is awaited for a tenth of a second."""
        options = arguments or ("--voice-insights",)
        return await self.run("connect", "--url", url, "--wait", "100ms", *options, **more)


@pytest.fixture
async def bench(redis_url: Secret) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(twilio_api())
        yield Bench(api, redis_url, stack)


def json(result: Result) -> Any:
    return msgspec.json.decode(result.stdout)


async def test_from_nothing_to_the_first_event(bench: Bench, connection: Connection) -> None:
    router = await bench.router()

    result = await bench.run("connect", "--url", router.url, "--voice-insights")

    assert result.exit_code == 0, result.output
    (sink,) = bench.api.sinks.values()
    (subscription,) = bench.api.subscriptions.values()
    (test,) = await SinkTests(connection).latest()
    assert sink["sink_configuration"] == {"destination": f"{router.url}/twilio", "method": "POST"}
    assert bench.api.types[subscription["sid"]] == {
        f"{INSIGHTS}.call-summary.complete": 7,
        f"{INSIGHTS}.call-summary.partial": 7,
        f"{INSIGHTS}.conference-summary.complete": 2,
        f"{INSIGHTS}.call-event.gateway": 3,
    }
    assert (test.account_sid, bench.api.answers) == (ACCOUNT, [202])
    assert bench.api.changes == [
        "POST /v1/Sinks",
        f"POST /v1/Sinks/{sink['sid']}/Test",
        "POST /v1/Subscriptions",
    ]
