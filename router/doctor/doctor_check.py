"""The result of one check: what is true, how bad that is, and what to do."""

import enum
from collections.abc import Iterable

import msgspec


class Status(enum.StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """The router works; it may not do so tomorrow, or not as intended."""
    PROBLEM = "problem"
    """Events are refused or lost, or alerts do not arrive."""
    SKIPPED = "skipped"
    """It was not checked, because something else failed that it needs."""


class DoctorSection(enum.StrEnum):
    """The sections of the report, in their order."""

    SETTINGS = "settings"
    RULES = "rules"
    REDIS = "redis"
    WORK = "work"
    DESTINATIONS = "destinations"
    URL = "url"
    TRACES = "traces"
    MACHINE = "machine"


class DoctorCheck(msgspec.Struct, frozen=True):
    """One line of the report."""

    section: DoctorSection
    name: str
    """A short name, the same in each run: part of the output for programs."""
    status: Status
    message: str
    """The facts, without secrets."""
    fix: str = ""
    """The next step, an imperative; ``""`` if there is none."""


class SectionChecks:
    """Makes the checks of a section."""

    def __init__(self, section: DoctorSection) -> None:
        self._section = section

    def ok(self, name: str, message: str) -> DoctorCheck:
        """Return a check that found nothing wrong."""
        return DoctorCheck(self._section, name, Status.OK, message)

    def warning(self, name: str, message: str, fix: str) -> DoctorCheck:
        """Return a check that found what may become a problem."""
        return DoctorCheck(self._section, name, Status.WARNING, message, fix)

    def problem(self, name: str, message: str, fix: str) -> DoctorCheck:
        """Return a check that found a problem."""
        return DoctorCheck(self._section, name, Status.PROBLEM, message, fix)

    def skipped(self, name: str, message: str) -> DoctorCheck:
        """Return a check that was not made."""
        return DoctorCheck(self._section, name, Status.SKIPPED, message)

    def stated(self, name: str, status: Status, sentence: str) -> DoctorCheck:
        """Return a check whose sentence ends with the next step, after ``; `` or ``: ``."""
        for mark in ("; ", ": "):
            message, found, fix = sentence.rpartition(mark)
            if found:
                return DoctorCheck(self._section, name, status, message, fix)
        return DoctorCheck(self._section, name, status, sentence)


def exit_code(checks: Iterable[DoctorCheck]) -> int:
    """Return 0 without a problem, 2 if settings or rules have one, else 1.

    A skipped check counts as a problem: the section that has its cause may be none of those that run.
    """
    failed = {Status.PROBLEM, Status.SKIPPED}
    sections = {each.section for each in checks if each.status in failed}
    if sections & {DoctorSection.SETTINGS, DoctorSection.RULES}:
        return 2
    return 1 if sections else 0
