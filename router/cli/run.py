"""``router ingress``, ``worker``, ``run``: processes that stay."""

import logging
import os

import click

from router.api.signed_links import link_signer
from router.cli.processes import (
    ProcessPlacement,
    read_settings,
    serve,
    serve_prefork,
    with_processes,
)
from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.destinations.contract import Environment, no_links
from router.errors import ConfigurationError
from router.metrics import Metrics
from router.runtime.app import (
    Roles,
)
from router.runtime.build import (
    WorkerConfig,
)
from router.settings.model import Settings

logger = logging.getLogger(__name__)


@click.command()
@with_processes
def ingress(place: ProcessPlacement) -> None:
    """Take events in: POST /twilio and POST /events."""
    settings = read_settings()
    if place.processes > 1:
        serve_prefork(settings, settings.port, ("ingress",), place)
    serve(settings, Roles(port=settings.port, ingress=True), Metrics(), place)


@click.command()
@click.option(
    "--destination",
    "names",
    multiple=True,
    metavar="NAME",
    help="Deliver to this destination only, and evaluate nothing. May be repeated.",
)
@with_processes
def worker(names: tuple[str, ...], place: ProcessPlacement) -> None:
    """Evaluate batches and make deliveries."""
    settings = read_settings()
    metrics = Metrics()
    work = _work(settings, metrics, frozenset(names))
    if place.processes > 1:
        arguments = [part for name in names for part in ("--destination", name)]
        serve_prefork(settings, settings.worker_port, ("worker", *arguments), place)
    serve(settings, Roles(port=settings.worker_port, work=work), metrics, place)


@click.command()
@with_processes
def run(place: ProcessPlacement) -> None:
    """Take events in, evaluate and deliver."""
    settings = read_settings()
    metrics = Metrics()
    work = _work(settings, metrics)
    if place.processes > 1:
        serve_prefork(settings, settings.port, ("run",), place)
    serve(settings, Roles(port=settings.port, ingress=True, work=work), metrics, place)


def _work(settings: Settings, metrics: Metrics, only: frozenset[str] = frozenset()) -> WorkerConfig:
    source = ConfigurationSource(folder=settings.rules, environ=os.environ)
    configuration = source.load()
    known = sorted(spec.name for spec in configuration.destinations)
    for name in sorted(only.difference(known)):
        raise ConfigurationError(
            f"there is no destination {name!r}, the rules folder has {', '.join(known)}"
        )
    return WorkerConfig(
        source=source,
        configuration=configuration,
        environment=_environment(settings, metrics),
        only=only or None,
    )


def _environment(settings: Settings, metrics: Metrics) -> Environment:
    def on_template_error(line: str) -> None:
        metrics.template_errors.inc()
        logger.warning("template failed, the plain form is sent", extra={"reason": line})

    signs = link_signer(settings)
    return Environment(
        egress=settings.egress,
        now=system_clock().now,
        on_template_error=on_template_error,
        links=no_links if signs is None else signs.links,
        proxy=settings.proxy,
    )
