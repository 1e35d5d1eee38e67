"""Commands: parse, call, print. What they do is elsewhere.

One module for each group of commands; this one lists them. Exit codes: 0 fine; 1 findings, or an
event that was not accepted; 2 usage or configuration.
"""

import click

from router import __version__
from router.cli import (
    backtesting,
    dead_letters,
    destinations,
    judging,
    previewing,
    quarantine,
    sending,
    serving,
    silencing,
    streaming,
    testing,
)
from router.cli.terminal import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="router")
def main() -> None:
    """Route Twilio Voice Insights events and CloudEvents to the people who must know.

    Settings come from ROUTER_* environment variables; rules and destinations from a folder.
    """


_MODULES = (
    serving,
    streaming,
    judging,
    testing,
    backtesting,
    previewing,
    sending,
    destinations,
    dead_letters,
    quarantine,
    silencing,
)

for _module in _MODULES:
    for _command in _module.COMMANDS:
        main.add_command(_command)
