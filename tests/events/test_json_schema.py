"""The schema of events agrees with the Structs."""

import jsonschema
import msgspec
import pytest

from router.events.json_schema import json_schema


def accepts(event: object) -> bool:
    return bool(jsonschema.Draft202012Validator(json_schema()).is_valid(event))


def test_twilios_example_is_an_event(sample: bytes) -> None:
    assert accepts(msgspec.json.decode(sample))


def test_data_of_another_type_may_be_anything(sample: bytes) -> None:
    event = msgspec.json.decode(sample)
    assert accepts({**event, "type": "com.example.other", "data": 3, "tenant": "x"})


@pytest.mark.parametrize("change", [{"id": ""}, {"data": {"status": "completed"}}, {"source": 3}])
def test_data_that_violates_the_documentation_is_rejected(
    sample: bytes, change: dict[str, object]
) -> None:
    assert not accepts({**msgspec.json.decode(sample), **change})
