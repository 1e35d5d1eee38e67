"""Shared by all commands of ``router twilio``: settings, credentials, and the errors of a call."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import click
import msgspec

from router.cli import command_loop
from router.cli.output import as_json
from router.cli.redis_commands import CLOCK
from router.cli.twilio_output import StepPrinter, twilio_environment
from router.client.twilio_advice import Advice, of_api_error
from router.client.twilio_api import TwilioApi, TwilioApiError
from router.client.twilio_credentials import (
    TwilioCredentials,
    TwilioHosts,
    read_credentials,
    read_hosts,
)
from router.client.twilio_urls import configured_sink_url, sink_url
from router.destinations.contract import Environment
from router.settings.model import Settings

T = TypeVar("T")


class TwilioSession(msgspec.Struct, frozen=True, kw_only=True):
    """The address of the API, the credentials, and the environment of calls."""

    settings: Settings
    credentials: TwilioCredentials
    hosts: TwilioHosts
    environment: Environment

    @classmethod
    def read(cls) -> "TwilioSession":
        """Return the session that the environment describes. Raises ConfigurationError."""
        settings = Settings.read(os.environ)
        return cls(
            settings=settings,
            credentials=read_credentials(os.environ),
            hosts=read_hosts(os.environ, settings.twilio_api),
            environment=twilio_environment(settings),
        )

    @property
    def settings_url(self) -> str:
        """The URL of the sink by the settings; ``""`` if they have none."""
        return configured_sink_url(self.settings.public_url, self.settings.twilio_url)

    def api(self) -> TwilioApi:
        """Return a client of the API, not yet opened."""
        return TwilioApi(self.hosts, self.credentials, self.environment, CLOCK)

    def url(self, given: str) -> str:
        """Return the URL of the sink: ``--url``, else that of the settings.

        Raises:
            ConfigurationError: Twilio could not call it.
            click.UsageError: There is none.
        """
        text = given or self.settings_url
        if not text:
            raise click.UsageError(
                "name the URL under which Twilio reaches the router, for example"
                " --url https://events.example.com (or set ROUTER_PUBLIC_URL)"
            )
        setting = "ROUTER_TWILIO_URL" if self.settings.twilio_url else "ROUTER_PUBLIC_URL"
        name = "--url" if given else setting
        return sink_url(text, name=name, is_trial=self.hosts.is_local)

    def call(self, work: Callable[[TwilioApi], Awaitable[T]], *, json: bool) -> T:
        """Run ``work`` with the API; print why a call failed, and exit with code 1."""

        async def run() -> T:
            async with self.api() as api:
                return await work(api)

        try:
            return command_loop.run(run())
        except TwilioApiError as error:
            fail(of_api_error(error), (), json=json)


def fail(advice: Advice, exists: tuple[str, ...], *, json: bool) -> NoReturn:
    """Print what is wrong and exit with code 1."""
    StepPrinter(err=json).failure(advice, exists)
    if json:
        click.echo(
            as_json({"problem": advice.problem, "remedy": advice.remedy, "exists": list(exists)})
        )
    sys.exit(1)
