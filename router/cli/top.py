"""``router top``: a live view of a router in the terminal."""

import logging
import shutil
import sys

import click

from router.cli import command_loop
from router.cli.beside_dev import settings_beside_dev
from router.cli.known_names import configured_names
from router.cli.output import as_json, can_move_cursor, echo, has_color
from router.cli.redis_commands import CLOCK, own_masks, parse_age, with_redis
from router.ingress.admission import AdmissionControl
from router.journal.access_rights import WORKER_RIGHTS
from router.journal.connection import Connection, connect
from router.journal.store_check import StoreProbe
from router.journal.store_watch import StoreWatch
from router.metrics import Metrics
from router.runtime import build_ingress
from router.settings.choices import Durability
from router.settings.model import Settings
from router.top.live_view import LiveView
from router.top.screen import ScreenSize, View, plain, render
from router.top.snapshot import TopSnapshot
from router.top.terminal import TerminalScreen
from router.top.top_reader import TopReader

_REDIS_SECONDS = 2.0
_CONNECTIONS = 8
_SHORTEST = 0.2
_LONGEST = 3600.0
_WIDTH = 120
"""Columns of a snapshot that goes to no terminal."""


@click.command()
@click.option(
    "--interval",
    callback=parse_age,
    default="2s",
    show_default=True,
    help="Time between two snapshots, such as 500ms or 5s.",
)
@click.option("--once", is_flag=True, help="Print one snapshot and end.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one snapshot as JSON.")
def top(interval: float, *, once: bool, json_wanted: bool) -> None:
    """Show rates, queues, destinations and what fires, live.

    It is read from the Redis at ROUTER_REDIS_URL, or that of a running router dev. q quits. A standard
    output that is no terminal gets one snapshot.
    """
    if not _SHORTEST <= interval <= _LONGEST:
        raise click.BadParameter("expected 200ms to 1h", param_hint="--interval")
    if json_wanted or once or not can_move_cursor(sys.stdout):
        _print_once(json_wanted=json_wanted)
        return
    # Its lines would be in the picture.
    logging.getLogger("router").addHandler(logging.NullHandler())
    command_loop.run(_show(settings_beside_dev(), interval))


def _print_once(*, json_wanted: bool) -> None:
    settings = settings_beside_dev()

    async def read(connection: Connection) -> TopSnapshot:
        return await _reader(connection, settings).read()

    snapshot = with_redis(read, deadline=_REDIS_SECONDS)
    if json_wanted:
        click.echo(as_json(snapshot))
        return
    columns = shutil.get_terminal_size((_WIDTH, 0)).columns
    view = View(snapshot=snapshot, is_live=False)
    echo(plain(render(view, ScreenSize(columns))))


async def _show(settings: Settings, interval: float) -> None:
    connection = connect(settings.redis_url, deadline=_REDIS_SECONDS, max_connections=_CONNECTIONS)
    output, keys = sys.stdout.fileno(), sys.stdin.fileno()
    screen = TerminalScreen(output, keys, has_color=has_color(sys.stdout))
    read = _reader(connection, settings).read
    try:
        await LiveView(screen, keys, read, interval=interval).run()
    finally:
        await connection.close()


def _reader(connection: Connection, settings: Settings) -> TopReader:
    names = configured_names()
    # As a process judges Redis itself, so that nothing is well while it refuses events.
    confirmation = build_ingress.confirmation(settings)
    probe = StoreProbe(connection, CLOCK.new_id, WORKER_RIGHTS, confirmation)
    admission = AdmissionControl(
        connection,
        probe,
        StoreWatch(Metrics()),
        strict=settings.durability is Durability.STRICT,
    )
    return TopReader(connection, CLOCK, own_masks(), lambda: names, admission.not_ready_reason)
