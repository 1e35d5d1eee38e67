"""`router init` as a user runs it, also from a wheel, in an empty folder."""

import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.cli.init import names_chosen
from router.offline.rule_packs import shipped_packs

ROOT = Path(__file__).parents[2]


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
        "rules/destinations.yaml",
        f"rules/{pack.name}.yaml",
        f"rules/tests/{pack.name}.yaml",
        "rules/sample.json",
        "rules/.env.example",
    }
    for command in (["check", "--strict"], ["test", "--strict"]):
        result = router(*command)
        assert result.exit_code == 0, result.output
    explained = router("explain", "--offline", "rules/sample.json")
    assert explained.exit_code == 0, explained.output


def test_without_a_terminal_the_packs_are_those_of_voice_insights() -> None:
    result = router("init", "my rules")
    assert result.exit_code == 0
    assert {path.stem for path in Path("my rules").glob("*.yaml")} == {
        "destinations",
        "call-quality",
        "conference-quality",
    }
    assert "\n  router check 'my rules' " in result.output
    assert "ROUTER_RULES='my rules' router dev" in result.output
    (line,) = [line for line in result.output.splitlines() if "router twilio connect" in line]
    assert "com.twilio.voice.insights.conference-summary.partial" in line.split(",")
    assert "*" not in line


def test_the_event_to_try_raises_an_alert_if_one_event_can() -> None:
    router("init", "--pack", "conference-quality")
    result = router("explain", "--offline", "rules/sample.json")
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
    ],
)
def test_packs_are_chosen_by_number_or_name(text: str, names: tuple[str, ...]) -> None:
    assert names_chosen(text, shipped_packs()) == names


@pytest.mark.parametrize("text", ["0", "99", " , ", "nope", "9" * 5000, "٣"])
def test_a_choice_that_is_none_is_said(text: str) -> None:
    with pytest.raises(click.UsageError):
        names_chosen(text, shipped_packs())


def test_with_a_terminal_the_packs_are_asked_for(tmp_path: Path) -> None:
    own, theirs = pty.openpty()
    command = [sys.executable, "-m", "router", "init"]
    with subprocess.Popen(  # noqa: S603 - the router itself
        command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(own, b"nope\n4\n")
        assert process.wait(15) == 0
        shown = os.read(own, 65_536).decode()
    os.close(own)
    assert 'there is no pack "nope"' in shown
    assert (tmp_path / "rules" / f"{shipped_packs()[3].name}.yaml").is_file()


def test_an_installed_wheel_has_the_packs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - the build backend
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    empty = tmp_path / "empty"
    empty.mkdir()
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}

    def asked_of(code: str, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - the installed router
            [sys.executable, "-c", code, *arguments],
            cwd=empty,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for arguments in (["init", "--pack", "call-quality"], ["check", "--strict"], ["test"]):
        asked_of("import router.cli; router.cli.main()", *arguments)
    assert "installed/router/packs" in asked_of(
        "import router.offline.rule_packs as p; print(p.packs_folder())"
    )
