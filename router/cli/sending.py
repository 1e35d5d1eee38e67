"""``router send``: an event to a router that runs."""

import asyncio
import os
import sys
from typing import BinaryIO, Final

import click

from router.errors import ConfigurationError
from router.sending import send_plain, send_signed
from router.settings import Settings


@click.command()
@click.argument("event", type=click.File("rb"))
@click.option("--sign", is_flag=True, help="Sign it as Twilio does, with the first auth token.")
@click.option(
    "--url", default="", help="Where to; the router of ROUTER_HOST and ROUTER_PORT otherwise."
)
def send(event: BinaryIO, url: str, *, sign: bool) -> None:
    """Send EVENT (a CloudEvent in JSON, or an array of them) to a router."""
    settings = Settings.read(os.environ)
    body = event.read()
    base = f"http://{settings.host}:{settings.port}"
    if sign:
        if not settings.twilio_auth_tokens:
            raise ConfigurationError("--sign needs ROUTER_TWILIO_AUTH_TOKENS")
        sending = send_signed(
            url or f"{base}/twilio", body, settings.twilio_auth_tokens[0], settings.public_url
        )
    else:
        sending = send_plain(url or f"{base}/events", body, settings.events_token)
    answer = asyncio.run(sending)
    click.echo(f"{answer.status} {answer.body}")
    sys.exit(0 if answer.accepted else 1)


COMMANDS: Final = (send,)
