"""Commands that are run beside ``router dev``: they find its Redis and its address by themselves."""

import os
from pathlib import Path
from typing import Final

import msgspec

from router.cli.output import echo
from router.datatypes import Secret
from router.dev.running_dev import RunningDev, RunningDevFile, data_folder
from router.settings.environment import non_empty
from router.settings.model import Settings

_REDIS: Final = frozenset({"ROUTER_REDIS_URL", "ROUTER_REDIS_URL_FILE"})


def user_data_folder() -> Path:
    """Return the folder for the data of this user's ``router dev``."""
    return data_folder(os.environ.get("XDG_STATE_HOME", ""), Path.home())


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
    running = None if is_redis_set() else running_dev()
    if running is None:
        return settings
    echo(f"router: using the Redis of router dev (process {running.pid})", err=True)
    return msgspec.structs.replace(settings, redis_url=Secret(running.redis_url))


def running_dev() -> RunningDev | None:
    """Return the ``router dev`` that this user runs; None if there is none."""
    return RunningDevFile(user_data_folder()).read()
