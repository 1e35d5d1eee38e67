"""Commands about rules, as a user runs them."""

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
        f"{rules}: 1 rules, 1 destinations, nothing found\n",
    )


def test_findings_are_exit_code_1(rules: Path) -> None:
    (rules / "b.yaml").write_text("rulse: []\n")
    result = router("check", rules)
    assert result.exit_code == 1
    assert 'error: unknown section "rulse"' in result.output
    assert result.output.endswith("1 finding in 1 file\n")


def test_findings_come_as_json_too(rules: Path) -> None:
    (rules / "b.yaml").write_text("rulse: []\n")
    result = router("check", "--json", rules)
    assert result.exit_code == 1
    (finding,) = msgspec.json.decode(result.output)["findings"]
    assert (finding["line"], finding["column"]) == (1, 1)


def test_what_is_no_event_is_exit_code_2(rules: Path, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"specversion": "1.0"}')
    result = router("explain", "--rules", rules, event)
    assert result.exit_code == 2
    assert "this is no CloudEvent: Object missing required field `id`" in result.stderr
