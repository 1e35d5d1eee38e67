"""``router dev``: the whole router in one process."""

import os
from pathlib import Path

import click
import msgspec

from router.cli.beside_dev import dev_store, is_redis_set
from router.cli.documented_type import DocumentedType
from router.cli.output import echo, echo_or_stop
from router.cli.rules_folder import FOLDER
from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.configuration.variables import MissingVariable
from router.dev.activity import show_activity
from router.dev.dev import Dev
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.dev.free_port import free_port
from router.logs import configure_logging
from router.offline.rule_packs import packs_folder
from router.settings.choices import LogFormat
from router.settings.environment import non_empty
from router.settings.model import Settings


@click.command()
@click.option("--data", type=FOLDER, help="Data folder of the embedded Redis.")
@click.option(
    "--sample",
    metavar="TYPE",
    type=DocumentedType(),
    help="Send a sample event of this type at start (router sample lists the types).",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the log too.")
def dev(data: Path | None, sample: str | None, *, verbose: bool) -> None:
    """Run everything in one process for development.

    Redis is embedded unless ROUTER_REDIS_URL is set; each rules folder has a store of its own. Without
    a rules folder, the rules are those that come with the router. Destinations without credentials
    print what they would send. A sample event of Twilio is sent once at start. Other commands of the
    same user with the same rules folder find its Redis and its address. Without ROUTER_PORT it takes
    the next free port if the default one is taken.
    """
    settings = Settings.read(os.environ)
    settings = _on_a_free_port(settings)
    configure_logging(LogFormat.TEXT, settings.log_level)
    if not verbose:
        show_activity(echo_or_stop)
    store = dev_store(settings)
    folder = settings.rules
    if not folder.exists() and "ROUTER_RULES" not in non_empty(os.environ):
        folder = packs_folder()
        echo(
            f"There is no folder {settings.rules} here, so these are the rules that come with the"
            " router. To change them: router init\n"
        )
    source = ConfigurationSource(folder=folder, environ=os.environ, missing=MissingVariable.KEEP)
    one_process = Dev(settings, source, system_clock(), echo_or_stop, store)
    # After the rules were read, because it makes a folder that only the run removes.
    redis = None
    if not is_redis_set():
        redis = EmbeddedRedis(find_server(settings.redis_server), data or store.folder)
    one_process.run(redis, sample)


def _on_a_free_port(settings: Settings) -> Settings:
    """Return settings with another port if the default one is taken, as by the ``router dev`` of a folder."""
    if {"ROUTER_PORT", "ROUTER_PORT_FILE"} & non_empty(os.environ).keys():
        return settings
    port = free_port(settings.host, settings.port)
    if port != settings.port:
        echo(f"Another process listens on port {settings.port}, so this one takes {port}.\n")
    return msgspec.structs.replace(settings, port=port)
