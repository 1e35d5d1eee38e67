"""The rules folder is read again: when its files change, on SIGHUP, and when an operator asks.

All or nothing: a folder with anything wrong in it changes nothing, the configuration that runs
goes on running, and what is wrong is shown in ``/readyz``, in the metrics and in the log. One
reload at a time; each reads the folder after it was asked for.

Files are watched by the system's own notifications (inotify and its kin). Those miss what happens
on network file systems and to a folder that is a link, so every few seconds the files' stamps are
compared too: that costs less than a millisecond and misses nothing.
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
from router.configuration.load import (
    ConfigurationSource,
)
from router.configuration.model import (
    ActiveConfiguration,
    Configuration,
)
from router.errors import ConfigurationError, Diagnostic, Level, RulesError
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_QUIET_MS: Final = 200
"""Files are read when none of them has been written for so long, ..."""
_LONGEST_MS: Final = 2000
"""... or after so long: a file may be written all the time."""
_LOOK_EVERY: Final = 10.0
_LOGGED: Final = 20
"""Findings that are logged, a line each."""
_LEVELS: Final = {Level.ERROR: logging.ERROR, Level.WARNING: logging.WARNING}
_APPLY_SECONDS: Final = 60.0
_LATE: Final = (
    "the new destinations could not be opened in time, or those of earlier reloads have not ended"
)

Apply = Callable[[Configuration], Awaitable[None]]
"""Puts a configuration in force, or raises ConfigurationError and changes nothing."""


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force, and what the last reload found."""

    generation: str
    rules: int
    destinations: int
    loaded_at: float
    """Unix time in seconds at which what is in force was read."""
    error: str = ""
    """Why the last reload changed nothing, ``""`` where it succeeded."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """All that it found in the rules folder."""


class Reloader:
    """Reloads one process. ``apply`` puts a configuration that was read in force.

    Every ``look_every`` seconds the files' stamps are compared.
    """

    def __init__(
        self,
        source: ConfigurationSource,
        live: ActiveConfiguration,
        apply: Apply,
        metrics: Metrics,
        clock: Clock,
        *,
        look_every: float = _LOOK_EVERY,
    ) -> None:
        self._look_every = look_every
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
        """Reload soon; for a signal, which can wait for nothing."""
        self._asked.set()

    async def run_on_signal(self) -> NoReturn:
        """Reload whenever ``request_reload`` was called."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self.reload("signal")

    async def watch(self) -> NoReturn:
        """Reload whenever the files have changed."""
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
                        rust_timeout=int(self._look_every * 1000),
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
                # The folder is gone, or the system has no more watches: look at it now and then.
                logger.debug("the rules folder cannot be watched", extra={"reason": str(error)})
                await asyncio.sleep(self._look_every)

    async def reload(self, because: str) -> ReloadReport:
        """Read the folder and put it in force, or leave all as it is. Never raises."""
        async with self._one_at_a_time:
            # Before the files are read: what is written meanwhile is a change that is seen later.
            self._fingerprint = await asyncio.to_thread(self._source.fingerprint)
            try:
                # Beside the loop: ten thousand rules take a second.
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
        """What has just come into force, at the start or by a reload."""
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
            "rules refused, those of before stay in force",
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
