"""Runs the sections of the doctor beside each other, each with a deadline, and returns their checks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from router.client.twilio_watch import IngressWatch
from router.clock import Clock
from router.console.frame_figures import FrameReader
from router.doctor import (
    destination_checks,
    machine_checks,
    redis_checks,
    rules_checks,
    settings_checks,
    trace_checks,
    url_checks,
    work_checks,
)
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.doctor.examined_router import RULES, URL, ExaminationPlan, ExaminedRouter
from router.doctor.machine_facts import read_machine_facts
from router.doctor.message_checks import MessageChecks, RecordTest
from router.errors import JournalUnavailableError, RulesError
from router.journal.connection import Connection
from router.journal.message_tests import MessageTests
from router.journal.rules_in_use import RulesInUse, RulesInUseRecord
from router.settings.choices import Egress, Traces

_SECTION_SECONDS: Final = 30.0
_TESTS_SECONDS: Final = 20.0
"""Seconds of the section after which no other test message is sent, so that it ends in time."""


class Examination:
    """One run.

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
        self._router = ExaminedRouter(plan, clock)

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
            await self._router.close()
        return found

    async def _section(self, section: DoctorSection) -> list[DoctorCheck]:
        work: dict[DoctorSection, Callable[[], Awaitable[list[DoctorCheck]]]] = {
            DoctorSection.SETTINGS: self._settings_section,
            DoctorSection.RULES: self._rules_section,
            DoctorSection.REDIS: self._redis_section,
            DoctorSection.WORK: self._work_section,
            DoctorSection.DESTINATIONS: self._destinations_section,
            DoctorSection.URL: self._url_section,
            DoctorSection.TRACES: self._traces_section,
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

    async def _traces_section(self) -> list[DoctorCheck]:
        if self._settings.traces is Traces.OFF:
            return []
        return trace_checks.judge_traces(await trace_checks.read_trace_facts(self._plan.environ))

    async def _rules_section(self) -> list[DoctorCheck]:
        if not self._plan.read.has(RULES):
            return [
                SectionChecks(DoctorSection.RULES).skipped(
                    "folder", f"not checked: {self._plan.read.problem_of(RULES)}"
                )
            ]
        found = await self._router.folder()
        folder = self._settings.rules
        if isinstance(found, RulesError):
            return rules_checks.judge_missing_folder(folder, found.diagnostics)
        return rules_checks.judge_rules(folder, found, captures=self._plan.beside_dev)

    async def _redis_section(self) -> list[DoctorCheck]:
        facts = await self._router.redis()
        if facts is None:
            return [
                SectionChecks(DoctorSection.REDIS).skipped(
                    "answer", f"not checked: {self._plan.read.problem_of(URL)}"
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
        connection = await self._router.connection()
        if connection is None:
            return [judge.skipped("state", "not checked: Redis does not answer")]
        configuration = await self._router.configuration()
        names = [spec.name for spec in configuration.destinations] if configuration else []
        reader = FrameReader(connection, self._clock, lambda: names)
        figures = await reader.read()
        if figures.situation.redis_error:
            return [judge.skipped("state", f"not checked: {figures.situation.redis_error}")]
        without_worker = await self._without_worker(connection, names)
        generation = "" if configuration is None else configuration.generation
        return [
            *work_checks.judge_work(figures.situation, figures.destinations, without_worker),
            *work_checks.judge_rules_in_use(await self._rules_in_use(connection), generation),
        ]

    async def _rules_in_use(self, connection: Connection) -> Sequence[RulesInUse]:
        try:
            return await RulesInUseRecord(connection, self._clock).read()
        except JournalUnavailableError:
            return ()

    async def _without_worker(self, connection: Connection, names: Sequence[str]) -> list[str]:
        """Return the destinations that no worker has, of those of the rules folder."""
        tests = MessageTests(connection, self._clock)
        try:
            return [name for name in names if not await tests.has_worker(name)]
        except JournalUnavailableError:
            return []

    async def _destinations_section(self) -> list[DoctorCheck]:
        configuration = await self._router.configuration()
        if configuration is None:
            return [
                SectionChecks(DoctorSection.DESTINATIONS).skipped(
                    "rules", "not checked: the rules folder has errors"
                )
            ]
        ends = self._clock.monotonic() + _TESTS_SECONDS
        specs = configuration.destinations
        reached = await destination_checks.reach_destinations(specs, self._router.environment)
        found = destination_checks.judge_destinations(
            specs,
            reached,
            self._settings.egress,
            self._clock.now(),
            captures=self._plan.beside_dev,
        )
        if self._plan.tested is not None:
            known = [each.name for each in specs]
            messages = MessageChecks(self._clock, self._plan.user, self._record_test, ends=ends)
            connection = await self._router.connection()
            found += await messages.send(connection, self._plan.tested or known, known)
        return found

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
        connection = await self._router.connection()
        watch = None if connection is None else IngressWatch(connection, self._clock, "")
        environment = msgspec.structs.replace(self._router.environment, egress=Egress.OPEN)
        facts = await url_checks.read_url_facts(url, settings, environment, watch)
        return [*found, *url_checks.judge_url(facts, settings, plan.url_name)]

    async def _machine_section(self) -> list[DoctorCheck]:
        facts = await read_machine_facts(self._settings, self._plan.data_folder)
        return machine_checks.judge_machine(facts, self._settings)
