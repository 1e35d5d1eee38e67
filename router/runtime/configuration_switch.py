"""Switch a process to another configuration: rules and destinations together."""

from collections.abc import Callable, Mapping, Sequence

from router.configuration.model import ActiveConfiguration, Configuration
from router.metrics import Metrics
from router.rules.model import Rule
from router.worker.delivery.registry import DestinationPool


class ConfigurationSwitch:
    """Makes a configuration the active one.

    Args:
        active: The active configuration of the process.
        pool: The destinations of the process.
        on_change: Called after each change of rules and destinations.
        metrics: The process's metrics.
        only: Deliver to these destinations; None for all.
    """

    def __init__(
        self,
        active: ActiveConfiguration,
        pool: DestinationPool,
        on_change: Sequence[Callable[[], None]],
        metrics: Metrics,
        *,
        only: frozenset[str] | None,
    ) -> None:
        self._active = active
        self._pool = pool
        self._on_change = on_change
        self._metrics = metrics
        self._only = only

    async def apply(self, configuration: Configuration) -> None:
        """Open the new destinations and switch rules and destinations together.

        Raises:
            ConfigurationError: A destination could not be opened; nothing has changed.
        """
        destinations = await self._pool.prepare(
            spec
            for spec in configuration.destinations
            if self._only is None or spec.name in self._only
        )
        for name in set(self._pool.names) - set(destinations):
            self._metrics.circuit_state.remove(name)
        # No await between these two, so that no event meets the rules of one configuration and the
        # destinations of another.
        self._pool.swap(destinations)
        self._active.configuration = configuration
        for notify in self._on_change:
            notify()

    def configuration(self) -> Configuration:
        """Return the active configuration."""
        return self._active.configuration

    def destination_names(self) -> frozenset[str]:
        """Return the destinations of the rules, also those that this process does not deliver to."""
        return destination_names(self._active)

    def rules(self) -> Mapping[str, Rule]:
        """Return the active rules by name."""
        return self._active.configuration.rules.by_name


def destination_names(active: ActiveConfiguration) -> frozenset[str]:
    """Return the names of all destinations of the active configuration."""
    return frozenset(spec.name for spec in active.configuration.destinations)
