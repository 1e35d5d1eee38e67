"""`router schema` as a user runs it."""

import msgspec
import pytest
from click.testing import CliRunner

from router.cli import main


@pytest.mark.parametrize("name", ["rules", "events", "tests"])
def test_schemas_are_printed(name: str) -> None:
    assert "$defs" in msgspec.json.decode(CliRunner().invoke(main, ["schema", name]).output)


def test_the_schema_of_one_type_is_a_page() -> None:
    wanted = "com.twilio.messaging.message.failed"
    result = CliRunner().invoke(main, ["schema", "events", wanted])
    schema = msgspec.json.decode(result.output)

    assert (schema["title"], schema["properties"]["type"]) == (wanted, {"const": wanted})
    assert schema["$defs"].keys() == {"MessageStatus"}
    assert len(result.output.splitlines()) < 400


def test_the_schema_of_an_unknown_type_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["schema", "events", "com.twilio.messaging.message.failedd"])

    assert result.exit_code == 2
    assert 'did you mean "com.twilio.messaging.message.failed"?' in result.stderr
