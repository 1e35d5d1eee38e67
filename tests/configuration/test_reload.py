"""Reloads: all or nothing, from every trigger, with the problems reported."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.rules_folder import RulesFolder, capture, rule
from support.waiting import until

from router.clock import Clock
from router.configuration.load import ConfigurationSource
from router.configuration.model import (
    ActiveConfiguration,
    Configuration,
)
from router.configuration.reload import Reloader
from router.errors import ConfigurationError
from router.metrics import Metrics

ONE = "rules:\n" + rule("one", "noc")
TWO = ONE + rule("two", "noc")


@pytest.fixture
def folder(tmp_path: Path) -> RulesFolder:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("noc"), rules=ONE)
    return folder


class Process:
    """A reloader and its parts; ``refuses`` is the error that ``apply`` raises."""

    def __init__(self, folder: Path, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self.source = ConfigurationSource(folder=folder, environ=environ)
        self.live = ActiveConfiguration(self.source.load())
        self.metrics = Metrics()
        self.refuses: Exception | None = None
        self.reloader = Reloader(
            self.source, self.live, self.apply, self.metrics, clock, compare_every=0.1
        )

    async def apply(self, configuration: Configuration) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.live.configuration = configuration

    @property
    def rules(self) -> list[str]:
        return [each.name for each in self.live.configuration.rules.rules]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"router_rules_{name}", labels)

    async def have(self, *names: str) -> None:
        async def in_force() -> bool:
            return self.rules == list(names)

        await until(in_force)


@pytest.fixture
def process(folder: RulesFolder, clock: Clock) -> Process:
    return Process(folder.path, clock)


@asynccontextmanager
async def watching(process: Process) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    tasks = [
        loop.create_task(process.reloader.watch()),
        loop.create_task(process.reloader.run_on_signal()),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


# All or nothing


async def test_a_valid_folder_becomes_active(process: Process, folder: RulesFolder) -> None:
    before = process.reloader.report
    folder.write(destinations=capture("noc"), rules=TWO)

    report = await process.reloader.reload("request")

    assert process.rules == ["one", "two"]
    assert (report.rules, report.destinations, report.error) == (2, 1, "")
    assert report.generation == process.live.configuration.generation != before.generation
    assert process.metric("last_reload_successful") == 1
    assert process.metric("loaded") == 2
    assert process.metric("reloads_total", outcome="successful") == 1


def _hundred_megabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 20)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "broken YAML": (lambda file: file.write_text("rules: [", "utf-8"), "expected a value here"),
    "an unknown key": (
        lambda file: file.write_text("rules:\n" + rule("one", "noc", severty="info"), "utf-8"),
        'unknown key "severty"',
    ),
    "aliases that explode": (
        lambda file: file.write_text(
            "rules:\n  - &a [x, x]\n  - &b [*a, *a]\n  - [*b, *b, *b, *b]\n", "utf-8"
        ),
        "anchors are not supported",
    ),
    "a file of 100 MB": (_hundred_megabytes, "larger than 1 MiB"),
    "a file that is half written": (
        lambda file: file.write_text(TWO[: len(TWO) - 8], "utf-8"),
        "expected a value here",
    ),
    "a file of which nothing is written yet": (
        lambda file: file.write_text("", "utf-8"),
        "the file is empty",
    ),
    "a variable that is not set": (
        lambda file: file.write_text(
            "destinations: {hook: {http: {url: '${NOT_SET_ANYWHERE}'}}}\n", "utf-8"
        ),
        "${NOT_SET_ANYWHERE} is not set",
    ),
    "bytes that are no text": (lambda file: file.write_bytes(b"rules: \xff"), "0xff is not UTF-8"),
}


@pytest.mark.fault_row(62)
@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_folder_changes_nothing_and_is_reported(
    process: Process, folder: RulesFolder, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    """Mutant: a rejected reload counts as successful."""
    before = process.live.configuration
    write, expected = BROKEN[case]
    write(folder.path / "broken.yaml")
    caplog.set_level(logging.ERROR)

    report = await process.reloader.reload("request")

    assert process.live.configuration is before
    assert expected in report.error
    assert "broken.yaml" in report.error
    assert (report.generation, report.rules) == (before.generation, 1)
    assert process.metric("last_reload_successful") == 0
    assert process.metric("loaded") == 1
    assert process.metric("reloads_total", outcome="refused") == 1
    assert any(expected in getattr(record, "diagnostic", "") for record in caplog.records)


async def test_a_successful_reload_clears_the_error(process: Process, folder: RulesFolder) -> None:
    (folder.path / "broken.yaml").write_text("rules: [", "utf-8")
    await process.reloader.reload("request")
    (folder.path / "broken.yaml").unlink()

    report = await process.reloader.reload("request")

    assert report.error == ""
    assert report.diagnostics == ()
    assert process.metric("last_reload_successful") == 1


async def test_a_missing_folder_changes_nothing(process: Process, folder: RulesFolder) -> None:
    folder.path.rename(folder.path.with_name("away"))

    report = await process.reloader.reload("request")

    assert "the folder does not exist" in report.error
    assert process.rules == ["one"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConfigurationError("destination noc cannot be opened: OSError"), "cannot be opened"),
        (KeyError("a bug"), "internal error: KeyError"),
    ],
)
async def test_a_configuration_that_cannot_be_applied_changes_nothing(
    process: Process, error: Exception, message: str
) -> None:
    process.refuses = error

    report = await process.reloader.reload("request")

    assert message in report.error
    assert process.metric("last_reload_successful") == 0


async def test_diagnostics_are_logged_one_line_each_up_to_a_limit(
    process: Process, folder: RulesFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "broken.yaml").write_text("rules:\n" + "  - x\n" * 100, "utf-8")
    caplog.set_level(logging.ERROR)

    report = await process.reloader.reload("request")

    assert len(report.diagnostics) == 100
    assert report.error.endswith("(and 99 more)")
    lines = [record for record in caplog.records if "rules problem" in record.message]
    assert [record.message for record in lines] == [
        *["rules problem reported"] * 20,
        "further rules problems not logged",
    ]
    assert lines[-1].count == 80  # type: ignore[attr-defined]


SILENT = """
  - name: silent
    events: [com.twilio.voice.insights.conference-summary.*]
    send_to: [noc]
    when: data.friendly_name != "x"
"""


async def test_warnings_are_logged_with_their_position_at_the_start_and_each_reload(
    folder: RulesFolder, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    def logged() -> list[str]:
        found = [
            f"{record.levelname} {getattr(record, 'diagnostic', '')}" for record in caplog.records
        ]
        caplog.clear()
        return found

    folder.write(destinations=capture("noc"), rules="rules:" + SILENT)
    process = Process(folder.path, clock)
    (at_start,) = logged()
    folder.write(destinations=capture("noc"), rules=ONE + SILENT)
    await process.reloader.reload("request")
    (at_reload,) = logged()
    folder.write(destinations=capture("noc"), rules=ONE)
    await process.reloader.reload("request")

    assert at_start.startswith(f"WARNING {folder.path}/rules.yaml:5:11: `data.friendly_name")
    assert "rules.yaml:7:11: " in at_reload
    assert logged() == []


async def test_concurrent_reloads_run_one_after_another(
    process: Process, folder: RulesFolder
) -> None:
    folder.write(destinations=capture("noc"), rules=TWO)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(process.reloader.reload("request"))

    assert process.rules == ["one", "two"]
    assert process.metric("reloads_total", outcome="successful") == 5


# Triggers


async def test_a_signal_reloads(process: Process, folder: RulesFolder) -> None:
    obeying = asyncio.get_running_loop().create_task(process.reloader.run_on_signal())
    folder.write(destinations=capture("noc"), rules=TWO)

    process.reloader.request_reload()

    await process.have("one", "two")
    obeying.cancel()


async def test_a_replaced_configmap_is_read(process: Process, folder: RulesFolder) -> None:
    async with watching(process):
        folder.write(destinations=capture("noc"), rules=TWO)
        await process.have("one", "two")
        folder.write(destinations=capture("noc"), rules="rules:\n" + rule("two", "noc"))
        await process.have("two")


async def test_a_file_that_is_written_in_place_is_read(
    process: Process, tmp_path: Path, clock: Clock
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "all.yaml").write_text(capture("noc") + ONE, "utf-8")
    process = Process(plain, clock)
    async with watching(process):
        (plain / "all.yaml").write_text(capture("noc") + TWO, "utf-8")
        await process.have("one", "two")


async def test_a_change_before_the_watch_began_is_not_missed(
    process: Process, folder: RulesFolder
) -> None:
    folder.write(destinations=capture("noc"), rules=TWO)
    async with watching(process):
        await process.have("one", "two")


async def test_a_folder_that_is_a_link_can_be_replaced(
    folder: RulesFolder, tmp_path: Path, clock: Clock
) -> None:
    other = RulesFolder(tmp_path / "other")
    other.write(destinations=capture("noc"), rules=TWO)
    current = tmp_path / "current"
    current.symlink_to(folder.path)
    process = Process(current, clock)
    async with watching(process):
        (tmp_path / "new").symlink_to(other.path)
        (tmp_path / "new").rename(current)
        await process.have("one", "two")
        other.write(destinations=capture("noc"), rules=ONE)
        await process.have("one")


async def test_a_folder_can_disappear_and_return(
    process: Process, folder: RulesFolder, tmp_path: Path
) -> None:
    async with watching(process):
        folder.path.rename(tmp_path / "away")

        async def seen() -> bool:
            return "the folder does not exist" in process.reloader.report.error

        await until(seen)
        again = RulesFolder(folder.path)
        again.write(destinations=capture("noc"), rules=TWO)
        await process.have("one", "two")


@pytest.mark.parametrize("other", [".rules.yaml.swp", "notes.md", "tests/rules.yaml"])
async def test_other_files_trigger_no_reload(process: Process, other: str) -> None:
    before = process.source.fingerprint()
    path = process.source.folder / other
    path.parent.mkdir(exist_ok=True)
    path.write_text("x", "utf-8")
    assert process.source.fingerprint() == before


@pytest.mark.fault_row(62)
async def test_files_that_change_while_they_are_read_are_read_again(
    folder: RulesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first file of the old version and the second of the new one never meet.

    Mutant: files that changed meanwhile are used.
    """
    from router.configuration import files

    source = ConfigurationSource(folder=folder.path, environ={})
    genuine = files.read_content
    exchanged = []

    def content(file: Path, limit: int = files.FILE_LIMIT) -> bytes | str:
        if file.stem == "rules" and not exchanged:
            exchanged.append(file)
            folder.write(destinations=capture("noc", "other"), rules=TWO)
        return genuine(file, limit)

    monkeypatch.setattr(files, "read_content", content)

    configuration = source.load()

    assert [spec.name for spec in configuration.destinations] == ["noc", "other"]
    assert len(configuration.rules.rules) == 2


async def test_a_rotated_secret_in_a_file_is_read(
    folder: RulesFolder, tmp_path: Path, clock: Clock
) -> None:
    secret = tmp_path / "token"
    secret.write_text("first", "utf-8")
    hook = "destinations: {noc: {http: {url: 'https://h', headers: {authorization: '${TOKEN}'}}}}\n"
    folder.write(destinations=hook, rules=ONE)
    process = Process(folder.path, clock, {"TOKEN_FILE": str(secret)})
    before = process.live.configuration
    async with watching(process):
        (tmp_path / "new").write_text("second", "utf-8")
        (tmp_path / "new").rename(secret)

        async def reloaded() -> bool:
            return process.live.configuration is not before

        await until(reloaded)
    now = process.live.configuration
    assert now.destinations != before.destinations
    assert now.generation == before.generation
