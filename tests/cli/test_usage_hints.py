"""What other tools call a command or an option leads to ours."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules" / "tests").mkdir(parents=True)
    (tmp_path / "rules" / "a.yaml").write_text("rules: []\n")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ini", "No such command 'ini'. Did you mean 'init'?"),
        ("alert list", "No such command 'alert'. Did you mean 'alerts'?"),
        ("silences list", "No such command 'silences'. Did you mean 'silence'?"),
        ("validate", "No such command 'validate'. Did you mean 'check'?"),
        ("lint rules", "No such command 'lint'. Did you mean 'check'?"),
        ("new", "No such command 'new'. Did you mean 'init'?"),
        ("silence new", "No such command 'new'. Did you mean 'add'?"),
        ("serve", "No such command 'serve'. Did you mean 'run'?"),
        ("status", "No such command 'status'. Did you mean 'doctor'?"),
        ("dlq", "No such command 'dlq'. Did you mean 'dead-letters'?"),
        ("version", "No such command 'version'. Did you mean '--version'?"),
        ("help", "No such command 'help'. Did you mean '--help'?"),
        ("alerts ack", "No such command 'ack'. Did you mean 'acknowledge'?"),
        ("silence rm x", "No such command 'rm'. Did you mean 'expire'?"),
        ("silence create", "No such command 'create'. Did you mean 'add'?"),
        ("destinations disable a", "No such command 'disable'. Did you mean 'pause'?"),
        ("dead-letters redrive", "No such command 'redrive'. Did you mean 'replay'?"),
        ("rules describe", "No such command 'describe'. Did you mean 'show'?"),
        ("kinesis stat", "No such command 'stat'. Did you mean 'status'?"),
        ("xyzzy", "No such command 'xyzzy'."),
        ("dev --port 9", "No such option '--port': it is the setting ROUTER_PORT"),
        ("run --redis-url x", "No such option '--redis-url': it is the setting ROUTER_REDIS_URL"),
        ("worker --config x", "No such option '--config': it is the setting ROUTER_RULES"),
        (
            "--log-level debug run",
            "No such option '--log-level': it is the setting ROUTER_LOG_LEVEL",
        ),
        ("run --workers 4", "No such option '--workers': write --processes"),
        (
            "run rules",
            "unexpected extra argument (rules): the rules folder is the setting ROUTER_RULES",
        ),
        ("run nowhere", "unexpected extra argument (nowhere)"),
        ("check rules/a.yaml", "'rules/a.yaml' is a file: write its folder, 'rules'"),
        ("test rules/a.yaml", "'rules/a.yaml' is a file: write its folder, 'rules'"),
        ("explain - --rules rules/a.yaml", "'rules/a.yaml' is a file: write its folder, 'rules'"),
        ("test rules --junit=", "the name is empty: write that of a file"),
        ("check rules/tests", "'rules/tests' has the tests of rules: write 'rules'"),
        ("run --xyzzy", "No such option '--xyzzy'."),
    ],
)
def test_the_error_says_what_to_type(typed: str, said: str) -> None:
    result = CliRunner().invoke(main, typed.split())
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]


def test_an_empty_name_of_a_folder_is_not_this_folder() -> None:
    """``router check "$RULES"`` with a variable of the shell that is not set."""
    result = CliRunner().invoke(main, ["check", ""])
    assert (result.exit_code, "the name is empty" in result.stderr) == (2, True)


def test_a_wrong_option_that_has_a_similar_one_keeps_the_suggestion() -> None:
    result = CliRunner().invoke(main, ["check", "--strct"])
    assert "No such option" in result.stderr
    assert "--strict" in result.stderr
