"""Items of the sections ``mute_times``, ``inhibitions`` and ``silences``."""

from pathlib import Path

import pytest
from support.documents import parse, parse_entry, problems

from router.configuration.load import load
from router.configuration.readers.schedules import Schedules
from router.configuration.readers.suppression import read_inhibition, read_mute_time, read_silence
from router.errors import RulesError
from router.rules.schedules.schedule import schedule
from router.rules.schedules.schedule_text import ScheduleText, SpanText

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
        ("nights: {}", "1:9: times is needed, or dates, during or outside"),
        ("NIGHTS: {times: [{}]}", "1:1: "),
    ],
)
def test_a_wrong_mute_time_is_reported(text: str, position: str) -> None:
    document, entry = parse_entry(text + "\n")
    read_mute_time(document, entry)
    (reported,) = problems(document)
    assert reported.startswith(position)


@pytest.mark.parametrize(
    ("text", "mutes", "expected"),
    [
        ("{during: office}", [False, True], []),
        ("{outside: [office]}", [True, False], []),
        ("{times: [{}], except: [office]}", [True, False], []),
        ("{during: ofice}", None, ['1:15: there is no schedule "ofice" (did you mean "office"?)']),
        ("{during: []}", None, ["1:15: during is empty, it needs at least one"]),
        ("{outside: [office, office]}", None, ['1:25: outside names "office" twice']),
        (
            "{during: office, times: [{}]}",
            None,
            ["1:15: during names the times: remove it, or times, dates and except"],
        ),
    ],
)
def test_a_mute_time_names_schedules(text: str, mutes: list[bool], expected: list[str]) -> None:
    office = schedule("office", ScheduleText(times=(SpanText(from_="08:00", to="18:00"),)))
    document, entry = parse_entry(f"now: {text}\n")
    read = read_mute_time(document, entry, Schedules({"office"}, {"office": office}))
    assert problems(document) == expected
    assert (read and [read.is_on(hour * 3600.0) for hour in (7, 8)]) == mutes


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


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (["a b", "b a"], ['rules "b" and "a" would suppress each other']),
        (["a b", "b c", "c a"], ['rules "c" and "a" would suppress each other']),
        (["a b", "b c", "a c"], []),
        (["a b", "a b"], []),
    ],
)
def test_rules_that_inhibit_each_other_are_refused(
    tmp_path: Path, links: list[str], expected: list[str]
) -> None:
    """Case R9: both would be silent for good."""
    names = ", ".join(f"{{name: {name}, events: [{name}], send_to: [x]}}" for name in "abc")
    pairs = (pair.split() for pair in links)
    inhibitions = ", ".join(f"{{while: [{one}], hold_back: [{two}]}}" for one, two in pairs)
    text = (
        f"destinations: {{x: {{capture: {{}}}}}}\nrules: [{names}]\ninhibitions: [{inhibitions}]\n"
    )
    (tmp_path / "a.yaml").write_text(text)

    try:
        load(tmp_path, {})
        found = []
    except RulesError as error:
        found = [each.message.split(":")[0] for each in error.diagnostics]

    assert found == expected


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
        (f"{{match: {{rul: a}}, {SILENCE}}}", "1:10: "),
        ("{match: {rule: a}, author: me, comment: x, ends: soon}", "1:"),
        ("{match: {rule: a}, author: me, comment: x}", "1:1: ends is needed, or until_resolved"),
        (
            "{match: {rule: a}, author: me, comment: x, until_resolved: true}",
            "1:60: until_resolved silences what is open when the silence starts: it needs starts",
        ),
        (f"{{match: {{rule: a}}, when_over: later, {SILENCE}}}", "1:31: when_over: expected one"),
    ],
)
def test_a_wrong_silence_is_reported(text: str, position: str) -> None:
    read, (reported,) = silence(text)
    assert read is None
    assert reported.startswith(position)


RULES_TEXT = """
destinations: {a: {capture: {}}}
rules:
  - {name: call-quality, events: [e], labels: {team: voice, limit: "5"}, send_to: [a]}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("until_resolved: true, starts: '2026-01-01T00:00:00Z'", [True, False, 30.0]),
        ("ends: '2026-01-03T00:00:00Z', when_over: drop", [False, True, 2.0]),
        (
            "until_resolved: true, ends: '2026-01-03T00:00:00Z', starts: '2026-01-01T00:00:00Z'",
            [True, False, 2.0],
        ),
    ],
)
def test_a_silence_says_what_becomes_of_open_alerts(text: str, expected: list[object]) -> None:
    document, root = parse(f"{{match: {{rule: outage}}, author: me, comment: x, {text}}}\n")
    read = read_silence(document, root)
    assert read is not None
    days = (read.ends - 1767225600.0) / 86_400
    assert [read.until_resolved, read.drops, days] == expected


def folder_problems(folder: Path, silences: str, now: float | None = None) -> list[str]:
    (folder / "a.yaml").write_text(RULES_TEXT + "silences:\n  - " + silences)
    try:
        found = load(folder, {}, now=now).warnings
    except RulesError as error:
        found = error.diagnostics
    return [f"{each.line}:{each.column}: {each.message} ({each.hint})" for each in found]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (
            "match: {rule: call-qualty}",
            '6:20: there is no rule "call-qualty" (did you mean "call-q',
        ),
        ("match: {rule: [call-quality, x]}", '6:35: there is no rule "x" (there are: call-quality'),
        ("match: {rule: {'!=': x}}", '6:27: there is no rule "x" ('),
        (
            "match: {severity: crittical}",
            '6:24: there is no severity "crittical" (did you mean "crit',
        ),
        ("match: {severity: 3}", '6:24: there is no severity "3" (there are: critical, info, war'),
        ("match: {labels.no_such: x}", '6:14: no rule has the label "no_such" (there are: limit'),
        ("when: data.x == 1 && rule == 'x'", "6:35: there is no rule"),
        ("when: labels.limit == 5", "6:28: labels.limit is text, so that it is never 5"),
        ("match: {rule: {matches: ''}}", "6:13: this silences every alert (name a rule"),
        ("when: rule.matches('')", "6:12: this silences every alert (name a rule"),
        ("match: {rule: call-quality, severity: info}", "6:13: this silences no alert of any"),
    ],
)
def test_a_silence_is_checked_as_routes_are(tmp_path: Path, subject: str, expected: str) -> None:
    """Case R13."""
    (reported,) = folder_problems(tmp_path, f"{{{subject}, {SILENCE}}}")
    assert reported.startswith(expected)


def test_a_silence_that_has_ended_is_a_warning_at_its_end(tmp_path: Path) -> None:
    """Case R13. No error: a worker must start with yesterday's silences in its folder."""
    silence = f"{{match: {{labels.limit: 5}}, {SILENCE}}}"

    assert folder_problems(tmp_path, silence) == []
    assert folder_problems(tmp_path, silence, now=1767225599.0) == []
    (reported,) = folder_problems(tmp_path, silence, now=1767225600.0)
    assert reported.startswith("6:")
    assert "this silence has ended (remove it" in reported
