"""``router twilio``: connect a Twilio sink to this router, show what is connected, undo it."""

import click

from router.cli.twilio_connect import connect
from router.cli.twilio_disconnect import disconnect
from router.cli.twilio_status import status, types
from router.cli.usage_hints import HintingGroup


@click.group(cls=HintingGroup)
def twilio() -> None:
    """Connect Twilio Event Streams to this router.

    The credentials come from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or from TWILIO_API_KEY and
    TWILIO_API_SECRET, as Twilio's own CLI reads them; TWILIO_REGION and TWILIO_EDGE count too.
    """


for command in (connect, disconnect, status, types):
    twilio.add_command(command)
