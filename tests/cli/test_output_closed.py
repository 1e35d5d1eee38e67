"""Commands whose caller has closed a standard file, or deleted the folder."""

import subprocess
import sys
from pathlib import Path

import pytest

ROUTER = f"{sys.executable} -m router"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S602 - a line of this file
        line, shell=True, cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_file_is_no_fault(closed: str, tmp_path: Path) -> None:
    done = shell(
        f"{ROUTER} init {closed}; echo code $?; {ROUTER} check {closed}; echo code $?", tmp_path
    )
    assert (tmp_path / "rules" / "destinations.yaml").is_file()
    assert "Traceback" not in done.stderr
    assert done.stdout.count("code 0") == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_an_encoding_that_lacks_characters_is_no_fault(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("rules: [{name: \u65e5\u672c}]\n", "utf-8")
    done = shell(f"PYTHONIOENCODING={encoding} {ROUTER} check; echo code $?", tmp_path)
    assert "Traceback" not in done.stderr
    assert done.stdout.endswith("code 1\n")


def test_a_folder_that_was_deleted_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = shell(f"cd gone; rmdir ../gone; {ROUTER} dev; echo code $?", tmp_path)
    assert (done.stdout, done.stderr) == (
        "code 2\n",
        "router: this folder was deleted: change to another one\n",
    )


def test_a_reader_that_ends_early_ends_the_command_without_a_word(tmp_path: Path) -> None:
    done = shell(f"{{ {ROUTER} sample; echo code $? >&2; }} | head -1", tmp_path)
    assert done.stdout.count("\n") == 1
    assert done.stderr in {"code 1\n", "code 0\n"}  # all of it may fit into the pipe
