"""The names of destinations, rules and sources that a command may be given."""

from collections.abc import Iterable

from router.cli.rules_folder import usable_rules
from router.errors import ConfigurationError
from router.journal import ledger
from router.journal.connection import Connection
from router.sources.spec import SourceSpec
from router.suggestions import suggestion


def configured_names() -> list[str]:
    """Return the destinations in the rules folder; none if this machine has no valid folder."""
    loaded = usable_rules()
    return [spec.name for spec in loaded.destinations] if loaded else []


def check_rule(name: str) -> None:
    """Check that a rule is in the rules folder, if this machine has a valid one.

    Raises:
        ConfigurationError: There is no such rule. The message has the closest name, or all.
    """
    loaded = usable_rules()
    if loaded and name not in loaded.rules.by_name:
        known = loaded.rules.by_name
        raise ConfigurationError(f"there is no rule {name!r}, {suggestion(name, known)}")


def find_source(sources: Iterable[SourceSpec], name: str) -> SourceSpec:
    """Return the source of a name.

    Raises:
        ConfigurationError: There is no such source. The message has the closest name, or all.
    """
    by_name = {each.name: each for each in sources}
    if name not in by_name:
        raise unknown_source_name(name, by_name)
    return by_name[name]


def unknown_source_name(name: str, known: Iterable[str]) -> ConfigurationError:
    """Return the error for a name that no source has."""
    return ConfigurationError(f"there is no source {name!r}, {suggestion(name, known)}")


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
