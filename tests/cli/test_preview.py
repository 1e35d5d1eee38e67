"""``router preview``: the message that a destination would get."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from router.cli import main

EVENT = Path(__file__).parents[1] / "data" / "conference-summary-complete.json"
RULES = """
destinations:
  team: {slack: {token: "${SLACK_TOKEN}", channel: C042}}
  noc: {email: {to: [noc@example.com], from: r@example.com, smtp_url: "${SMTP_URL}"}}
  hook: {http: {url: "https://h.example/", bearer: s3cr3t-canary}}
rules:
  - name: quality
    events: ["com.twilio.*"]
    when: data.status == "no such status"
    send_to: [team]
    summary: "{{ data.friendly_name }} had trouble"
"""


@pytest.fixture
def preview(tmp_path: Path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)

    def run(*arguments: str, rule: str = "quality") -> Result:
        folder = ["--rules", str(tmp_path / "rules")]
        return CliRunner().invoke(main, ["preview", rule, str(EVENT), *folder, *arguments])

    return run


@pytest.mark.parametrize(
    ("destination", "shown"),
    [
        ("team", '"channel": "C042"'),
        ("noc", "subject: [WARNING] Weekly Standup Meeting had trouble"),
        ("hook", '"summary": "Weekly Standup Meeting had trouble"'),
    ],
)
def test_each_kind_is_shown_whether_or_not_the_rule_matches(destination, shown, preview):
    result = preview("--destination", destination)
    assert result.exit_code == 0, result.output
    assert shown in result.output
    assert "s3cr3t-canary" not in result.output


@pytest.mark.parametrize(
    ("moment", "heading", "note"),
    [
        ("--late", "🟠 quality", "3 more alerts were suppressed"),
        ("--reminder", "🟠 Still firing: quality", "Still firing: reminder 1, since"),
        ("--resolved", "✅ Resolved: quality", "Resolved after 3 h. "),
    ],
)
def test_the_later_messages_of_an_alert_are_shown_on_request(moment, heading, note, preview):
    shown = preview("--destination", "team", moment).output
    assert heading in shown
    assert note in shown


@pytest.mark.parametrize("destination", ["team", "noc", "hook"])
def test_it_is_written_as_a_page(destination, preview, tmp_path):
    file = tmp_path / "page.html"
    result = preview("--destination", destination, "--html", str(file))
    assert result.output == f"written to {file}\n"
    assert "Weekly Standup Meeting had trouble" in file.read_text()
    assert file.read_text().startswith("<!DOCTYPE html>")


def test_a_destination_that_is_on_duty_at_some_times_is_noted(preview, tmp_path):
    schedule = "schedules: {first: {dates: ['2001-01-01']}}\n"
    send_to = "[{to: team, outside: first}, {to: hook, during: first}, noc]"
    rules = tmp_path / "rules" / "a.yaml"
    rules.write_text(schedule + RULES.replace("[team]", send_to))

    assert "note: team (outside first) is on duty" in preview("--destination", "team").stderr
    assert "note: hook (during first) is off duty" in preview("--destination", "hook").stderr
    assert preview("--destination", "noc").stderr == ""


def test_json_for_programs(preview):
    shown = json.loads(preview("--destination", "hook", "--json").output)
    assert shown["content_type"] == "application/json"


@pytest.mark.parametrize(
    ("arguments", "rule", "message"),
    [
        (["--destination", "noc"], "qualty", "there is no rule 'qualty', did you mean 'quality'?"),
        (["--destination", "unknown"], "quality", "there are: hook, noc, team"),
        (["--destination", "noc", "--html", "/nowhere/x.html"], "quality", "cannot be written"),
    ],
)
def test_unknown_names_are_reported(arguments, rule, message, preview):
    result = preview(*arguments, rule=rule)
    assert (result.exit_code, message in result.output) == (2, True)
