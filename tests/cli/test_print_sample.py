"""`router sample` as a user runs it."""

from pathlib import Path

import msgspec
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from router.cli import main
from router.events.schemas import KNOWN_TYPES

FAILED = "com.twilio.messaging.message.failed"


def router(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sample", *arguments])


def test_a_sample_is_an_event_that_other_commands_read(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(router(FAILED).stdout)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text(
        "destinations: {noc: {capture: {}}}\n"
        f"rules: [{{name: all, events: [{FAILED}], when: data.errorCode == 30008, send_to: [noc]}}]"
    )

    explained = CliRunner().invoke(main, ["explain", "--rules", str(rules), str(event)])

    assert (explained.exit_code, "matched" in explained.output) == (0, True)


def test_types_are_listed_by_product() -> None:
    lines = router().stdout.splitlines()

    assert lines[0] == "Voice Insights:"
    assert len([line for line in lines if line.startswith("  com.twilio.")]) == len(KNOWN_TYPES)
    assert any(line.endswith("(fields not known)") for line in lines)
    assert any(line.endswith("(discontinued)") for line in lines)


def test_a_beginning_lists_the_types_below_it() -> None:
    listed = msgspec.json.decode(router("com.twilio.studio.*", "--json").stdout)

    assert [each["type"] for each in listed] == [
        "com.twilio.studio.flow.execution.started",
        "com.twilio.studio.flow.execution.ended",
        "com.twilio.studio.flow.step.ended",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("com.twilio.messaging.message.failedd", f'did you mean "{FAILED}"?'),
        ("messaging.message.failed", f'did you mean "{FAILED}"?'),
        ("com.twilio.studio", "router sample 'com.twilio.studio.*' lists the types"),
        ("com.example.*", "router sample lists the types"),
        ("heartbeat\x1b[31m", "router sample lists the types"),
    ],
)
def test_an_unknown_type_is_a_usage_error_with_a_hint(name: str, hint: str) -> None:
    result = router(name)

    assert result.exit_code == 2
    assert hint in result.stderr
    assert "\x1b" not in result.stderr


def test_a_type_without_known_fields_says_so() -> None:
    result = router("com.twilio.iam.ip.blocked.dryrun")

    assert msgspec.json.decode(result.stdout)["data"] == {}
    assert "its data is empty here" in result.stderr


def test_a_shell_completes_types() -> None:
    completion = ShellComplete(main, {}, "router", "_ROUTER_COMPLETE")

    found = completion.get_completions(["sample"], "com.twilio.studio.flow.e")

    assert [each.value for each in found] == [
        "com.twilio.studio.flow.execution.started",
        "com.twilio.studio.flow.execution.ended",
    ]
