"""Commands: parse, call, print. What they do is elsewhere.

One module for each group of commands; this one lists them. Exit codes: 0 fine; 1 findings, or an
event that was not accepted; 2 usage or configuration.
"""

from typing import Final

import click

from router import __version__
from router.cli.lazy_group import LazyCommand, LazyGroup

_LISTED: Final = {
    "backtest": LazyCommand(
        "backtest:backtest_command",
        "Say what the rules would have done about EVENTS (JSON Lines of CloudEvents; - for stdin).",
    ),
    "check": LazyCommand(
        "check:check",
        "Check a folder of rules and their tests; ROUTER_RULES (or rules/) where none is named.",
    ),
    "dead-letters": LazyCommand(
        "dead_letters:dead_letters",
        "Deliveries that were given up: list, show, replay, discard them.",
    ),
    "destinations": LazyCommand(
        "destinations:destinations",
        "Where alerts go: list destinations, pause and resume them.",
    ),
    "dev": LazyCommand("dev:dev", "Run everything in one process, to try it out."),
    "explain": LazyCommand(
        "check:explain_command",
        "Say which rules match EVENT (a CloudEvent in JSON), why, and what would be sent.",
    ),
    "ingress": LazyCommand("run:ingress", "Take events in: POST /twilio and POST /events."),
    "kinesis": LazyCommand("kinesis:kinesis", "Take events in from a Kinesis stream."),
    "preview": LazyCommand(
        "preview:preview",
        "Show what RULE would send of EVENT (a CloudEvent in JSON), whether or not it matches.",
    ),
    "quarantine": LazyCommand(
        "quarantine:quarantine",
        "Events that could not be decoded or judged: list, show, replay, discard them.",
    ),
    "run": LazyCommand("run:run", "Take events in, evaluate and deliver."),
    "schema": LazyCommand("check:schema", "Print a JSON Schema."),
    "send": LazyCommand(
        "send:send",
        "Send EVENT to a router: a CloudEvent in JSON, an array of them, or a file with one a line.",
    ),
    "silence": LazyCommand("silence:silence", "Hold back alerts for a while: add, list, expire."),
    "test": LazyCommand(
        "test:test",
        "Run the tests of a folder of rules: the files in its folder `tests`.",
    ),
    "worker": LazyCommand("run:worker", "Evaluate batches and make deliveries."),
}


@click.group(
    cls=LazyGroup, listed=_LISTED, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="router")
def main() -> None:
    """Route Twilio Voice Insights events and CloudEvents to the people who must know.

    Settings come from ROUTER_* environment variables; rules and destinations from a folder.
    """
