"""Entries of the section ``destinations``."""

import pytest
from support.documents import parse_entry, problems

from router.configuration.readers.destinations import MISSING_HOST, read_destination
from router.configuration.variables import MissingVariable
from router.datatypes import Duration, Secret
from router.destinations.capture import CaptureConfig
from router.destinations.http import HttpConfig
from router.destinations.spec import DestinationSpec

ENVIRON = {"URL": "https://hooks.example.com", "EMPTY": ""}


def read(
    text: str, missing: MissingVariable = MissingVariable.ERROR
) -> tuple[DestinationSpec | None, list[str]]:
    document, entry = parse_entry(f"noc: {text}\n")
    return read_destination(document, entry, ENVIRON, missing), problems(document)


def test_an_entry_becomes_a_kind_with_its_configuration() -> None:
    spec, reported = read("{http: {url: '${URL}/x', timeout: 3s}}")
    config = HttpConfig(url=Secret("https://hooks.example.com/x"), timeout=Duration(3))
    assert (spec, reported) == (DestinationSpec(name="noc", kind="http", config=config), [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '1:5: destination "noc": expected its kind, found nothing'),
        ("{}", '1:6: destination "noc": expected its kind, found nothing'),
        ("slack", '1:6: destination "noc": expected its kind, found "slack"'),
        ("{slak: {}}", '"noc": there is no kind "slak" (did you mean "slack"?)'),
        (
            "{rate: 5/m}",
            '"noc": there is no kind "rate" (it is a key below the kind: write for example',
        ),
        (
            "{timeout: 5s, http: {url: x}}",
            'there is no kind "timeout" (it is a key of http: write http: {timeout: …}',
        ),
        ("{to: [a]}", 'there is no kind "to" (it is a key of email: write email: {to: …}'),
        ("{capture: {}, http: {}}", '1:20: destination "noc" has a second kind, "http"'),
        ("{capture: {keep: 0}}", "1:23: keep must be at least 1"),
        ("{http: {url: '${URI}'}}", "1:20: ${URI} is not set (did you mean ${URL}?)"),
        ("{http: {url: '${EMPTY}'}}", "1:20: ${EMPTY} is not set: it is empty"),
    ],
)
def test_a_wrong_entry_is_reported(text: str, expected: str) -> None:
    _, (reported,) = read(text)
    assert expected in reported


def test_a_wrong_name_is_reported_with_the_other_problems() -> None:
    document, entry = parse_entry("NOC: {capture: {keep: 0}}\n")
    read_destination(document, entry, {}, MissingVariable.ERROR)
    assert len(problems(document)) == 2


def test_an_alias_is_reported_once() -> None:
    assert len(read("*alias")[1]) == 1


def test_the_values_of_an_unknown_kind_are_masked() -> None:
    document, entry = parse_entry("noc: {htp: {url: 'https://c4nary.example'}}\n")
    read_destination(document, entry, {}, MissingVariable.ERROR)
    (diagnostic,) = document.diagnostics()
    assert "c4nary" not in diagnostic.source


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("{http: {url: '${A}'}}", ("A",)),
        ("{http: {url: 'https://${A}', concurrency: '${B}'}}", ("A", "B")),
        ("{email: {to: ['${A}'], from: b@x.example, smtp_url: '${C}'}}", ("A", "C")),
        ("{http: {url: '${EMPTY}'}}", ("EMPTY",)),
    ],
)
def test_a_missing_variable_is_replaced_by_a_stand_in(text: str, missing: tuple[str, ...]) -> None:
    spec, reported = read(text, MissingVariable.KEEP)
    assert spec is not None
    assert (spec.config is None, spec.missing_variables, reported) == (False, missing, [])


def test_a_stand_in_reaches_no_host() -> None:
    spec, _ = read("{http: {url: '${A}'}}", MissingVariable.KEEP)
    assert spec is not None
    assert isinstance(spec.config, HttpConfig)
    assert spec.config.url == Secret(f"https://{MISSING_HOST}/")


def test_a_problem_that_does_not_depend_on_missing_variables_is_reported() -> None:
    spec, reported = read("{http: {url: '${A}', timeout: 10}}", MissingVariable.KEEP)
    assert spec is not None
    assert spec.config is None
    assert [each.split(", found")[0] for each in reported] == [
        "1:36: timeout: expected a duration such as 500ms, 10s or 1h30m"
    ]


def test_a_configuration_that_no_stand_in_completes_is_missing() -> None:
    spec, reported = read("{http: {url: 'https://h', method: '${A}'}}", MissingVariable.KEEP)
    assert spec == DestinationSpec(name="noc", kind="http", config=None, missing_variables=("A",))
    assert reported == []


def test_a_destination_without_missing_variables_is_read_as_usual() -> None:
    spec, _ = read("{capture: {}}", MissingVariable.KEEP)
    assert spec == DestinationSpec(name="noc", kind="capture", config=CaptureConfig())
