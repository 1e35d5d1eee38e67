"""``router ingress``, ``worker`` and ``run``: the serving processes."""

import logging
import os

import click

from router.cli.completion import complete_destination
from router.cli.known_names import unknown_destination
from router.cli.processes import (
    ProcessOptions,
    process_options,
    read_settings,
    serve,
    serve_prefork,
)
from router.clock import system_clock
from router.configuration.load import ConfigurationSource, FolderPart
from router.destinations.contract import Environment
from router.metrics import Metrics
from router.runtime.build_environment import build_environment
from router.runtime.roles import Roles, SourcesConfig, WorkerConfig
from router.settings.model import Settings

logger = logging.getLogger(__name__)


@click.command()
@process_options
def ingress(processes: ProcessOptions) -> None:
    """Receive events over HTTP: POST /twilio, /events and the sources of the rules folder.

    Events are stored in Redis, where router worker evaluates them. ROUTER_PORT is the port of
    senders, ROUTER_OPERATIONS_PORT that of metrics and operators, if set. Of the rules folder only
    the section sources is used.
    """
    settings = read_settings()
    folder = ConfigurationSource(folder=settings.rules, environ=os.environ, part=FolderPart.SOURCES)
    sources = SourcesConfig(source=folder, configuration=folder.load())
    if processes.count > 1:
        ports = (settings.port, settings.operations_port)
        serve_prefork(settings, ports, ("ingress",), processes)
    roles = Roles(
        port=settings.port,
        operations_port=settings.operations_port,
        ingress=True,
        sources=sources,
    )
    serve(settings, roles, Metrics(), processes)


@click.command()
@click.option(
    "--destination",
    "names",
    multiple=True,
    shell_complete=complete_destination,
    metavar="NAME",
    help="Deliver to this destination only and evaluate nothing. May be repeated.",
)
@process_options
def worker(names: tuple[str, ...], processes: ProcessOptions) -> None:
    """Evaluate rules and deliver alerts.

    Events come from Redis, where router ingress and router kinesis store them. ROUTER_WORKER_PORT
    is the port of health checks and the operator API.
    """
    settings = read_settings()
    metrics = Metrics()
    work = _worker_config(settings, metrics, FolderPart.RULES, frozenset(names))
    if processes.count > 1:
        arguments = [part for name in names for part in ("--destination", name)]
        ports = (settings.worker_port, None)
        serve_prefork(settings, ports, ("worker", *arguments), processes)
    serve(settings, Roles(port=settings.worker_port, worker=work), metrics, processes)


@click.command()
@process_options
def run(processes: ProcessOptions) -> None:
    """Receive events, evaluate rules and deliver alerts.

    This is router ingress and router worker in one process. ROUTER_PORT is the port of senders,
    ROUTER_OPERATIONS_PORT that of metrics and operators, if set.
    """
    settings = read_settings()
    metrics = Metrics()
    work = _worker_config(settings, metrics, FolderPart.ALL)
    if processes.count > 1:
        serve_prefork(settings, (settings.port, settings.operations_port), ("run",), processes)
    roles = Roles(
        port=settings.port,
        operations_port=settings.operations_port,
        ingress=True,
        worker=work,
    )
    serve(settings, roles, metrics, processes)


def _worker_config(
    settings: Settings,
    metrics: Metrics,
    part: FolderPart,
    only: frozenset[str] = frozenset(),
) -> WorkerConfig:
    source = ConfigurationSource(folder=settings.rules, environ=os.environ, part=part)
    configuration = source.load()
    known = sorted(spec.name for spec in configuration.destinations)
    for name in sorted(only.difference(known)):
        raise unknown_destination(name, known)
    return WorkerConfig(
        source=source,
        configuration=configuration,
        environment=_environment(settings, metrics),
        only=only or None,
    )


def _environment(settings: Settings, metrics: Metrics) -> Environment:
    def on_template_error(line: str) -> None:
        metrics.template_errors.inc()
        logger.warning("template failed; default text sent", extra={"reason": line})

    return build_environment(settings, system_clock().now, on_template_error)
