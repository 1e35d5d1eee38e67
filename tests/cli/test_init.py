"""`router init` as a user runs it, in an empty folder."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import click
import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from support.router_program import router_program

from router.cli import main
from router.cli.init import names_chosen
from router.offline.rule_packs import DESTINATIONS, packs_folder, shipped_packs
from router.offline.starter_destinations import (
    FIRST_KINDS,
    STARTER_DESTINATIONS,
    destinations_file,
    starters_of,
)
from router.settings.env_file import read_env_file


def router(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROUTER_RULES", raising=False)
    return tmp_path


def test_each_pack_is_listed_with_a_sentence() -> None:
    result = router("init", "--list")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines] == [pack.name for pack in shipped_packs()]
    assert all(line.endswith(".") for line in lines)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("pack", shipped_packs(), ids=lambda pack: pack.name)
def test_a_folder_with_any_one_pack_is_clean_and_its_tests_pass(pack) -> None:
    made = router("init", "--pack", pack.name)
    assert made.exit_code == 0, made.output
    assert {str(path) for path in Path().rglob("*") if path.is_file()} == {
        ".env.example",
        ".gitignore",
        "rules/.schemas/rules.json",
        "rules/.schemas/tests.json",
        "rules/destinations.yaml",
        f"rules/{pack.name}.yaml",
        f"rules/tests/{pack.name}.yaml",
        f"samples/{pack.name}.json",
    }
    for command in (["check", "--strict"], ["test", "--strict"]):
        result = router(*command)
        assert result.exit_code == 0, result.output
    explained = router("explain", "--offline", f"samples/{pack.name}.json")
    assert explained.exit_code == 0, explained.output
    assert ": matched" in explained.output


@pytest.mark.parametrize("kind", STARTER_DESTINATIONS)
def test_a_folder_with_any_one_kind_of_destination_is_clean(kind: str) -> None:
    made = router("init", "--to", kind)
    assert made.exit_code == 0, made.output
    result = router("check", "--strict")
    assert result.exit_code == 0, result.output
    needed = set(re.findall(r"\$\{(\w+)\}", Path("rules/destinations.yaml").read_text())) - {"NAME"}
    assert needed == set(STARTER_DESTINATIONS[kind].variables)
    assert needed <= set(read_env_file(Path(".env.example")))


def test_only_critical_alerts_page_if_there_is_a_quieter_place() -> None:
    router("init", "--to", "slack", "--to", "pagerduty")
    result = router("check", "--strict")
    assert result.exit_code == 0, result.output
    text = Path("rules/destinations.yaml").read_text()
    assert text.endswith(
        "  - match: {severity: critical}\n    send_to: [slack-channel, pagerduty-service]\n"
        "  - send_to: [slack-channel]\n"
    )


def test_the_folder_may_be_named_and_the_steps_begin_in_it() -> None:
    result = router("init", "my router")
    assert result.exit_code == 0
    assert {path.stem for path in Path("my router/rules").glob("*.yaml")} == {
        "destinations",
        "call-quality",
        "conference-quality",
    }
    assert "\n  cd 'my router'\n" in result.output
    (line,) = [line for line in result.output.splitlines() if "router twilio connect" in line]
    assert "com.twilio.voice.insights.conference-summary.partial" in line.split(",")
    assert "*" not in line


def test_the_rules_folder_of_the_settings_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_RULES", "deep/rules of mine")
    assert router("init").exit_code == 0
    assert Path("deep/rules of mine/destinations.yaml").is_file()
    assert router("check", "--strict").exit_code == 0


@pytest.mark.parametrize(
    ("pattern", "schema"),
    [("rules/*.yaml", ".schemas/rules.json"), ("rules/tests/*.yaml", "../.schemas/tests.json")],
)
def test_an_editor_finds_the_schema_of_each_file_and_it_fits(pattern: str, schema: str) -> None:
    router("init")
    for path in Path().glob(pattern):
        line, _, _ = path.read_text().partition("\n")
        assert line == f"# yaml-language-server: $schema={schema}"
        document = yaml.safe_load(path.read_text())
        jsonschema.validate(document, json.loads((path.parent / schema).read_text()))


def test_the_variables_copied_to_the_file_that_is_read_are_no_error() -> None:
    router("init")
    Path(".env").write_text(Path(".env.example").read_text())
    done = subprocess.run(  # noqa: S603 - the router itself
        [router_program(), "check", "--strict"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_event_to_try_raises_an_alert_if_one_event_can() -> None:
    router("init", "--pack", "conference-quality")
    result = router("explain", "--offline", "samples/conference-quality.json")
    assert "rule conference-mostly-poor: matched" in result.output


def test_files_that_exist_are_kept_and_a_pack_can_be_added(tmp_path: Path) -> None:
    router("init", "--pack", "call-quality")
    mine = (tmp_path / "rules" / "destinations.yaml").read_text() + "# mine\n"
    (tmp_path / "rules" / "destinations.yaml").write_text(mine)
    result = router("init", "--pack", "messaging-failures")
    assert result.exit_code == 0
    assert (tmp_path / "rules" / "destinations.yaml").read_text() == mine
    lines = result.output.splitlines()
    assert lines[0].endswith("kept, it exists already")
    assert lines[1].startswith("rules/messaging-failures.yaml")
    assert router("test", "--strict").exit_code == 0


def test_a_pack_that_does_not_exist_is_a_usage_error_and_nothing_is_written() -> None:
    result = router("init", "--pack", "mesaging-failures")
    assert result.exit_code == 2
    assert 'there is no pack "mesaging-failures": did you mean "messaging-failures"?' in (
        result.output
    )
    assert not list(Path().iterdir())


def test_a_kind_that_does_not_exist_is_a_usage_error_and_nothing_is_written() -> None:
    result = router("init", "--to", "slak")
    assert result.exit_code == 2
    assert 'has the kind "slak": did you mean "slack"?' in result.output
    assert not list(Path().iterdir())


def test_the_shipped_packs_have_the_destinations_of_a_new_folder() -> None:
    """`router dev` uses them where there is no folder."""
    shipped = (packs_folder() / DESTINATIONS).read_text()
    assert shipped == destinations_file(starters_of(FIRST_KINDS))


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("")
    result = router("init")
    assert result.exit_code == 2
    assert "rules" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1", ("call-quality",)),
        ("1, 2", ("call-quality", "conference-quality")),
        ("messaging-failures 1 1", ("messaging-failures", "call-quality")),
        ("1-2", ("call-quality", "conference-quality")),
        ("2 - 3, 1", ("conference-quality", "error-log-storms", "call-quality")),
        ("1;2", ("call-quality", "conference-quality")),
        ("Call-Quality", ("call-quality",)),
        ("all", tuple(pack.name for pack in shipped_packs())),
        ("*", tuple(pack.name for pack in shipped_packs())),
        ("5-99", tuple(pack.name for pack in shipped_packs()[4:])),
    ],
)
def test_packs_are_chosen_by_number_or_name(text: str, names: tuple[str, ...]) -> None:
    assert names_chosen(text, [pack.name for pack in shipped_packs()]) == names


@pytest.mark.parametrize(
    "text", ["0", "99", " , ", "nope", "9" * 5000, "٣", "2-1", "0-2", "9-99", "1-", "-1", "q"]
)
def test_a_choice_that_is_none_is_said(text: str) -> None:
    with pytest.raises(click.UsageError):
        names_chosen(text, [pack.name for pack in shipped_packs()])


def test_with_a_terminal_packs_and_destinations_are_asked_for(tmp_path: Path) -> None:
    own, theirs = pty.openpty()
    command = [router_program(), "init"]
    with subprocess.Popen(  # noqa: S603 - the router itself
        command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(own, b"nope\n4\nemail,1\n")
        assert process.wait(15) == 0
        shown = os.read(own, 65_536).decode()
    os.close(own)
    assert 'there is no "nope"' in shown
    assert (tmp_path / "rules" / f"{shipped_packs()[3].name}.yaml").is_file()
    assert "send_to: [mailbox, slack-channel]" in (tmp_path / "rules" / DESTINATIONS).read_text()
