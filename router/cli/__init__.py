"""Command line: each command parses its arguments, calls the package that does the work, prints.

One module per command or group of commands; this module lists them. Exit codes: 0 success,
1 findings or a rejected event, 2 usage or configuration error, 130 interrupted by Ctrl-C.
"""

import os
from pathlib import Path
from typing import Final

import click

from router import __version__
from router.cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS: Final = {
    "alerts": LazyCommand("keyed_alerts:alerts", "List, show, acknowledge and resolve alerts."),
    "audit": LazyCommand("audit:audit", "Show what operators did."),
    "backtest": LazyCommand(
        "backtest:backtest_command", "Evaluate the rules against recorded events."
    ),
    "check": LazyCommand("check:check", "Check a rules folder and its tests."),
    "dead-letters": LazyCommand(
        "dead_letters:dead_letters", "List, show, replay and discard failed deliveries."
    ),
    "deliveries": LazyCommand(
        "delivery_commands:deliveries", "List and show deliveries, and discard those that wait."
    ),
    "destinations": LazyCommand(
        "destinations:destinations", "List, show, pause, resume, retry and test destinations."
    ),
    "dev": LazyCommand("dev:dev", "Run everything in one process for development."),
    "doctor": LazyCommand(
        "doctor:doctor",
        "Check settings, rules, Redis, destinations, public URL, traces and machine.",
    ),
    "events": LazyCommand("event_commands:events", "List, explain and replay events of history."),
    "explain": LazyCommand(
        "explain:explain_command", "Explain which rules match an event and what they send."
    ),
    "ingress": LazyCommand(
        "run:ingress",
        "Receive events over HTTP: POST /twilio, /events and the sources of the rules folder.",
    ),
    "init": LazyCommand("init:init", "Begin a folder with rules, destinations and events to try."),
    "kinesis": LazyCommand("kinesis:kinesis", "Receive events from a Kinesis stream."),
    "preview": LazyCommand("preview:preview", "Show the message that a rule sends for an event."),
    "quarantine": LazyCommand(
        "quarantine:quarantine", "List, show, replay and discard unreadable events."
    ),
    "rules": LazyCommand("rules:rules", "List and show rules with what each has done lately."),
    "run": LazyCommand("run:run", "Receive events, evaluate rules and deliver alerts."),
    "sample": LazyCommand("print_sample:sample", "Print a sample event of a Twilio event type."),
    "schema": LazyCommand("schema:schema", "Print a JSON Schema for rules, tests or events."),
    "send": LazyCommand("send:send", "Send events from a file to a router."),
    "silence": LazyCommand("silence:silence", "Add, list and expire silences."),
    "sources": LazyCommand(
        "source_commands:sources",
        "List sources, show their refusals and presets, and try requests.",
    ),
    "test": LazyCommand("test:test", "Run the tests of a rules folder."),
    "top": LazyCommand("top:top", "Show rates, queues, destinations and what fires, live."),
    "twilio": LazyCommand("twilio_commands:twilio", "Connect Twilio Event Streams to this router."),
    "worker": LazyCommand("run:worker", "Evaluate rules and deliver alerts."),
}


@click.group(
    cls=LazyGroup,
    commands_by_name=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="router")
@click.option(
    "--env-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with environment variables.  [default: .env, if there is one]",
)
def main(env_file: Path | None) -> None:
    """Evaluate rules against Twilio Voice Insights events and deliver alerts.

    Settings come from ROUTER_* environment variables or a file of them, rules and destinations from
    a folder. Start with "router init" and "router dev" to try it, "router check" to check rules,
    "router run" to serve.
    """
    from router.settings.env_file import load_env_file  # here, because --help does without it

    load_env_file(env_file, os.environ)
