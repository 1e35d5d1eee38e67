"""``router dev``, ``ingress``, ``worker``, ``run``: processes that stay."""

import logging
import os
from pathlib import Path
from typing import Final

import click

from router.app import Roles, Work, system_clock
from router.cli.processes import Place, fleet, in_processes, serve
from router.cli.terminal import FOLDER, read_settings
from router.configuration import MissingVariable, Source
from router.destinations import Environment, no_links
from router.dev import Dev, data_folder
from router.errors import ConfigurationError
from router.journal.embedded import EmbeddedRedis, find_server
from router.links import signer
from router.settings import LogFormat, LogLevel, Settings
from router.telemetry import Metrics, configure_logging

logger = logging.getLogger(__name__)


@click.command()
@click.option("--data", type=FOLDER, help="Where the embedded Redis keeps its data.")
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
    source = Source(folder=settings.rules, environ=os.environ, missing=MissingVariable.KEEP)
    Dev(settings, source, system_clock(), click.echo).run(redis)


@click.command()
@in_processes
def ingress(place: Place) -> None:
    """Take events in: POST /twilio and POST /events."""
    settings = read_settings()
    if place.processes > 1:
        fleet(settings, settings.port, ("ingress",), place)
    serve(settings, Roles(port=settings.port, ingress=True), Metrics(), place)


@click.command()
@click.option(
    "--destination",
    "names",
    multiple=True,
    metavar="NAME",
    help="Deliver to this destination only, and evaluate nothing. May be repeated.",
)
@in_processes
def worker(names: tuple[str, ...], place: Place) -> None:
    """Evaluate batches and make deliveries."""
    settings = read_settings()
    metrics = Metrics()
    work = _work(settings, metrics, frozenset(names))
    if place.processes > 1:
        arguments = [part for name in names for part in ("--destination", name)]
        fleet(settings, settings.worker_port, ("worker", *arguments), place)
    serve(settings, Roles(port=settings.worker_port, work=work), metrics, place)


@click.command()
@in_processes
def run(place: Place) -> None:
    """Take events in, evaluate and deliver."""
    settings = read_settings()
    metrics = Metrics()
    work = _work(settings, metrics)
    if place.processes > 1:
        fleet(settings, settings.port, ("run",), place)
    serve(settings, Roles(port=settings.port, ingress=True, work=work), metrics, place)


def _work(settings: Settings, metrics: Metrics, only: frozenset[str] = frozenset()) -> Work:
    source = Source(folder=settings.rules, environ=os.environ)
    configuration = source.load()
    known = sorted(spec.name for spec in configuration.destinations)
    for name in sorted(only.difference(known)):
        raise ConfigurationError(
            f"there is no destination {name!r}, the rules folder has {', '.join(known)}"
        )
    return Work(
        source=source,
        configuration=configuration,
        environment=_environment(settings, metrics),
        only=only or None,
    )


def _environment(settings: Settings, metrics: Metrics) -> Environment:
    def on_template_error(line: str) -> None:
        metrics.template_errors.inc()
        logger.warning("template failed, the plain form is sent", extra={"reason": line})

    signs = signer(settings)
    return Environment(
        egress=settings.egress,
        now=system_clock().now,
        on_template_error=on_template_error,
        links=no_links if signs is None else signs.links,
        proxy=settings.proxy,
    )


COMMANDS: Final = (dev, ingress, worker, run)
