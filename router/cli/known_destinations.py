"""The names of destinations that a command may be given."""

import os
from collections.abc import Iterable

from router.cli.rules_folder import load_rules
from router.errors import ConfigurationError
from router.journal import ledger
from router.journal.connection import Connection
from router.settings.model import Settings
from router.suggestions import suggestion


def configured_names() -> list[str]:
    """Return the names in the rules folder; empty if this machine has no valid folder."""
    try:
        loaded = load_rules(Settings.read(os.environ).rules)
    except ConfigurationError:
        return []
    return [spec.name for spec in loaded.destinations]


async def check_destination(connection: Connection, name: str) -> None:
    """Check that a destination is in the rules folder, or was in it and has counters.

    Raises:
        ConfigurationError: There is no such destination. The message has the closest name, or all.
        JournalUnavailableError: Redis did not answer in time.
    """
    known = {*configured_names(), *(await ledger.read(connection)).destinations}
    if name not in known:
        raise unknown_destination(name, known)


def unknown_destination(name: str, known: Iterable[str]) -> ConfigurationError:
    """Return the error for a name that no destination has."""
    return ConfigurationError(f"there is no destination {name!r}, {suggestion(name, known)}")
