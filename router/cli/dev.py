"""``router dev``: the whole router in one process."""

import os
from pathlib import Path

import click

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
    same user with the same rules folder find its Redis and its address.
    """
    settings = Settings.read(os.environ)
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
