"""``router kinesis status`` and ``reset``: the checkpoints of streams in the Redis of ROUTER_REDIS_URL."""

import sys
from typing import Final

import click
import msgspec

from router.cli.output import as_json, echo
from router.cli.redis_commands import print_table, record_action, with_redis
from router.destinations.rendering.summary import rfc3339
from router.errors import ConfigurationError
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.journal.shards import ShardId
from router.journal.streams import KnownStream, KnownStreams, ShardPosition

_STREAM: Final = "Name or ARN of the stream."


class StreamView(msgspec.Struct, frozen=True):
    """A stream as ``status`` shows it; times are RFC 3339."""

    stream: str
    arn: str
    created_at: str
    opened_at: str
    consumers: int
    shards: list[ShardPosition]


@click.command()
@click.option("--stream", "name", default="", help=f"{_STREAM}  [default: all]")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@click.pass_context
def status(context: click.Context, name: str, *, json_wanted: bool) -> None:
    """Show how far the shards of streams were read.

    A stream that was deleted and made again is a stream of its own. The metric
    router_kinesis_lag_seconds has the lag.
    """
    name = name or context.obj or ""

    async def read(connection: Connection) -> list[StreamView]:
        streams = KnownStreams(connection)
        return [await _view(streams, each) for each in await streams.known(name)]

    views = with_redis(read)
    if json_wanted:
        click.echo(as_json({"streams": views}))
        return
    if not views:
        echo(f"no stream {name} was read" if name else "no stream was read")
    for view in views:
        echo(f"{view.stream}  {view.arn}")
        echo(
            f"created {view.created_at or 'at an unknown time'}, opened last {view.opened_at},"
            f" {view.consumers} consumers now"
        )
        rows = [_row(position) for position in view.shards]
        if rows:
            print_table([("SHARD", "CONSUMER", "READ TO"), *rows])
        else:
            echo("no checkpoints")
        echo("")


@click.command()
@click.option("--stream", "name", default="", help=_STREAM)
@click.option(
    "--shard",
    "shards",
    multiple=True,
    metavar="ID",
    help="Reset this shard only. May be repeated.  [default: all shards]",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@click.confirmation_option("--yes", prompt="Delete these checkpoints?")
@click.pass_context
def reset(context: click.Context, name: str, shards: tuple[str, ...], *, json_wanted: bool) -> None:
    """Delete checkpoints, so that shards are read again.

    They are read from where router kinesis --from says, by running consumers too. Events that were
    accepted within ROUTER_DEDUP_WINDOW are dropped as duplicates. Checkpoints of the stream's deleted
    predecessors are deleted as well.
    """
    name = name or context.obj or ""
    if not name:
        raise click.UsageError("give the stream: --stream NAME")

    found, deleted = with_redis(lambda connection: _delete(connection, name, shards))
    if not found:
        echo(f"router: no stream {name} was read; router kinesis status lists them", err=True)
        sys.exit(1)
    if json_wanted:
        click.echo(as_json({"arn": found[0].identity.arn, "deleted": deleted}))
    else:
        echo(f"{found[0].identity.name}: {deleted} checkpoints deleted")
    if not deleted and shards:
        sys.exit(1)


async def _delete(
    connection: Connection, name: str, shards: tuple[str, ...]
) -> tuple[list[KnownStream], int]:
    """Delete checkpoints of a stream; return it with its predecessors, and how many were deleted."""
    streams = KnownStreams(connection)
    found = await streams.known(name)
    arns = sorted({each.identity.arn for each in found})
    if len(arns) > 1:
        raise ConfigurationError(f"several streams are named {name}: give one of {', '.join(arns)}")
    deleted = 0
    for number, each in enumerate(found):
        deleted += await streams.reset(each, [ShardId(shard) for shard in shards])
        if number and not shards:
            await streams.forget(each)
    if deleted:
        details: dict[str, str | int] = {"checkpoints": deleted, "shards": ",".join(shards)}
        await record_action(connection, AuditAction.RESET, Audited.STREAM, arns[0], details=details)
    return found, deleted


async def _view(streams: KnownStreams, known: KnownStream) -> StreamView:
    identity = known.identity
    return StreamView(
        stream=identity.name,
        arn=identity.arn,
        created_at=rfc3339(identity.created_ms / 1000) if identity.created_ms else "",
        opened_at=rfc3339(known.opened_ms / 1000),
        consumers=await streams.consumers(known),
        shards=await streams.positions(known),
    )


def _row(position: ShardPosition) -> tuple[str, ...]:
    return (
        position.shard,
        position.consumer or "-",
        "its end" if position.ended else position.after,
    )
