"""`.env`, as docker compose and shells read it."""

from pathlib import Path

import pytest

from router.errors import SettingsError
from router.settings.env_file import DISABLED, USUAL, load_env_file, read_env_file


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("# a comment\n\nA=1\n", {"A": "1"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("export A=1", {"A": "1"}),
        ("A = 1", {"A": "1"}),
        ("A='x y' # a comment", {"A": "x y"}),
        ('A="x\\ny"', {"A": "x\ny"}),
        ("A='x\\ny'", {"A": "x\\ny"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=x #y", {"A": "x"}),
        ("A=", {"A": ""}),
        ("A=1=2", {"A": "1=2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("NAME_ALONE\nA=1", {"A": "1"}),
        ("A=${HOME}$B", {"A": "${HOME}$B"}),
    ],
)
def test_a_file_is_read_as_compose_reads_it(text: str, variables: dict[str, str]) -> None:
    USUAL.write_text(text)
    assert read_env_file(USUAL) == variables


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"A=1\n\n\nfoo secret bar\nB=2", 4),
        (b"A='secret", 1),
        (b"=secret", 1),
        (b"A B=secret", 1),
        (b'{"A": "secret"}', 1),
        (b"A=1\n[secret]\nB=2", 2),
        (b"A: secret", 1),
        (b"A=1\n- secret", 2),
        (b"<a>secret</a>", 1),
        (b"A=secret\0", 1),
        (b"A=1\nB=\xff", 2),
    ],
)
def test_a_line_that_is_none_is_named_by_its_number_alone(content: bytes, line: int) -> None:
    USUAL.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        read_env_file(USUAL)
    assert str(raised.value).startswith(f".env:{line} ")
    assert "secret" not in str(raised.value)


def test_a_file_that_is_too_large_is_none() -> None:
    USUAL.write_text("A=" + "x" * 300_000)
    with pytest.raises(SettingsError, match="more than 262144 bytes"):
        read_env_file(USUAL)


def test_a_variable_of_the_environment_is_kept() -> None:
    USUAL.write_text("A=file\nB=file\nC=file")
    environ = {"A": "environment", "B": ""}
    load_env_file(None, environ)
    assert environ == {"A": "environment", "B": "file", "C": "file"}


def test_the_usual_file_may_be_missing_and_a_named_one_may_not() -> None:
    environ: dict[str, str] = {}
    load_env_file(None, environ)
    assert environ == {}
    with pytest.raises(FileNotFoundError):
        load_env_file(Path("none.env"), environ)


def test_the_usual_file_can_be_switched_off_and_a_named_one_not() -> None:
    USUAL.write_text("A=1")
    environ = {DISABLED: "1"}
    load_env_file(None, environ)
    assert "A" not in environ
    load_env_file(USUAL, environ)
    assert environ["A"] == "1"


def test_a_no_switches_the_usual_file_on() -> None:
    """As python-dotenv reads it. Mutant seen to fail: any value switches it off."""
    USUAL.write_text("A=1")
    environ = {DISABLED: "0"}
    load_env_file(None, environ)
    assert environ["A"] == "1"


def test_a_folder_of_that_name_is_no_file(working_folder: Path) -> None:
    (working_folder / ".env").mkdir()
    load_env_file(None, {})
