"""The schema of events agrees with the Structs."""

import jsonschema
import msgspec
import pytest

from router.events.json_schema import json_schema, json_schema_of
from router.events.schemas import KNOWN_TYPES
from router.events.type_sample import type_sample


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


def test_a_sample_of_each_type_is_an_event() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())

    assert [name for name in KNOWN_TYPES if not validator.is_valid(type_sample(name))] == []


@pytest.mark.parametrize(
    ("event_type", "definitions"),
    [
        ("com.twilio.eventstreams.test-event", {"SinkTestData"}),
        ("com.twilio.iam.ip.blocked.dryrun", set()),
        (
            "com.twilio.voice.insights.call-metrics.gateway",
            {"CallMetric", "GatewayMetrics", "SampledMetrics", "SampledValue", "EdgeMetadata"}
            | {"SdkMetrics", "SdkMetadata", "Location", "Sdk", "Browser"},
        ),
    ],
)
def test_the_schema_of_a_type_has_its_own_definitions(
    event_type: str, definitions: set[str]
) -> None:
    schema = json_schema_of(event_type)
    validator = jsonschema.Draft202012Validator(schema)

    assert schema["$defs"].keys() == definitions
    assert validator.is_valid(type_sample(event_type))
    assert not validator.is_valid({**type_sample(event_type), "type": "com.example.other"})


def test_a_field_says_what_it_means_and_what_is_not_checked() -> None:
    definitions = json_schema()["$defs"]

    jitter = definitions["ParticipantStream"]["properties"]["jitter"]
    mos = definitions["ParticipantStream"]["properties"]["mos"]
    assert jitter["description"] == "Jitter. Unit: ms."
    assert "Not checked: it is a number in the API" in mos["description"]
