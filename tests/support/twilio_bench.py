"""Twilio's API as it is documented, routers that really run, and ``router twilio`` beside them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final
from unittest import mock

from click.testing import CliRunner, Result

from router.cli import main
from router.client import twilio_watch
from router.datatypes import Secret
from router.runtime.roles import Roles
from support.router_program import router_program
from support.running import Running, running, settings_for
from support.sinks import HttpSink, Reply
from support.twilio_api import ACCOUNT, TOKEN, TwilioApiServer, twilio_api

_ROLES: Final = Roles(port=0, ingress=True)


class TwilioBench:
    """Twilio's API, routers, and the command line beside them."""

    def __init__(self, api: TwilioApiServer, redis_url: Secret, stack: AsyncExitStack) -> None:
        self.api = api
        self.redis_url = redis_url
        self.stack = stack
        self.environ = {
            "ROUTER_REDIS_URL": redis_url.reveal(),
            "ROUTER_TWILIO_API": api.url,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN.reveal(),
        }

    async def router(self, **changes: Any) -> Running:
        """Serve ingress; the auth token is that of the account unless ``changes`` have others."""
        settings = settings_for(self.redis_url, **{"twilio_auth_tokens": (TOKEN,), **changes})
        return await self.stack.enter_async_context(running(settings, _ROLES))

    async def sink(self, **reply: Any) -> HttpSink:
        """Serve something that is not a router."""
        return await self.stack.enter_async_context(HttpSink(otherwise=Reply(**reply)))

    async def run(self, *arguments: str, typed: str = "", **more: str | None) -> Result:
        """Run ``router twilio``, in a thread, because servers of the test answer it."""
        environ = {**self.environ, **more}
        return await asyncio.to_thread(
            CliRunner().invoke, main, ["twilio", *arguments], input=typed, env=environ
        )

    async def connect(
        self, url: str, *arguments: str, wait: str = "10s", **more: str | None
    ) -> Result:
        """Run ``connect``, for all types of Voice Insights unless ``arguments`` choose others."""
        options = arguments or ("--voice-insights",)
        return await self.run("connect", "--url", url, "--wait", wait, *options, **more)

    async def connect_in_vain(self, url: str, *, flush: float = 0.1, **more: str | None) -> Result:
        """Run ``connect`` without awaiting for long what does not come.

        ``flush`` is how many seconds a refusal may take until it is in Redis.
        """
        self.api.is_prompt = True
        with mock.patch.object(twilio_watch, "FLUSH_SECONDS", flush):
            return await self.connect(url, wait="100ms", **more)

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """Return the command and its environment, for a process of its own."""
        environ = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": os.devnull, **self.environ}
        return [router_program(), "twilio", *arguments], environ


@asynccontextmanager
async def twilio_bench(redis_url: Secret) -> AsyncIterator[TwilioBench]:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(twilio_api())
        yield TwilioBench(api, redis_url, stack)
