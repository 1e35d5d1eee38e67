"""The choices that the filters of lists offer (pure)."""

from collections.abc import Callable, Sequence

from router.configuration.model import Configuration

Choice = tuple[str, str]
"""The value of a field, and its words."""


def age_choices(offered: Sequence[Choice], chosen: str) -> list[Choice]:
    """Return the choices of an age; one that an address has and the list has not is added."""
    is_offered = chosen in dict(offered)
    return [*offered, *([] if is_offered else [(chosen, f"last {chosen}")])]


def rule_names(configuration: Callable[[], Configuration] | None) -> list[str]:
    """Return the names of the active rules; none in a process without rules."""
    if configuration is None:
        return []
    return sorted(configuration().rules.by_name)
