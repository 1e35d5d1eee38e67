"""`router schema` as a user runs it."""

import msgspec
import pytest
from click.testing import CliRunner

from router.cli import main


@pytest.mark.parametrize("name", ["rules", "events", "tests"])
def test_schemas_are_printed(name: str) -> None:
    assert "$defs" in msgspec.json.decode(CliRunner().invoke(main, ["schema", name]).output)
