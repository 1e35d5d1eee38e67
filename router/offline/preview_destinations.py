"""The destinations of the active rules as previews need them: they render, and neither open nor send."""

from collections.abc import Callable

from router.configuration.model import Configuration
from router.destinations.contract import Destination, Environment
from router.destinations.spec import make_destination

FindDestination = Callable[[str], Destination | None]
"""Returns the destination of a name; None if the rules have none."""


class PreviewDestinations:
    """Makes each destination when it is asked for, and keeps it until the rules change.

    Args:
        active: Returns the active configuration.
        environment: What previews may show: without links, because a link authorizes its reader.
    """

    def __init__(self, active: Callable[[], Configuration], environment: Environment) -> None:
        self._active = active
        self._environment = environment
        self._configuration: Configuration | None = None
        self._made: dict[str, Destination] = {}

    def find(self, name: str) -> Destination | None:
        """Return the destination of that name; None if the rules have none."""
        configuration = self._active()
        if configuration is not self._configuration:
            self._configuration, self._made = configuration, {}
        if name not in self._made:
            spec = next((each for each in configuration.destinations if each.name == name), None)
            if spec is None:
                return None
            self._made[name] = make_destination(spec, self._environment)
        return self._made[name]
