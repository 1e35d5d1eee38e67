"""Reload the rules folder when its files change, on SIGHUP and on an operator's request.

A reload is all or nothing. A folder with an error changes nothing: the active configuration stays,
and ``/readyz``, the metrics and the log report the error. Reloads run one at a time, and each reads
the folder after it was requested.

The operating system (inotify and its equivalents) notifies changes. It misses changes on network file
systems and of a folder that is a link. Therefore the fingerprints of the files are compared every few
seconds too, which takes less than a millisecond and misses nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import msgspec
from watchfiles import awatch

from router.clock import Clock
from router.configuration import files
from router.configuration.load import ConfigurationSource
from router.configuration.model import (
    ActiveConfiguration,
    Configuration,
)
from router.errors import ConfigurationError, Diagnostic, Level, RulesError
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_QUIET_MS: Final = 200
"""Files are read when none of them has changed for this long, ..."""
_LONGEST_MS: Final = 2000
"""... or at the latest after this long, because a file may change continuously."""
_COMPARE_EVERY: Final = 10.0
"""Seconds between two comparisons of fingerprints."""
_LOGGED: Final = 20
"""Diagnostics that are logged, one line each."""
_LEVELS: Final = {Level.ERROR: logging.ERROR, Level.WARNING: logging.WARNING}
_APPLY_SECONDS: Final = 60.0
_LATE: Final = (
    "the new destinations did not open in time, or those of earlier reloads have not closed"
)

Apply = Callable[[Configuration], Awaitable[None]]
"""Activates a configuration, or raises ConfigurationError and changes nothing."""


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """The active configuration, and the result of the last reload."""

    generation: str
    rules: int
    destinations: int
    loaded_at: float
    """Unix time in seconds at which the active configuration was loaded."""
    error: str = ""
    """Why the last reload was rejected; ``""`` if it succeeded."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """The problems that the rejected reload reported."""


class Reloader:
    """Reloads the configuration of one process.

    Args:
        source: The source of the configuration.
        live: The active configuration.
        apply: Activates a configuration that was loaded.
        metrics: The metrics of the process.
        clock: The source of time.
        compare_every: Seconds between two comparisons of fingerprints.
    """

    def __init__(
        self,
        source: ConfigurationSource,
        live: ActiveConfiguration,
        apply: Apply,
        metrics: Metrics,
        clock: Clock,
        *,
        compare_every: float = _COMPARE_EVERY,
    ) -> None:
        self._compare_every = compare_every
        self._source = source
        self._live = live
        self._apply = apply
        self._metrics = metrics
        self._now = clock.now
        self._one_at_a_time = asyncio.Lock()
        self._asked = asyncio.Event()
        self._fingerprint = live.configuration.fingerprint
        self.report = self._succeeded()

    def request_reload(self) -> None:
        """Request a reload without waiting for it, for signal handlers."""
        self._asked.set()

    async def run_on_signal(self) -> NoReturn:
        """Reload after each ``request_reload``."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self.reload("signal")

    async def watch(self) -> NoReturn:
        """Reload after each change of the files."""
        while True:
            await self._reload_if_changed()
            watched = await asyncio.to_thread(files.folder_identity, self._source.folder)
            try:
                async with contextlib.aclosing(
                    awatch(
                        self._source.folder,
                        recursive=False,
                        watch_filter=None,
                        debounce=_LONGEST_MS,
                        step=_QUIET_MS,
                        rust_timeout=int(self._compare_every * 1000),
                        yield_on_timeout=True,
                    )
                ) as changes:
                    async for _ in changes:
                        await self._reload_if_changed()
                        if watched != await asyncio.to_thread(
                            files.folder_identity, self._source.folder
                        ):
                            break
            except (OSError, RuntimeError) as error:
                # The folder does not exist, or the system has no watches left: poll it instead.
                logger.debug(
                    "rules folder not watched; polling it instead", extra={"reason": str(error)}
                )
                await asyncio.sleep(self._compare_every)

    async def reload(self, because: str) -> ReloadReport:
        """Load the folder and activate it, or change nothing. Never raises.

        ``because`` names the trigger in the log: ``files``, ``signal`` or ``request``.
        """
        async with self._one_at_a_time:
            # Before the files are read, so that a change during the load is detected afterwards.
            self._fingerprint = await asyncio.to_thread(self._source.fingerprint)
            try:
                # In a thread, because ten thousand rules take a second.
                configuration = await asyncio.to_thread(self._source.load)
                async with asyncio.timeout(_APPLY_SECONDS):
                    await self._apply(configuration)
            except RulesError as error:
                self._fail(because, _summary(error.diagnostics), tuple(error.diagnostics))
            except (ConfigurationError, TimeoutError) as error:
                self._fail(because, str(error) or _LATE)
            except Exception as error:
                logger.exception("reload failed")
                self._fail(because, f"internal error: {type(error).__name__}")
            else:
                self._succeed(because)
            return self.report

    async def _reload_if_changed(self) -> None:
        if await asyncio.to_thread(self._source.fingerprint) != self._fingerprint:
            await self.reload("files")

    def _succeed(self, because: str) -> None:
        self.report = self._succeeded()
        self._metrics.rules_reloads.labels("successful").inc()
        logger.info(
            "rules reloaded",
            extra={
                "because": because,
                "generation": self.report.generation,
                "rules": self.report.rules,
                "destinations": self.report.destinations,
            },
        )

    def _succeeded(self) -> ReloadReport:
        """Report a configuration that was activated at the start or by a reload."""
        configuration, now = self._live.configuration, self._now()
        _log(configuration.warnings)
        self._metrics.rules_loaded.set(len(configuration.rules.rules))
        self._metrics.rules_last_reload_successful.set(1)
        self._metrics.rules_last_reload_timestamp_seconds.set(now)
        return ReloadReport(
            generation=configuration.generation,
            rules=len(configuration.rules.rules),
            destinations=len(configuration.destinations),
            loaded_at=now,
        )

    def _fail(self, because: str, error: str, diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        self.report = msgspec.structs.replace(self.report, error=error, diagnostics=diagnostics)
        self._metrics.rules_reloads.labels("refused").inc()
        self._metrics.rules_last_reload_successful.set(0)
        logger.error(
            "rules reload rejected; previous rules stay active",
            extra={
                "because": because,
                "generation": self.report.generation,
                "reason": error,
            },
        )
        _log(diagnostics)


def _log(diagnostics: tuple[Diagnostic, ...]) -> None:
    for diagnostic in diagnostics[:_LOGGED]:
        logger.log(
            _LEVELS[diagnostic.level],
            "rules problem reported",
            extra={"diagnostic": str(diagnostic)},
        )
    more = diagnostics[_LOGGED:]
    if more:
        logger.log(
            _LEVELS[more[0].level], "further rules problems not logged", extra={"count": len(more)}
        )


def _summary(diagnostics: list[Diagnostic]) -> str:
    """Return the first problem and how many more there are."""
    more = len(diagnostics) - 1
    return str(diagnostics[0]) + (f" (and {more} more)" if more else "")
