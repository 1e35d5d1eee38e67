"""Files of rule tests: what is wrong with them is found, at its place."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.golden import golden

from router.configuration.diagnostics import render_diagnostics
from router.configuration.load import load
from router.configuration.model import Configuration
from router.errors import Diagnostic, RulesError
from router.offline.rule_tests.reading import Suite, read_tests

DATA = Path(__file__).parents[2] / "data" / "tests"
TWILIO = "com.twilio.voice.insights.conference-summary.complete"


@pytest.fixture
def configuration(folder: Path) -> Configuration:
    return load(folder, {})


def findings(folder: Path, configuration: Configuration) -> list[Diagnostic]:
    try:
        return list(read_tests(folder, configuration).warnings)
    except RulesError as error:
        return error.diagnostics


@pytest.mark.parametrize("case", sorted(path.stem for path in DATA.glob("*.yaml")))
def test_a_wrong_file_is_explained(folder: Path, configuration: Configuration, case: str) -> None:
    (folder / "tests" / f"{case}.yaml").write_bytes((DATA / f"{case}.yaml").read_bytes())
    seen = render_diagnostics(findings(folder, configuration)) + "\n"
    assert golden(f"{case}.txt", seen, folder=DATA) == seen


def test_a_folder_without_tests_has_none(folder: Path, configuration: Configuration) -> None:
    (folder / "tests").rmdir()
    assert read_tests(folder, configuration) == Suite((), ())


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_event_may_stand_in_a_file(
    folder: Path, configuration: Configuration, sample: bytes, mark: bytes
) -> None:
    """Case I18: with a byte order mark, too."""
    (folder / "tests" / "event.json").write_bytes(mark + sample)
    (folder / "tests" / "a.yaml").write_text(
        "tests: [{name: t, event: {file: event.json}, expect: []}]"
    )
    (case,) = read_tests(folder, configuration).cases
    event = case.moments[0].event
    assert event is not None
    assert event["data"] == msgspec.json.decode(sample)["data"]
    assert "id" not in event


KEYS = [
    *(
        "event",
        "with",
        "without",
        "expect",
        "steps",
        "at",
        "after",
        "times",
        "rule",
        "name",
        "type",
    ),
    *("data", "file", "data.a.b", "clock", "rules", "send_to", "every"),
]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
words = st.sampled_from(["call", "bad", "10s", "data.issues", "noc", TWILIO])
nodes = st.recursive(
    leaves | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)
documents = st.fixed_dictionaries(
    {"tests": nodes | st.lists(nodes, max_size=3)},
    optional={"events": nodes | st.dictionaries(st.sampled_from(["call", "x"]), nodes)},
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(document=documents | nodes)
def test_any_document_is_tests_or_explained(
    folder: Path, configuration: Configuration, document: object
) -> None:
    (folder / "tests" / "a.yaml").write_bytes(msgspec.yaml.encode(document))
    assert isinstance(render_diagnostics(findings(folder, configuration)), str)


def test_a_misspelt_type_of_an_event_is_a_warning(
    folder: Path, configuration: Configuration
) -> None:
    """Case R16."""
    event = f"{{type: {TWILIO}d, data: {{}}}}"
    text = f"tests: [{{name: t, event: {event}, expect: []}}]"
    (folder / "tests" / "a.yaml").write_text(text)

    (warning,) = findings(folder, configuration)

    assert warning.message == f'no event type "{TWILIO}d" is known'
    assert warning.hint == f'did you mean "{TWILIO}"?'
