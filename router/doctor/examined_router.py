"""The router that the doctor examines: its settings, its rules folder and its Redis, each read once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from router.clock import Clock
from router.configuration.model import Configuration
from router.destinations.contract import Environment
from router.doctor.redis_facts import RedisFacts, read_redis_facts
from router.doctor.settings_checks import ReadSettings
from router.errors import ConfigurationError, RulesError
from router.journal.connection import Connection, connect
from router.offline.folder_check import FolderCheck, check_folder
from router.runtime.build_environment import build_environment

T = TypeVar("T")
URL: Final = "ROUTER_REDIS_URL"
RULES: Final = "ROUTER_RULES"
_REDIS_SECONDS: Final = 3.0
_CONNECTIONS: Final = 16


class ExaminationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The subject of an examination."""

    read: ReadSettings
    """The settings, with those of a running ``router dev``."""
    environ: Mapping[str, str]
    folder: Path
    """The working directory, where a file ``.env`` may lie."""
    beside_dev: bool = False
    """Whether a running ``router dev`` is examined."""
    data_folder: Path | None = None
    """The folder of its embedded Redis; None for a Redis of the operator's."""
    url: str = ""
    """The URL to call; ``""`` for that of the settings."""
    url_name: str = "ROUTER_PUBLIC_URL"
    """The option or setting that has it."""
    is_trial: bool = False
    """Whether the URL need not be one that Twilio could call."""
    tested: tuple[str, ...] | None = None
    """The destinations that get a test message, none named for all; None to send none."""
    user: str = ""
    """The user in whose name test messages are sent."""


class _Once(Generic[T]):
    """Awaits a result at the first call, and returns it to all calls."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._found: list[T] = []

    async def __call__(self) -> T:
        async with self._lock:
            if not self._found:
                self._found.append(await self._read())
        return self._found[0]


class ExaminedRouter:
    """Reads Redis and the rules folder once, for all sections that need them. No method raises.

    Args:
        plan: What to examine.
        clock: Time and ids.
    """

    def __init__(self, plan: ExaminationPlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._settings = plan.read.settings
        self._connection: Connection | None = None
        self._environment: Environment | None = None
        self.redis = _Once(self._read_redis)
        """Returns the facts about Redis; None if its URL is wrong."""
        self.folder = _Once(self._read_folder)
        """Returns the rules folder, checked, or why it cannot be read."""

    @property
    def environment(self) -> Environment:
        """The services that destinations get from a process."""
        if self._environment is None:
            self._environment = build_environment(
                self._settings, self._clock.now, lambda _line: None
            )
        return self._environment

    async def connection(self) -> Connection | None:
        """Return the connection to Redis; None if it does not answer."""
        facts = await self.redis()
        return self._connection if facts is not None and facts.is_answering else None

    async def configuration(self) -> Configuration | None:
        """Return the configuration of the rules folder; None if it has errors."""
        if not self._plan.read.has(RULES):
            return None
        found = await self.folder()
        return None if isinstance(found, RulesError) else found.configuration

    async def close(self) -> None:
        """Close the connection to Redis."""
        if self._connection is not None:
            await self._connection.close()

    async def _read_redis(self) -> RedisFacts | None:
        if not self._plan.read.has(URL):
            return None
        settings = self._settings
        try:
            self._connection = connect(
                settings.redis_url, deadline=_REDIS_SECONDS, max_connections=_CONNECTIONS
            )
        except ConfigurationError:
            return None
        names = self.environment.names
        return await read_redis_facts(self._connection, settings, self._clock, names)

    async def _read_folder(self) -> FolderCheck | RulesError:
        try:
            return await asyncio.to_thread(
                check_folder, self._settings.rules, self._plan.environ, now=self._clock.now()
            )
        except RulesError as error:
            return error
