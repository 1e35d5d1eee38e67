"""`router check` as a user runs it."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from router.cli import main

SOUND = """
destinations: {noc: {capture: {}}}
rules: [{name: all, events: ["*"], send_to: [noc]}]
"""


def router(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(SOUND)
    return tmp_path


def test_a_sound_folder_is_checked_with_exit_code_0(rules: Path) -> None:
    result = router("check", rules)
    assert (result.exit_code, result.output) == (
        0,
        f"{rules}: 1 rule, 1 destination, nothing found\n",
    )


def test_findings_are_exit_code_1(rules: Path) -> None:
    (rules / "b.yaml").write_text("rulse: []\n")
    result = router("check", rules)
    assert result.exit_code == 1
    assert 'error: unknown section "rulse"' in result.output
    assert result.output.endswith("1 error in 1 file\n")


def test_findings_come_as_json_too(rules: Path) -> None:
    (rules / "b.yaml").write_text("rulse: []\n")
    result = router("check", "--json", rules)
    assert result.exit_code == 1
    (finding,) = msgspec.json.decode(result.output)["findings"]
    assert (finding["line"], finding["column"]) == (1, 1)


def test_warnings_are_exit_code_1_with_strict_only(rules: Path) -> None:
    event = "com.twilio.voice.insights.conference-summary.complete"
    when = "data.friendly_name != 'x'"
    (rules / "b.yaml").write_text(
        f"rules: [{{name: b, events: [{event}], when: {when}, send_to: [noc]}}]\n"
    )
    result = router("check", rules)
    assert result.exit_code == 0
    assert "warning: `data.friendly_name != 'x'` is not true for" in result.output
    assert result.output.endswith(
        f"1 warning in 1 file\n{rules}: 2 rules, 1 destination, no errors\n"
    )
    assert router("check", "--strict", rules).exit_code == 1
    (finding,) = msgspec.json.decode(router("check", "--json", rules).output)["findings"]
    assert finding["level"] == "warning"


def test_tests_are_checked_too(rules: Path) -> None:
    (rules / "tests").mkdir()
    (rules / "tests" / "a.yaml").write_text("tests: [{name: x}]\n")
    result = router("check", rules)
    assert result.exit_code == 1
    assert "the test expects nothing" in result.output


def test_rules_that_cannot_be_checked_are_named(rules: Path) -> None:
    """Case R16: a note and no warning, because any sender may have types of its own."""
    (rules / "b.yaml").write_text("""
rules:
  - {name: own, events: [com.example.trunk.down], when: data.x > 1, send_to: [noc]}
  - {name: by, events: [e], cooldown: {for: 1m, by: [data.x]}, send_to: [noc]}
  - {name: up, events: [e], resolve: {events: [f], by: [data.x]}, send_to: [noc]}
  - {name: nothing-to-check, events: [e], send_to: [noc]}
  - name: known
    events: [com.twilio.voice.insights.conference-summary.complete]
    when: data.status == "completed"
    send_to: [noc]
""")
    result = router("check", "--strict", rules)
    assert result.exit_code == 0
    assert result.output.splitlines()[1:] == [
        "note: rule own: fields are not checked: type unknown: com.example.trunk.down",
        "note: rule by: fields are not checked: type unknown: e",
        "note: rule up: fields are not checked: type unknown: e, f",
    ]
    unchecked = msgspec.json.decode(router("check", "--json", rules).output)["unchecked"]
    assert unchecked == {"own": ["com.example.trunk.down"], "by": ["e"], "up": ["e", "f"]}


def test_documented_types_and_fields_that_cannot_be_checked_are_named(rules: Path) -> None:
    """Case I16."""
    (rules / "b.yaml").write_text("""
rules:
  - name: blocked
    events: [com.twilio.iam.ip.blocked.dryrun, e]
    when: data.address == "x"
    send_to: [noc]
  - name: mos
    events: [com.twilio.voice.insights.conference-participant-summary.complete]
    when: data.metrics.inbound.mos < 3.5 && data.metrics.inbound.jitter.avg > 30.0
    send_to: [noc]
""")
    result = router("check", "--strict", rules)
    assert result.exit_code == 0
    reasons = "type unknown: e; no fields are known of com.twilio.iam.ip.blocked.dryrun"
    assert result.output.splitlines()[1:] == [
        f"note: rule blocked: fields are not checked: {reasons}",
        "note: rule mos: not checked, because its form is not documented: data.metrics.inbound.mos",
    ]
    found = msgspec.json.decode(router("check", "--json", rules).output)["unchecked_fields"]
    assert found == {"mos": ["data.metrics.inbound.mos"]}


def test_a_destination_that_nothing_uses_is_noted(rules: Path) -> None:
    """Case R19: a note and no warning, because it may be there for the next rule."""
    (rules / "b.yaml").write_text("""
destinations: {boss: {capture: {}}, later: {capture: {}}, table: {capture: {}}}
tables: {t: {rows: {k: {to: table}}}}
rules:
  - {name: up, events: [e], send_to: [noc], escalate: {after: 5m, send_to: [boss]}}
  - {name: look, events: [e], send_to: [{from: 'tables.t[event.source].to', otherwise: noc}]}
""")
    result = router("check", "--strict", rules)
    assert (result.exit_code, result.output.splitlines()[1:]) == (
        0,
        ["note: destination later is used by no rule and no route"],
    )


def test_a_folder_without_rules_is_exit_code_2_as_in_other_commands(tmp_path: Path) -> None:
    """Case O15: it was 1, as if the rules had errors; the other commands had 2."""
    results = [router(command, tmp_path) for command in ("check", "test")]

    assert [result.exit_code for result in results] == [2, 2]
    assert results[0].output == results[1].output


def test_sources_are_counted_and_their_variables_noted(rules: Path) -> None:
    (rules / "b.yaml").write_text(
        'sources: {code: {preset: github, verify: {secret: "${SECRET_THAT_IS_NOT_SET}"}}}'
    )
    result = router("check", "--strict", rules)
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            f"{rules}: 1 rule, 1 destination, 1 source, nothing found",
            "note: source code needs SECRET_THAT_IS_NOT_SET, not set here",
        ],
    )
    assert msgspec.json.decode(router("check", "--json", rules).output)["unset_of_sources"] == {
        "code": ["SECRET_THAT_IS_NOT_SET"]
    }
