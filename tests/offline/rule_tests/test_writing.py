"""An event that is written as a rule test is read and passes as it is."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.configuration.load import load
from router.configuration.model import Configuration
from router.events.decode import decode_request
from router.events.model import Event
from router.offline.rule_tests.reading import Suite, read_tests
from router.offline.rule_tests.running import run_case
from router.offline.rule_tests.writing import EVENT_FILE, written_test

RECEIVED_AT = 1_767_276_000.5
MATCHING = {"issues": 3, "region": "us1", "team": "ops"}

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.sampled_from(
    ["yes", "1e3", "0777", "2026-01-01", "${HOME}", "- a", "a: b", "~", "", "#"]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | words, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def configuration(folder: Path) -> Configuration:
    return load(folder, {})


def event_of(data: Any) -> Event:
    document = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "here",
        "type": "com.example.call",
        "time": "2026-01-01T14:00:00Z",
        "data": data,
    }
    body = msgspec.json.encode(document)
    return decode_request(body, received_at=RECEIVED_AT, max_events=1).events[0]


def read_back(folder: Path, configuration: Configuration, event: Event, **more: Any) -> Suite:
    text = written_test(event, configuration.rules, configuration.silences, **more)
    (folder / "tests" / "written.yaml").write_text(text, encoding="utf-8")
    (folder / "tests" / EVENT_FILE).write_bytes(event.body)
    return read_tests(folder, configuration)


def test_a_written_test_expects_what_the_event_causes_and_passes(
    folder: Path, configuration: Configuration
) -> None:
    suite = read_back(folder, configuration, event_of(MATCHING), notes=("as it came\nfrom afar",))
    (case,) = suite.cases
    result = run_case(case, configuration.rules, configuration.silences)

    assert (suite.warnings, result.differences) == ((), ())
    assert "bad" in result.fired
    assert (folder / "tests" / "written.yaml").read_text().startswith("# as it came\\nfrom afar\n")


@pytest.mark.parametrize(
    "data",
    [{}, [], None, "text", {"deep": [[[1]], {"a": {"b": []}}]}, 10**50, [[]] * 3],
    ids=str,
)
def test_data_of_any_form_is_written(
    folder: Path, configuration: Configuration, data: object
) -> None:
    (case,) = read_back(folder, configuration, event_of(data)).cases

    assert case.moments[0].event["data"] == data


def test_an_event_that_is_too_deep_for_yaml_stands_in_a_file(
    folder: Path, configuration: Configuration
) -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    (case,) = read_back(folder, configuration, event_of(deep)).cases

    assert case.moments[0].event["data"] == deep


@given(data=values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_reader_gets_the_event_that_was_written(
    folder: Path, configuration: Configuration, data: Any
) -> None:
    event = event_of(data)
    (case,) = read_back(folder, configuration, event).cases

    assert case.moments[0].event == msgspec.json.decode(event.body)
