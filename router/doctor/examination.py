"""Runs the sections of the doctor beside each other, each with a deadline, and returns their checks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from router.api.message_testing import send_test
from router.api.requests import BadRequestError
from router.client.twilio_watch import IngressWatch
from router.clock import Clock
from router.configuration.model import Configuration
from router.console.frame_figures import FrameReader
from router.destinations.contract import Environment
from router.doctor import (
    destination_checks,
    machine_checks,
    redis_checks,
    rules_checks,
    settings_checks,
    url_checks,
    work_checks,
)
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.doctor.machine_facts import read_machine_facts
from router.doctor.redis_facts import RedisFacts, read_redis_facts
from router.doctor.settings_checks import ReadSettings
from router.errors import ConfigurationError, JournalUnavailableError, RulesError
from router.journal.connection import Connection, connect
from router.journal.message_tests import MessageTests
from router.offline.folder_check import FolderCheck, check_folder
from router.runtime.build_environment import build_environment
from router.settings.choices import Egress

T = TypeVar("T")
_SECTION_SECONDS: Final = 30.0
_REDIS_SECONDS: Final = 3.0
_TESTS_AT_ONCE: Final = 64
"""Test messages at once: each asks Redis again and again for its result."""
_TESTS_SECONDS: Final = 20.0
"""Seconds of the section after which no other test message is sent, so that it ends in time."""
_CONNECTIONS: Final = 16
_URL: Final = "ROUTER_REDIS_URL"
_RULES: Final = "ROUTER_RULES"

RecordTest = Callable[[Connection, str, str], Awaitable[None]]
"""Records a test message in the audit trail: the connection, the destination, the outcome."""


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


class Examination:
    """One run. Redis and the rules folder are read once, for all sections that need them.

    Args:
        plan: What to examine.
        clock: Time and ids.
        record_test: Called for each test message.
    """

    def __init__(self, plan: ExaminationPlan, clock: Clock, record_test: RecordTest) -> None:
        self._plan = plan
        self._clock = clock
        self._record_test = record_test
        self._settings = plan.read.settings
        self._connection: Connection | None = None
        self._environment: Environment | None = None
        self._redis = _Once(self._read_redis)
        self._folder = _Once(self._read_folder)

    async def run(
        self,
        sections: Sequence[DoctorSection],
        report: Callable[[DoctorSection, list[DoctorCheck]], None],
    ) -> list[DoctorCheck]:
        """Return all checks.

        Args:
            sections: The sections to examine.
            report: Called with the checks of each section, in the order of ``DoctorSection``.
        """
        # Their findings are checks, or follow from them.
        logging.getLogger("router").addHandler(logging.NullHandler())
        found: list[DoctorCheck] = []
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    each: group.create_task(self._section(each))
                    for each in DoctorSection
                    if each in sections
                }
                for section, task in tasks.items():
                    checks = await task
                    report(section, checks)
                    found += checks
        finally:
            if self._connection is not None:
                await self._connection.close()
        return found

    async def _section(self, section: DoctorSection) -> list[DoctorCheck]:
        work: dict[DoctorSection, Callable[[], Awaitable[list[DoctorCheck]]]] = {
            DoctorSection.SETTINGS: self._settings_section,
            DoctorSection.RULES: self._rules_section,
            DoctorSection.REDIS: self._redis_section,
            DoctorSection.WORK: self._work_section,
            DoctorSection.DESTINATIONS: self._destinations_section,
            DoctorSection.URL: self._url_section,
            DoctorSection.MACHINE: self._machine_section,
        }
        try:
            async with asyncio.timeout(_SECTION_SECONDS):
                return await work[section]()
        except TimeoutError:
            message = f"not finished within {_SECTION_SECONDS:g} s"
            return [SectionChecks(section).problem("deadline", message, "run this section alone")]

    async def _settings_section(self) -> list[DoctorCheck]:
        plan = self._plan
        env_file = settings_checks.compare_env_file(plan.folder, plan.environ)
        return settings_checks.judge_settings(plan.read, plan.environ, env_file)

    async def _rules_section(self) -> list[DoctorCheck]:
        if not self._plan.read.has(_RULES):
            return [
                SectionChecks(DoctorSection.RULES).skipped(
                    "folder", f"not checked: {_RULES} is wrong"
                )
            ]
        found = await self._folder()
        folder = self._settings.rules
        if isinstance(found, RulesError):
            return rules_checks.judge_missing_folder(folder, found.diagnostics)
        return rules_checks.judge_rules(folder, found, captures=self._plan.beside_dev)

    async def _redis_section(self) -> list[DoctorCheck]:
        facts = await self._redis()
        if facts is None:
            return [
                SectionChecks(DoctorSection.REDIS).skipped(
                    "answer", f"not checked: {_URL} is wrong"
                )
            ]
        return redis_checks.judge_redis(
            facts,
            self._settings,
            self._clock.now(),
            is_embedded=self._plan.data_folder is not None,
        )

    async def _work_section(self) -> list[DoctorCheck]:
        judge = SectionChecks(DoctorSection.WORK)
        connection = await self._answering()
        if connection is None:
            return [judge.skipped("state", "not checked: Redis does not answer")]
        configuration = await self._configuration()
        names = [spec.name for spec in configuration.destinations] if configuration else []
        reader = FrameReader(connection, self._clock, lambda: names)
        figures = await reader.read()
        if figures.situation.redis_error:
            return [judge.skipped("state", f"not checked: {figures.situation.redis_error}")]
        without_worker = await self._without_worker(connection, names)
        return work_checks.judge_work(figures.situation, figures.destinations, without_worker)

    async def _without_worker(self, connection: Connection, names: Sequence[str]) -> list[str]:
        """Return the destinations that no worker has, of those of the rules folder."""
        tests = MessageTests(connection, self._clock)
        try:
            return [name for name in names if not await tests.has_worker(name)]
        except JournalUnavailableError:
            return []

    async def _destinations_section(self) -> list[DoctorCheck]:
        configuration = await self._configuration()
        if configuration is None:
            return [
                SectionChecks(DoctorSection.DESTINATIONS).skipped(
                    "rules", "not checked: the rules folder has errors"
                )
            ]
        ends = self._clock.monotonic() + _TESTS_SECONDS
        specs = configuration.destinations
        reached = await destination_checks.reach_destinations(specs, self._own_environment())
        found = destination_checks.judge_destinations(
            specs,
            reached,
            self._settings.egress,
            self._clock.now(),
            captures=self._plan.beside_dev,
        )
        if self._plan.tested is not None:
            found += await self._send_tests([each.name for each in specs], ends=ends)
        return found

    async def _send_tests(self, known: Sequence[str], *, ends: float) -> list[DoctorCheck]:
        names = self._plan.tested or known
        connection = await self._answering()
        if connection is None:
            reason = "Redis does not answer"
            return [destination_checks.judge_unsent_test(name, reason) for name in names]
        free = asyncio.Semaphore(_TESTS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._send_test(connection, name, free, ends=ends))
                for name in names
                if name in known
            ]
        unknown = [
            destination_checks.judge_unknown(name, known) for name in names if name not in known
        ]
        return [*(task.result() for task in tasks), *unknown]

    async def _send_test(
        self, connection: Connection, name: str, free: asyncio.Semaphore, *, ends: float
    ) -> DoctorCheck:
        async with free:
            if self._clock.monotonic() > ends:
                return destination_checks.judge_no_time_for_test(name)
            try:
                tested = await send_test(connection, self._clock, name, self._plan.user)
                await self._record_test(connection, name, tested.outcome)
            except (BadRequestError, JournalUnavailableError) as error:
                return destination_checks.judge_unsent_test(name, str(error))
        return destination_checks.judge_test(name, tested)

    async def _url_section(self) -> list[DoctorCheck]:
        plan, settings = self._plan, self._settings
        try:
            url = url_checks.called_url(plan.url, settings)
        except ValueError:
            return url_checks.judge_form(plan.url, plan.url_name)
        if not url:
            return url_checks.judge_missing_url(settings)
        found = [] if plan.is_trial else url_checks.judge_form(url, plan.url_name)
        if not url_checks.is_callable(url):
            return found or url_checks.judge_form(url, plan.url_name)
        connection = await self._answering()
        watch = None if connection is None else IngressWatch(connection, self._clock, "")
        environment = msgspec.structs.replace(self._own_environment(), egress=Egress.OPEN)
        facts = await url_checks.read_url_facts(url, settings, environment, watch)
        return [*found, *url_checks.judge_url(facts, settings, plan.url_name)]

    async def _machine_section(self) -> list[DoctorCheck]:
        configuration = await self._configuration()
        facts = await read_machine_facts(
            self._settings,
            self._plan.data_folder,
            "" if configuration is None else configuration.generation,
        )
        return machine_checks.judge_machine(facts, self._settings)

    async def _read_redis(self) -> RedisFacts | None:
        if not self._plan.read.has(_URL):
            return None
        settings = self._settings
        try:
            self._connection = connect(
                settings.redis_url, deadline=_REDIS_SECONDS, max_connections=_CONNECTIONS
            )
        except ConfigurationError:
            return None
        names = self._own_environment().names
        return await read_redis_facts(self._connection, settings, self._clock, names)

    async def _answering(self) -> Connection | None:
        """Return the connection to Redis; None if it does not answer."""
        facts = await self._redis()
        return self._connection if facts is not None and facts.is_answering else None

    async def _read_folder(self) -> FolderCheck | RulesError:
        try:
            return await asyncio.to_thread(
                check_folder, self._settings.rules, self._plan.environ, now=self._clock.now()
            )
        except RulesError as error:
            return error

    async def _configuration(self) -> Configuration | None:
        """Return the configuration of the rules folder; None if it has errors."""
        if not self._plan.read.has(_RULES):
            return None
        found = await self._folder()
        return None if isinstance(found, RulesError) else found.configuration

    def _own_environment(self) -> Environment:
        if self._environment is None:
            self._environment = build_environment(
                self._settings, self._clock.now, lambda _line: None
            )
        return self._environment
