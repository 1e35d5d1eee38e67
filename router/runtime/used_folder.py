"""The rules folder that a process uses: what is active, and what reloads it."""

from collections.abc import Callable

import msgspec

from router.clock import Clock
from router.configuration.model import ActiveConfiguration, Configuration
from router.configuration.reload import Reloader
from router.metrics import Metrics
from router.runtime.roles import Background, SourcesConfig


class UsedFolder(msgspec.Struct, frozen=True):
    """A rules folder."""

    reloader: Reloader
    configuration: Callable[[], Configuration]
    """Returns the active configuration."""
    is_watched: bool = False
    """Whether a worker reloads it."""

    def background(self) -> list[Background]:
        """Return the tasks that reload it; none if a worker does."""
        if self.is_watched:
            return []
        reloader = self.reloader
        return [("reload_on_signal", reloader.run_on_signal()), ("reload", reloader.watch())]


def sources_folder(config: SourcesConfig, metrics: Metrics, clock: Clock) -> UsedFolder:
    """Return the folder of a process that uses only the sources in it."""
    active = ActiveConfiguration(config.configuration)

    async def apply(configuration: Configuration) -> None:
        active.configuration = configuration

    reloader = Reloader(config.source, active, apply, metrics, clock)
    return UsedFolder(reloader, lambda: active.configuration)
