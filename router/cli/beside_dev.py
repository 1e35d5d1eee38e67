"""Commands that are run beside ``router dev``: they find its Redis and its address by themselves."""

import os
from pathlib import Path
from typing import Final

import msgspec

from router.cli.output import echo
from router.datatypes import Secret
from router.dev.dev_store import DevStore, stores_folder
from router.dev.running_dev import RunningDev, find_all_running, find_running
from router.errors import SettingsError
from router.settings.environment import non_empty
from router.settings.model import Settings

_REDIS: Final = frozenset({"ROUTER_REDIS_URL", "ROUTER_REDIS_URL_FILE"})


def dev_store(settings: Settings) -> DevStore:
    """Return where ``router dev`` with these settings has its data.

    Raises:
        SettingsError: The user has no home folder.
    """
    stores = _stores()
    if stores is None:
        raise SettingsError("this user has no home folder: set HOME or XDG_STATE_HOME to a folder")
    return DevStore(stores, settings.rules)


def is_redis_set() -> bool:
    """Return whether the environment names a Redis."""
    return bool(_REDIS & non_empty(os.environ).keys())


def settings_beside_dev() -> Settings:
    """Return the settings of this process, with the Redis of a running ``router dev``.

    ROUTER_REDIS_URL takes precedence over it. That it is used is said on standard error.

    Raises:
        SettingsError: A setting is wrong.
    """
    settings = Settings.read(os.environ)
    running = None if is_redis_set() else running_dev(settings)
    if running is None:
        return settings
    echo(f"router: using the Redis of router dev (process {running.pid})", err=True)
    return msgspec.structs.replace(settings, redis_url=Secret(running.redis_url))


def running_dev(settings: Settings) -> RunningDev | None:
    """Return the ``router dev`` of this rules folder; None if there is none.

    If there is one of another rules folder, standard error has a line that names it.
    """
    stores = _stores()
    if stores is None:
        return None
    store = DevStore(stores, settings.rules)
    running = find_running(store)
    others = [] if running else find_all_running(stores)
    if others:
        folders = ", ".join(dict.fromkeys(each.rules for each in others))
        echo(
            f"router: no router dev runs with the rules in {store.rules}, but with those in"
            f" {folders}: call this command there, or set ROUTER_RULES",
            err=True,
        )
    return running


def _stores() -> Path | None:
    # Not Path.home(), which raises RuntimeError for a user without one, as in some containers.
    return stores_folder(os.environ.get("XDG_STATE_HOME", ""), os.path.expanduser("~"))  # noqa: PTH111
