"""``router silence`` on a real Redis."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from router.api.silences import silence_view
from router.cli import main
from router.cli.silence import matches_text
from router.datatypes import Secret
from router.journal.silences import StoredSilence
from router.rules.suppression.silences import SilenceText

RULES = """
destinations: {noc: {capture: {}}}
rules:
  - {name: one, events: [e], labels: {limit: "5"}, send_to: [noc]}
  - {name: two, events: [e], severity: critical, send_to: [noc]}
"""


@pytest.fixture
def environ(redis_url: Secret, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "a.yaml").write_text(RULES)
    return {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(tmp_path),
        "USER": "ann",
    }


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
    assert 'rule=one and data.region=~^de and data.count!=5 and !key.matches("^x")' in listed.stdout
    assert "ann: work" in listed.stdout
    assert (expired.exit_code, expired.stdout.split()[1]) == (0, "ended")
    assert run(environ, "list").stdout == ""
    assert silence["id"] in run(environ, "list", "--all").stdout


def test_a_silence_may_last_until_its_alerts_are_resolved(environ: dict[str, str]) -> None:
    added = run(
        environ,
        *("add", "--match", "rule=one", "--until-resolved", "--when-over", "drop"),
        *("--comment", "work", "--json"),
    )
    (silence,) = msgspec.json.decode(added.stdout)["silences"]

    assert added.stderr == "note: no open alert matches it, and it silences only those\n"
    assert (silence["until_resolved"], silence["when_over"]) == (True, "drop")
    assert silence["ends_at"] - silence["starts_at"] == 30 * 86_400
    assert "and open before it" in run(environ, "list").stdout


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
        (["--match", "rule=tow", "--for", "2h"], 'no rule "tow" (did you mean "two"?)'),
        (["--match", "severity=crittical", "--for", "2h"], 'did you mean "critical"?'),
        (["--match", "labels.no_such=x", "--for", "2h"], 'no rule has the label "no_such"'),
        (["--match", "rule=~", "--for", "2h"], "this silences every alert"),
        (["--match", "rule=~.*", "--for", "2h"], "this silences every alert"),
        (["--when", "true", "--for", "2h"], "this silences every alert"),
        (["--match", "rule=one", "--match", "severity=info", "--for", "2h"], "no alert of any"),
        (["--match", "rule=one", "--ends", "2020-01-01T00:00:00Z"], "which is past"),
        (["--match", "rule=one", "--for", "2h", "--rules", "/nope"], "/nope"),
    ],
)
def test_an_invalid_silence_is_exit_code_2(
    environ: dict[str, str], arguments: list[str], message: str
) -> None:
    result = run(environ, "add", *arguments, "--comment", "work")

    assert result.exit_code == 2
    assert message in result.stderr
    assert run(environ, "list", "--all").stdout == ""


def test_the_answer_says_how_many_rules_match(environ: dict[str, str]) -> None:
    """Case R13."""
    arguments = ["add", "--when", "severity != 'info'", "--for", "2h", "--comment", "work"]

    assert run(environ, *arguments).stdout.endswith("  matches 2 rules of 2, 0 open alerts now\n")
    (silence,) = msgspec.json.decode(run(environ, *arguments, "--json").stdout)["silences"]
    assert silence["matching_rules"] == 2


def test_a_label_is_text(environ: dict[str, str]) -> None:
    """Case R13: labels.limit=5 asked for the number 5, which no label is."""
    arguments = ["--match", "labels.limit=5", "--match", "rule!=007", "--match", "data.n=5"]
    added = run(environ, "add", *arguments, "--for", "2h", "--comment", "work", "--json")

    assert added.exit_code == 2  # there is no rule "007"
    added = run(environ, "add", *arguments[:2], "--for", "2h", "--comment", "work", "--json")
    (silence,) = msgspec.json.decode(added.stdout)["silences"]
    assert (silence["match"], silence["matching_rules"]) == ({"labels.limit": {"==": "5"}}, 1)


@pytest.mark.parametrize("content", [None, "rules: ["])
def test_a_silence_is_added_without_rules_to_check_it_against(
    environ: dict[str, str], tmp_path: Path, content: str | None
) -> None:
    """A silence may be more urgent than the rules folder."""
    folder = tmp_path / "other"
    if content is not None:
        folder.mkdir()
        (folder / "a.yaml").write_text(content)
    arguments = ["--match", "rule=tow", "--for", "2h", "--comment", "work"]

    result = run({**environ, "ROUTER_RULES": str(folder)}, "add", *arguments)

    assert result.exit_code == 0
    assert result.stderr.startswith("note: its names are not checked: ")
    assert result.stdout.endswith("\n  matches 0 open alerts now\n")


def test_an_unknown_id_is_exit_code_1(environ: dict[str, str]) -> None:
    result = run(environ, "expire", "none")

    assert (result.exit_code, result.stderr) == (1, "router: there is no silence none\n")


def test_unavailable_redis_is_exit_code_2() -> None:
    result = run({"ROUTER_REDIS_URL": "unix:///nowhere.sock"}, "list")

    assert result.exit_code == 2
    assert result.stderr.startswith("router: Redis has no socket at")


@pytest.mark.parametrize(
    ("rules", "alerts", "is_complete", "line"),
    [
        (3, 2, True, "  matches 3 rules of 5, 2 open alerts now"),
        (1, 1, True, "  matches 1 rule of 5, 1 open alert now"),
        (None, 10_000, False, "  matches at least 10,000 open alerts now"),
        (2, None, True, "  matches 2 rules of 5"),
        (None, None, True, "  what it matches is not known"),
    ],
)
def test_the_answer_says_what_is_known(
    rules: int | None, alerts: int | None, *, is_complete: bool, line: str
) -> None:
    text = SilenceText(match={"rule": "one"}, ends="2033-01-01T00:00:00Z", author="a", comment="c")
    view = silence_view(StoredSilence(id="s", text=text, created_at=0.0), 0.0)
    known = msgspec.structs.replace(
        view, matching_rules=rules, open_alerts=alerts, open_alerts_complete=is_complete
    )

    assert matches_text(known, 5) == line
