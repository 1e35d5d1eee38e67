"""``router kinesis``: receive events from a Kinesis stream; its commands are about checkpoints."""

from typing import Final

import click

from router.cli.kinesis_checkpoints import reset, status
from router.cli.processes import read_settings, serve
from router.cli.usage_hints import HintingGroup
from router.clock import system_clock
from router.errors import ConfigurationError
from router.ingress.kinesis.stream import KinesisStream
from router.metrics import Metrics
from router.runtime.roles import Roles, StreamSource
from router.timestamps import unix_seconds

_OLDEST: Final = "oldest"
_NOW: Final = "now"


@click.group(invoke_without_command=True, cls=HintingGroup)
@click.option("--stream", "name", default="", help="Name of the stream.  [required]")
@click.option("--region", default="", help="AWS region.  [default: as the AWS SDK finds it]")
@click.option(
    "--from",
    "start",
    default=_OLDEST,
    show_default=True,
    metavar="oldest|now|TIME",
    help="Start in a stream without a checkpoint. TIME is like 2026-11-25T12:00:00Z.",
)
@click.option(
    "--fan-out",
    default="",
    metavar="CONSUMER",
    help="Use enhanced fan-out as this consumer, which is registered if it does not exist.",
)
@click.option(
    "--poll-interval",
    type=click.FloatRange(0.2, 60),
    default=1.0,
    show_default=True,
    help="Seconds between two reads of a shard that has no more records.",
)
@click.pass_context
def kinesis(
    context: click.Context,
    name: str,
    region: str,
    start: str,
    fan_out: str,
    *,
    poll_interval: float,
) -> None:
    """Receive events from a Kinesis stream.

    Without a command, the process reads the stream until it is stopped. Any number of these processes share a stream. AWS credentials come from their usual locations:
    environment, profile or instance role.
    """
    if context.invoked_subcommand is not None:
        context.obj = name
        return
    if not name:
        raise click.UsageError("give the stream: --stream NAME")
    settings = read_settings()
    since = _start_time(start)

    def stream() -> KinesisStream:
        return KinesisStream(name, region=region, fan_out=fan_out, poll_interval=poll_interval)

    roles = Roles(port=settings.worker_port, stream=StreamSource(make=stream, since=since))
    serve(settings, roles, Metrics())


kinesis.add_command(status)
kinesis.add_command(reset)


def _start_time(start: str) -> float | None:
    """Return Unix seconds, None for the oldest record. Raise ConfigurationError."""
    if start == _OLDEST:
        return None
    if start == _NOW:
        return system_clock().now()
    at = unix_seconds(start)
    if at is None:
        raise ConfigurationError(
            f"--from is {start!r}, expected oldest, now or a time such as 2026-11-25T12:00:00Z"
        )
    return at
