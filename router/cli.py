"""Commands: parse, call, print. What they do is elsewhere.

Exit codes: 0 fine; 1 findings, or an event that was not accepted; 2 usage or configuration.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import msgspec

from router import __version__, process
from router.app import Address, App, Roles, make_destinations, system_clock
from router.configuration import DestinationSpec, MissingVariable, load
from router.destinations import Destination, Environment
from router.dev import Dev, data_folder
from router.errors import ConfigurationError, EventError, RulesError
from router.events import Event, decode_strictly
from router.explaining import as_text, explain
from router.findings import render_findings
from router.journal.embedded import EmbeddedRedis, find_server
from router.rules_schema import json_schema
from router.sending import send_plain, send_signed
from router.settings import LogFormat, LogLevel, Settings
from router.telemetry import Metrics, configure_logging

logger = logging.getLogger(__name__)

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)


class _Commands(click.Group):
    """Turns the operator's errors into clear lines and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RulesError as error:
            click.echo(render_findings(error.findings, color=sys.stderr.isatty()), err=True)
        except ConfigurationError as error:
            for line in str(error).splitlines():
                click.echo(f"router: {line}", err=True)
        return ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="router")
def main() -> None:
    """Route Twilio Voice Insights events and CloudEvents to the people who must know.

    Settings come from ROUTER_* environment variables; rules and destinations from a folder.
    """


@main.command()
@click.option("--data", type=_FOLDER, help="Where the embedded Redis keeps its data.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log as well.")
def dev(data: Path | None, *, verbose: bool) -> None:
    """Run everything in one process, to try it out.

    Redis is embedded, destinations without credentials show what they would send, and Twilio's
    sample event is sent once.
    """
    settings = Settings.read(os.environ)
    configure_logging(LogFormat.TEXT, settings.log_level if verbose else LogLevel.ERROR)
    redis = None
    if not {"ROUTER_REDIS_URL", "ROUTER_REDIS_URL_FILE"} & os.environ.keys():
        folder = data or data_folder(os.environ.get("XDG_STATE_HOME", ""), Path.home())
        redis = EmbeddedRedis(find_server(settings.redis_server), folder)
    configuration = load(settings.rules, os.environ, missing=MissingVariable.KEEP)
    Dev(settings, configuration, system_clock(), click.echo).run(redis)


@main.command()
def ingress() -> None:
    """Take events in: POST /twilio and POST /events."""
    settings = _settings()
    _serve(settings, Roles(port=settings.port, ingress=True), Metrics())


@main.command()
@click.option(
    "--destination",
    "names",
    multiple=True,
    metavar="NAME",
    help="Deliver to this destination only, and evaluate nothing. May be repeated.",
)
def worker(names: tuple[str, ...]) -> None:
    """Evaluate batches and make deliveries."""
    settings = _settings()
    configuration = load(settings.rules, os.environ)
    known = {spec.name: spec for spec in configuration.destinations}
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"there is no destination {name!r}, the rules folder has {', '.join(sorted(known))}"
            )
    metrics = Metrics()
    roles = Roles(
        port=settings.worker_port,
        rules=None if names else configuration.rules,
        destinations=_destinations(settings, [known[name] for name in names or known], metrics),
    )
    _serve(settings, roles, metrics)


@main.command()
def run() -> None:
    """Take events in, evaluate and deliver, all in one process."""
    settings = _settings()
    configuration = load(settings.rules, os.environ)
    metrics = Metrics()
    roles = Roles(
        port=settings.port,
        ingress=True,
        rules=configuration.rules,
        destinations=_destinations(settings, configuration.destinations, metrics),
    )
    _serve(settings, roles, metrics)


@main.command()
@click.argument("rules", type=_FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(rules: Path | None, *, as_json: bool) -> None:
    """Check a folder of rules; ROUTER_RULES (or rules/) where none is named."""
    folder = rules or Settings.read(os.environ).rules
    try:
        configuration = load(folder, os.environ, missing=MissingVariable.KEEP)
    except RulesError as error:
        if as_json:
            click.echo(_json({"findings": error.findings}))
        else:
            click.echo(render_findings(error.findings, color=sys.stdout.isatty()))
        sys.exit(1)
    missing = {
        spec.name: spec.missing_variables
        for spec in configuration.destinations
        if spec.missing_variables
    }
    if as_json:
        click.echo(_json({"findings": [], "unset": missing}))
        return
    counts = (len(configuration.rules.rules), len(configuration.destinations))
    click.echo(f"{folder}: {counts[0]} rules, {counts[1]} destinations, nothing found")
    for name, variables in missing.items():
        click.echo(f"note: destination {name} needs {', '.join(variables)}, not set here")


@main.command(name="explain")
@click.argument("event", type=click.File("rb"))
@click.option("--rules", type=_FOLDER, help="The folder of rules; ROUTER_RULES otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain_command(event: BinaryIO, rules: Path | None, *, as_json: bool) -> None:
    """Say which rules match EVENT (a CloudEvent in JSON), why, and what would be sent."""
    settings = Settings.read(os.environ)
    configuration = load(rules or settings.rules, os.environ, missing=MissingVariable.KEEP)
    clock = system_clock()
    environment = Environment(
        egress=settings.egress,
        now=clock.now,
        on_template_error=lambda line: click.echo(line, err=True),
    )
    destinations = make_destinations(configuration.destinations, environment)
    for one in _events(event.read()):
        explanation = explain(one, configuration.rules, destinations, now=clock.now())
        if as_json:
            click.echo(_json(explanation))
        else:
            click.echo(as_text(explanation))


@main.command()
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


@main.group()
def schema() -> None:
    """Print a JSON Schema."""


@schema.command(name="rules")
def schema_rules() -> None:
    """Of a file in the rules folder, for completion in editors."""
    click.echo(_json(json_schema()))


def _settings() -> Settings:
    settings = Settings.read(os.environ)
    configure_logging(settings.log_format, settings.log_level)
    return settings


def _destinations(
    settings: Settings, specs: Iterable[DestinationSpec], metrics: Metrics
) -> tuple[Destination, ...]:
    def on_template_error(line: str) -> None:
        metrics.template_errors.inc()
        logger.warning("template failed, the plain form is sent", extra={"reason": line})

    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=on_template_error
    )
    return make_destinations(specs, environment)


def _serve(settings: Settings, roles: Roles, metrics: Metrics) -> None:
    def ready(address: Address) -> None:
        logger.info("listening", extra={"url": str(address)})

    async def serve() -> None:
        await process.serve(App(settings, roles, metrics, system_clock()), ready)

    process.run(serve())


def _events(body: bytes) -> list[Event]:
    try:
        return decode_strictly(body, received_at=system_clock().now(), max_events=1000)
    except EventError as error:
        place = f" at {error.path}" if error.path else ""
        raise ConfigurationError(f"this is no CloudEvent: {error.message}{place}") from None


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
