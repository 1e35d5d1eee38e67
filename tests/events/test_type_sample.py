"""A sample of each documented type is as its schema says, and rules evaluate it."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.rules_folder import capture, rule

from router.configuration.load import load
from router.events.decode import decode_request
from router.events.model import document
from router.events.schemas import KNOWN_TYPES, SCHEMAS, schema_violation
from router.events.schemas.definitions import products, structs
from router.events.type_sample import schema_of, type_lines, type_sample

SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


@pytest.mark.parametrize("event_type", KNOWN_TYPES)
def test_a_sample_agrees_with_the_schema_of_its_type(event_type: str) -> None:
    event = type_sample(event_type)

    assert schema_violation(event_type, event["data"]) is None
    assert bool(event["data"]) is (event_type in SCHEMAS)
    assert "unknown" not in event["source"]


def test_rules_evaluate_each_sample(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        capture("noc") + "rules:\n" + rule("all", "noc", when="'event.type != \"\"'")
    )
    configuration = load(tmp_path, {})
    events = [type_sample(event_type) for event_type in KNOWN_TYPES]
    received = decode_request(msgspec.json.encode(events), received_at=1.0, max_events=len(events))

    assert received.malformed == []
    assert len({event.key for event in received.events}) == len(received.events)
    for event in received.events:
        judgement = configuration.rules.judge(event.type, document(event))
        assert [match.name for match in judgement.matches] == ["all"]


def test_an_id_differs_if_it_is_asked_for() -> None:
    one = type_sample("com.twilio.messaging.message.failed", "ab" * 16)

    assert one["id"] == "EZ" + "ab" * 16
    assert one["data"] == type_sample("com.twilio.messaging.message.failed")["data"]


def test_sids_have_their_form() -> None:
    wrong = [
        (event_type, path, value)
        for event_type in SCHEMAS
        for path, value in sids(type_sample(event_type)["data"], SCHEMAS[event_type].__name__)
        if not SID.fullmatch(str(value))
    ]
    # Twilio's own example of a conference summary has SIDs that are one digit short.
    documented = "com.twilio.voice.insights.conference-summary.complete"
    assert [each for each in wrong if each[0] != documented] == []


def sids(data: dict[str, Any], name: str) -> list[tuple[str, object]]:
    found = []
    for field_name, field in structs()[name][1].fields.items():
        value = data.get(field_name)
        if field.type.startswith("sid ") and value is not None:
            found.append((field_name, value))
        elif field.type in structs() and value is not None:
            found += sids(value, field.type)
    return found


def test_each_value_of_a_description_is_a_field() -> None:
    """A misspelt path of ``sample`` would be sent as a field that does not exist."""
    unknown = [
        f"{name}: {path}"
        for product in products().values()
        for name, described in product.types.items()
        for path in described.sample
        if not is_field(described.data, path.split("."))
    ]

    assert unknown == []


def is_field(struct: str, path: list[str]) -> bool:
    field = structs()[struct][1].fields.get(path[0])
    return field is not None and (len(path) == 1 or is_field(field.type, path[1:]))


def test_the_list_has_each_type_with_a_sentence() -> None:
    lines = list(type_lines())

    assert [line.type for line in lines] == list(KNOWN_TYPES)
    assert [line.about for line in lines if not line.about.endswith(".")] == []
    assert all(line.is_checked is (line.type in SCHEMAS) for line in lines)


def test_a_type_has_the_schema_of_its_own_or_of_its_struct() -> None:
    assert schema_of("com.twilio.messaging.message.failed") == "Messaging.MessageStatus/7"
    assert schema_of("com.twilio.conversations.user.added") == "Conversations.UserAdded/2"
    assert schema_of("com.twilio.iam.ip.blocked.dryrun") == ""
