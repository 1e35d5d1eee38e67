"""``router silence`` on a real Redis."""

import msgspec
import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.datatypes import Secret


@pytest.fixture
def environ(redis_url: Secret) -> dict[str, str]:
    return {"ROUTER_REDIS_URL": redis_url.reveal(), "USER": "ann"}


def run(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner(env=environ).invoke(main, ["silence", *arguments])


def test_a_silence_is_added_listed_and_expired(environ: dict[str, str]) -> None:
    added = run(
        environ,
        "add",
        "--match",
        "rule=one",
        "--match",
        "data.region=~^de",
        "--for",
        "2h",
        *("--match", "data.count!=5", "--match", "key!~^x", "--comment", "work", "--json"),
    )
    (silence,) = msgspec.json.decode(added.stdout)["silences"]
    listed = run(environ, "list")
    expired = run(environ, "expire", silence["id"])

    assert silence["match"] == {
        "rule": {"==": "one"},
        "data.region": {"matches": "^de"},
        "data.count": {"!=": 5},
    }
    assert silence["when"] == '!key.matches("^x")'
    assert (silence["author"], silence["state"]) == ("ann", "active")
    assert 7199 <= silence["ends_at"] - silence["created_at"] <= 7201
    assert silence["id"] in listed.stdout
    assert "ann: work" in listed.stdout
    assert (expired.exit_code, expired.stdout.split()[1]) == (0, "ended")
    assert run(environ, "list").stdout == ""
    assert silence["id"] in run(environ, "list", "--all").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--match", "rule=one"], "give either --for"),
        (["--match", "rule=one", "--for", "2h", "--ends", "x"], "give either --for"),
        (["--match", "rule=one", "--for", "2"], "is not a duration"),
        (["--match", "rule=one", "--ends", "tomorrow"], "expected a time with its zone"),
        (["--match", "rule", "--for", "2h"], "write for example rule=call-quality"),
        (["--match", "rul=one", "--for", "2h"], 'did you mean "rule"?'),
        (["--when", "severity =", "--for", "2h"], "write == to compare"),
        (["--for", "2h"], "a silence of all alerts is not allowed"),
        (["--match", "rule=a", "--match", "rule=b", "--for", "2h"], "given twice"),
    ],
)
def test_an_invalid_silence_is_exit_code_2(
    environ: dict[str, str], arguments: list[str], message: str
) -> None:
    result = run(environ, "add", *arguments, "--comment", "work")

    assert result.exit_code == 2
    assert message in result.stderr
    assert run(environ, "list", "--all").stdout == ""


def test_an_unknown_id_is_exit_code_1(environ: dict[str, str]) -> None:
    result = run(environ, "expire", "none")

    assert (result.exit_code, result.stderr) == (1, "router: there is no silence none\n")


def test_unavailable_redis_is_exit_code_2() -> None:
    result = run({"ROUTER_REDIS_URL": "unix:///nowhere.sock"}, "list")

    assert result.exit_code == 2
    assert result.stderr.startswith("router: Redis:")
