"""`router explain` as a user runs it."""

from pathlib import Path

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


def test_an_invalid_event_is_exit_code_2(rules: Path, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"specversion": "1.0"}')
    result = router("explain", "--rules", rules, event)
    assert result.exit_code == 2
    assert "not a CloudEvent: Object missing required field `id`" in result.stderr
