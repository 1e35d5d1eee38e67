"""Routes that no alert reaches, and further parts of a folder that do nothing."""

from pathlib import Path

import pytest

from router.configuration.load import load
from router.errors import RulesError

RULES = """
destinations: {a: {capture: {}}, b: {capture: {}}}
rules:
  - {name: one, events: [e], labels: {team: voice, tier: "{{ data.tier }}"}}
  - {name: two, events: [e], labels: {team: video}, severity: critical}
"""
LAST = "  - {send_to: [a]}\n"


def warnings(folder: Path, text: str, rules: str = RULES) -> list[str]:
    (folder / "a.yaml").write_text(rules + text)
    try:
        found = load(folder, {}).warnings
    except RulesError as error:
        found = error.diagnostics
    return [f"{each.line}: {each.message} ({each.hint})" for each in found]


@pytest.mark.parametrize(
    ("routes", "taken_by"),
    [
        ("  - {send_to: [a]}\n  - {match: {team: voice}, send_to: [b]}\n", 1),
        ("  - {send_to: [a]}\n  - {send_to: [b]}\n", 1),
        (
            "  - {match: {team: [voice, video]}, send_to: [a]}\n"
            "  - {match: {team: voice, severity: critical}, send_to: [b]}\n" + LAST,
            1,
        ),
        (
            "  - {match: {team: {prefix: v}}, send_to: [a]}\n"
            "  - {match: {team: [voice, video]}, send_to: [b]}\n" + LAST,
            1,
        ),
        (
            "  - {match: {team: voice}, send_to: [a], continue: true}\n"
            "  - {match: {team: voice}, send_to: [a]}\n"
            "  - {match: {team: voice}, send_to: [b]}\n" + LAST,
            2,
        ),
    ],
)
def test_a_route_below_one_that_takes_all_of_its_alerts_is_a_warning(
    tmp_path: Path, routes: str, taken_by: int
) -> None:
    """Case R19."""
    found = warnings(tmp_path, f"routes:\n{routes}")

    assert [f"route {taken_by} above takes all of its alerts" in each for each in found] == [True]


@pytest.mark.parametrize(
    "routes",
    [
        "  - {match: {team: voice}, send_to: [a]}\n" + LAST,
        "  - {send_to: [a], continue: true}\n  - {match: {team: voice}, send_to: [b]}\n",
        "  - {match: {team: voice, severity: critical}, send_to: [a]}\n"
        "  - {match: {team: voice}, send_to: [b]}\n" + LAST,
        "  - {match: {team: voice}, send_to: [a]}\n"
        "  - {match: {team: [voice, video]}, send_to: [b]}\n" + LAST,
        "  - {match: {tier: gold}, send_to: [a]}\n" + LAST,
        "  - {match: {team: ''}, send_to: [a]}\n" + LAST,
        "  - {match: {team: {'!=': voice}}, send_to: [a]}\n" + LAST,
        "  - {match: {team: {'==': ''}, tier: {prefix: x}}, send_to: [a]}\n" + LAST,
        "  - {match: {team: {prefix: vo}}, send_to: [a]}\n"
        "  - {match: {team: {prefix: v}}, send_to: [b]}\n" + LAST,
    ],
)
def test_a_route_that_alerts_reach_is_fine(tmp_path: Path, routes: str) -> None:
    assert warnings(tmp_path, f"routes:\n{routes}") == []


@pytest.mark.parametrize(
    ("match", "message"),
    [
        (
            'team: "voi.*"',
            'no rule has the label team with the value "voi.*" (values are compared as text, not as patterns: write {matches: "^voi"}',
        ),
        ("team: [voice, voise]", 'the value "voise" (did you mean "voice"?)'),
        (
            'tier: "gold|silver"',
            '"gold|silver" is compared as text, not as a pattern (write {matches: "^(gold|silver)$"}, or',
        ),
        ('tier: "^gold"', 'is compared as text, not as a pattern (write {matches: "^gold$"}'),
        ('tier: "gold.+"', '(write {matches: "^gold.+$"}, or list the values: [one, two])'),
        ('tier: "(?i)gold"', '(write {matches: "^(?i)gold$"}'),
        ('tier: "gold*"', '(write {prefix: "gold"})'),
        ('tier: "*gold"', '(write {suffix: "gold"})'),
        ('tier: "%gold%"', '(write {substring: "gold"})'),
        ('tier: "gold(.*"', "(list the values: [one, two])"),
        (
            "team: {prefix: x}",
            "no rule has the label team with a value that matches (its values are v",
        ),
        ("rule: {matches: ^x}", "there is no rule that matches"),
        ("severity: {suffix: x}", "there is no severity that matches"),
    ],
)
def test_a_value_that_no_rule_sets_is_a_warning(tmp_path: Path, match: str, message: str) -> None:
    """Case R19."""
    routes = f"routes:\n  - {{match: {{{match}}}, send_to: [b]}}\n{LAST}"

    (found,) = warnings(tmp_path, routes)

    assert message in found


@pytest.mark.parametrize("tier", ["gold", "gold-1", "a.b", "10%x", "C++", "1.5", "a b", "x@y.z"])
def test_a_text_that_is_no_pattern_is_fine(tmp_path: Path, tier: str) -> None:
    routes = f'routes:\n  - {{match: {{tier: "{tier}"}}, send_to: [b]}}\n{LAST}'
    assert warnings(tmp_path, routes) == []


SIMPLE = "destinations: {a: {capture: {}}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cooldown: {for: 1m, by: [\"'x'\"]}", "'x' is the same for every event"),
        ('count: {at_least: 2, within: 1m, by: ["1 + 1"]}', "1 + 1 is the same for every event"),
        ("when: data.a != 1 || data.a != 2", "is true for every value of data.a"),
        (
            "when: data.b == 1 && (data.a != 'x' || data.c || data.a != 'y')",
            "every value of data.a",
        ),
    ],
)
def test_what_is_the_same_for_every_event_is_a_warning(
    tmp_path: Path, text: str, message: str
) -> None:
    """Case R19."""
    rule = f"rules:\n  - name: r\n    events: [e]\n    send_to: [a]\n    {text}\n"

    (found,) = warnings(tmp_path, rule, SIMPLE)

    assert message in found


@pytest.mark.parametrize(
    "text",
    [
        "when: data.a != 1 && data.a != 2",
        "when: data.a != 1 || data.b != 2",
        "when: data.a != 1 || data.a != 1",
        "cooldown: {for: 1m, by: [data.a, 'has(data.b) ? data.b : 1']}",
    ],
)
def test_what_depends_on_the_event_is_fine(tmp_path: Path, text: str) -> None:
    rule = f"rules:\n  - name: r\n    events: [e]\n    send_to: [a]\n    {text}\n"
    assert warnings(tmp_path, rule, SIMPLE) == []


@pytest.mark.parametrize(
    ("calendar", "message"),
    [
        ("{times: [{}]}", "mutes at every time"),
        ("{times: [{from: '06:00', to: '06:00'}]}", "mutes at every time"),
        ("{times: [{days: [mon-fri]}, {days: [sat, sun]}]}", "mutes at every time"),
        ("{time_zone: localtime, times: [{days: [sat]}]}", "differs between machines"),
        ("{time_zone: posixrules, times: [{days: [sat]}]}", "differs between machines"),
    ],
)
def test_a_calendar_that_does_not_mean_what_it_says_is_reported(
    tmp_path: Path, calendar: str, message: str
) -> None:
    """Case R19."""
    (found,) = warnings(tmp_path, f"mute_times: {{nights: {calendar}}}\n", SIMPLE)

    assert message in found


def test_a_calendar_with_a_gap_is_fine(tmp_path: Path) -> None:
    times = "[{from: '00:00', to: '23:59'}]"
    assert warnings(tmp_path, f"mute_times: {{nights: {{times: {times}}}}}\n", SIMPLE) == []
