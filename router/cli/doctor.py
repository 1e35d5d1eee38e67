"""``router doctor``: check everything that an operator would have to check by hand."""

import os
import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from router import __version__
from router.cli import command_loop
from router.cli.beside_dev import is_redis_set, running_dev
from router.cli.completion import complete_destination
from router.cli.output import as_json, can_move_cursor, echo, has_color
from router.cli.redis_commands import CLOCK, record_action, user_name
from router.datatypes import Secret
from router.dev.running_dev import RunningDev
from router.doctor.doctor_check import DoctorCheck, DoctorSection, Status, exit_code
from router.doctor.examination import Examination
from router.doctor.examined_router import ExaminationPlan
from router.doctor.settings_checks import ReadSettings, read_settings
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.printable import one_printable_line
from router.quantities import counted

_TITLES: Final = {
    DoctorSection.SETTINGS: "Settings",
    DoctorSection.RULES: "Rules folder",
    DoctorSection.REDIS: "Redis",
    DoctorSection.WORK: "What runs",
    DoctorSection.DESTINATIONS: "Destinations",
    DoctorSection.URL: "Public URL",
    DoctorSection.TRACES: "Traces",
    DoctorSection.MACHINE: "This machine",
}
_COLORS: Final = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.PROBLEM: "red",
    Status.SKIPPED: "bright_black",
}
_LABEL: Final = max(len(status) for status in Status)
_MIN_WIDTH: Final = 40
_MAX_WIDTH: Final = 140


@click.command()
@click.argument("sections", nargs=-1, type=click.Choice([each.value for each in DoctorSection]))
@click.option(
    "--url",
    default="",
    help="URL to call as Twilio does.  [default: ROUTER_TWILIO_URL, or ROUTER_PUBLIC_URL]",
)
@click.option("--send-test", is_flag=True, help="Send a test message to the destinations.")
@click.option(
    "--destination",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_destination,
    help="Send the test message to this destination only. May be repeated.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def doctor(
    sections: Sequence[str],
    url: str,
    names: tuple[str, ...],
    *,
    send_test: bool,
    json_wanted: bool,
) -> None:
    """Check settings, rules, Redis, destinations, public URL, traces and machine.

    SECTIONS are the sections to check; the default is all. Nothing is sent to destinations without
    --send-test. Each line says what is wrong and what to do.

    Exit code 0: no problem, 1: problems, 2: problems of settings or rules.
    """
    wanted = [DoctorSection(each) for each in sections] or list(DoctorSection)
    _check_options(wanted, url=url, tests=send_test or bool(names))
    read = read_settings(os.environ)
    dev = None if is_redis_set() else running_dev(read.settings)
    tested = names if send_test or names else None
    plan = _plan(read, dev, url, tested)
    printer = _Printer()
    if not json_wanted:
        printer.heading(dev)

    def report(section: DoctorSection, checks: list[DoctorCheck]) -> None:
        if not json_wanted:
            printer.section(section, checks)

    found = command_loop.run(Examination(plan, CLOCK, _record_test).run(wanted, report))
    if json_wanted:
        click.echo(as_json({"checks": found}))
    else:
        printer.sum(found)
    sys.exit(exit_code(found))


def _check_options(wanted: Sequence[DoctorSection], *, url: str, tests: bool) -> None:
    """Refuse options of a section that is not checked, because they would have no effect."""
    if url and DoctorSection.URL not in wanted:
        raise click.UsageError("--url needs the section url: name it, or no section")
    if tests and DoctorSection.DESTINATIONS not in wanted:
        raise click.UsageError(
            "--send-test and --destination need the section destinations: name it, or no section"
        )


def _plan(
    read: ReadSettings, dev: RunningDev | None, url: str, tested: tuple[str, ...] | None
) -> ExaminationPlan:
    settings = read.settings
    name = "--url" if url else "ROUTER_TWILIO_URL" if settings.twilio_url else "ROUTER_PUBLIC_URL"
    is_trial = False
    if dev is not None:
        settings = msgspec.structs.replace(settings, redis_url=Secret(dev.redis_url))
        if not settings.twilio_auth_tokens:
            settings = msgspec.structs.replace(
                settings, twilio_auth_tokens=(Secret(dev.auth_token),)
            )
        if not (url or settings.public_url or settings.twilio_url):
            url, name, is_trial = dev.url, "--url", True
    return ExaminationPlan(
        read=msgspec.structs.replace(read, settings=settings),
        environ=os.environ,
        folder=Path.cwd(),
        beside_dev=dev is not None,
        data_folder=Path(dev.data) if dev is not None and dev.data else None,
        url=url,
        url_name=name,
        is_trial=is_trial,
        tested=tested,
        user=user_name(),
    )


async def _record_test(connection: Connection, name: str, outcome: str) -> None:
    await record_action(
        connection, AuditAction.TESTED, Audited.DESTINATION, name, details={"outcome": outcome}
    )


class _Printer:
    """Prints checks: wrapped and in colour on a terminal, a line each otherwise."""

    def __init__(self) -> None:
        self._is_terminal = can_move_cursor(sys.stdout)
        self._has_color = has_color(sys.stdout)
        columns = shutil.get_terminal_size().columns
        self._width = min(max(columns, _MIN_WIDTH), _MAX_WIDTH)

    def heading(self, dev: RunningDev | None) -> None:
        beside = "" if dev is None else f", beside router dev (process {dev.pid})"
        echo(f"router {__version__}{beside}")

    def section(self, section: DoctorSection, checks: Collection[DoctorCheck]) -> None:
        if not checks:  # of what is switched off
            return
        echo("")
        click.echo(self._styled(_TITLES[section], bold=True))
        for check in checks:
            for line in self._lines(check):
                click.echo(line)

    def sum(self, checks: Sequence[DoctorCheck]) -> None:
        counts = {status: sum(each.status is status for each in checks) for status in Status}
        parts = [
            counted(counts[Status.PROBLEM], "problem"),
            counted(counts[Status.WARNING], "warning"),
            f"{counts[Status.OK]} ok",
        ]
        if counts[Status.SKIPPED]:
            parts.append(f"{counts[Status.SKIPPED]} skipped")
        worst = next(
            status
            for status in (Status.PROBLEM, Status.WARNING, Status.OK)
            if counts[status] or status is Status.OK
        )
        echo("")
        click.echo(self._styled(", ".join(parts), fg=_COLORS[worst], bold=True))

    def _lines(self, check: DoctorCheck) -> list[str]:
        label = self._styled(check.status.ljust(_LABEL), fg=_COLORS[check.status])
        message, fix = one_printable_line(check.message), one_printable_line(check.fix)
        if not self._is_terminal:
            return [f"  {check.status}: {message}{f' · {fix}' if fix else ''}"]
        indent = " " * (_LABEL + 4)
        room = self._width - len(indent)
        lines = textwrap.wrap(message, room, break_on_hyphens=False) or [""]
        lines += [
            f"{'· ' if number == 0 else '  '}{line}"
            for number, line in enumerate(textwrap.wrap(fix, room - 2, break_on_hyphens=False))
        ]
        return [f"  {label}  {lines[0]}", *(f"{indent}{line}" for line in lines[1:])]

    def _styled(self, text: str, **style: object) -> str:
        return click.style(text, **style) if self._has_color else text  # type: ignore[arg-type]
