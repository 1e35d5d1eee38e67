"""Each command reads `.env` of the working folder, or the file that it is given."""

import subprocess
from pathlib import Path

import pytest
from support.router_program import router_program


def router(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the router itself
        [router_program(), *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "a.yaml").write_text(
        "rules: [{name: from-one, events: [a], send_to: [x]}]\n"
    )
    (tmp_path / ".env").write_text("ROUTER_RULES=one\n")
    return tmp_path


def test_a_command_reads_the_file_of_its_folder(folder: Path) -> None:
    done = router(folder, "check")
    assert "--> one/a.yaml" in done.stdout + done.stderr


def test_the_environment_is_stronger_than_the_file(folder: Path) -> None:
    done = router(folder, "check", ROUTER_RULES="two")
    assert "one/a.yaml" not in done.stdout + done.stderr


def test_a_file_can_be_named(folder: Path) -> None:
    (folder / "other.env").write_text("ROUTER_RULES=two\n")
    done = router(folder, "--env-file", "other.env", "check")
    assert "one/a.yaml" not in done.stdout + done.stderr


def test_a_named_file_that_is_missing_is_a_usage_error(folder: Path) -> None:
    done = router(folder, "--env-file", "none.env", "check")
    assert done.returncode == 2
    assert "'none.env' does not exist" in done.stderr


def test_a_wrong_setting_in_the_file_is_named(folder: Path) -> None:
    (folder / ".env").write_text("ROUTER_PROT=1\n")
    done = router(folder, "check")
    assert done.returncode == 2
    assert done.stderr == "router: ROUTER_PROT is not a setting, did you mean ROUTER_PORT?\n"


def test_a_wrong_line_is_one_line(folder: Path) -> None:
    (folder / ".env").write_text("A=1\nwhat is this\n")
    done = router(folder, "check")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("router: .env:2 is not a variable, write NAME=value")
