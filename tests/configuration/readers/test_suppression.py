"""Items of the sections ``mute_times``, ``inhibitions`` and ``silences``."""

import pytest
from support.documents import parse, parse_entry, problems

from router.configuration.readers.suppression import read_inhibition, read_mute_time, read_silence

RULES = {"outage", "bad-calls"}
SILENCE = "author: me, comment: x, ends: '2026-01-01T00:00:00Z'"


def test_a_mute_time_has_its_name() -> None:
    document, entry = parse_entry("nights: {times: [{from: '22:00', to: '06:00'}]}\n")
    read = read_mute_time(document, entry)
    assert read is not None
    assert (read.name, problems(document)) == ("nights", [])


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("nights: {times: []}", "1:17: "),
        ("nights: {times: [{from: '25:00'}]}", "1:25: "),
        ("nights: {time_zone: Mars, times: [{}]}", "1:21: "),
        ("nights: {}", '1:9: mute time "nights" needs "times"'),
        ("NIGHTS: {times: [{}]}", "1:1: "),
    ],
)
def test_a_wrong_mute_time_is_reported(text: str, position: str) -> None:
    document, entry = parse_entry(text + "\n")
    read_mute_time(document, entry)
    (reported,) = problems(document)
    assert reported.startswith(position)


def inhibition(text: str, rules: set[str] | None = frozenset(RULES)) -> list[str]:
    document, root = parse(text + "\n")
    events = {"outage": ("com.example.outage",), "bad-calls": ("com.example.call",)}
    read = read_inhibition(document, root, rules, events)
    assert (read is None) == bool(problems(document))
    return problems(document)


@pytest.mark.parametrize(
    "text",
    [
        "{while: [outage], hold_back: [bad-calls]}",
        "{while: [outage], hold_back: [bad-calls], equal: [data.region], for: 5m}",
    ],
)
def test_an_inhibition_names_rules(text: str) -> None:
    assert inhibition(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{while: [outage]}", '1:1: this inhibition needs "hold_back"'),
        ("{while: [outge], hold_back: [bad-calls]}", '1:10: there is no rule "outge" (did you'),
        ("{while: [], hold_back: [bad-calls]}", "1:9: while is empty, it needs at least one"),
        ("{while: [outage], hold_back: [outage]}", 'rule "outage" would suppress itself'),
        ("{while: [outage], hold_back: [bad-calls], equal: ['data.']}", "1:"),
        ("x", '1:1: this inhibition: expected a map of keys and values, found "x"'),
    ],
)
def test_a_wrong_inhibition_is_reported(text: str, expected: str) -> None:
    (reported,) = inhibition(text)
    assert expected in reported


def test_rules_are_not_checked_while_they_are_unknown() -> None:
    assert inhibition("{while: [one], hold_back: [two]}", None) == []


def silence(text: str) -> tuple[str | None, list[str]]:
    document, root = parse(text + "\n")
    read = read_silence(document, root)
    return None if read is None else read.id, problems(document)


@pytest.mark.parametrize("subject", ["match: {rule: a}", "when: rule == 'a'"])
def test_a_silence_has_an_id_that_its_text_determines(subject: str) -> None:
    first, reported = silence(f"{{{subject}, {SILENCE}}}")
    again, _ = silence(f"{{{subject}, {SILENCE}}}")
    other, _ = silence(f"{{{subject}, {SILENCE.replace('me', 'you')}}}")
    assert reported == []
    assert first is not None
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (f"{{{SILENCE}}}", "1:1: "),
        (f"{{when: 'rule ==', {SILENCE}}}", "1:"),
        (f"{{when: 'rul == 1', {SILENCE}}}", "1:9: "),
        (f"{{match: {{rul: a}}, {SILENCE}}}", "1:9: "),
        ("{match: {rule: a}, author: me, comment: x, ends: soon}", "1:"),
    ],
)
def test_a_wrong_silence_is_reported(text: str, position: str) -> None:
    read, (reported,) = silence(text)
    assert read is None
    assert reported.startswith(position)
