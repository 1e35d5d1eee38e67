"""The section ``schedules``, and who names its items."""

import datetime as dt
from pathlib import Path

import pytest

from router.configuration.load import load
from router.configuration.model import Configuration
from router.errors import RulesError
from router.timestamps import unix_seconds

PLACES = "destinations: {noc: {capture: {}}, pager: {capture: {}}}\n"
OFFICE = """
schedules:
  office: {time_zone: Europe/Berlin, times: [{days: [mon-fri], from: "08:00", to: "18:00"}]}
"""
BOTH = "send_to: [{to: noc, during: office}, {to: pager, outside: office}]"


def rule(text: str) -> str:
    return f"rules:\n  - {{name: one, events: ['*'], {text}}}\n"


def read(folder: Path, *texts: str) -> Configuration:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate([PLACES, *texts]):
        (folder / f"f{number}.yaml").write_text(text, encoding="utf-8")
    return load(folder, {})


def findings(folder: Path, *texts: str) -> list[str]:
    try:
        found = read(folder, *texts).warnings
    except RulesError as error:
        found = tuple(error.diagnostics)
    return [str(each).partition(".yaml:")[2] for each in found]


def utc(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M")


def recipients(configuration: Configuration, moment: str) -> tuple[tuple[str, ...], list[str]]:
    (one,) = configuration.rules.rules
    found = one.recipients({"data": {}}, {}, unix_seconds(moment) or 0.0)
    return found.destinations, [f"{name} {utc(begins)}" for name, begins in found.later]


def test_a_destination_is_on_duty_at_its_times_and_the_other_one_later(tmp_path: Path) -> None:
    one = read(tmp_path / "rules", OFFICE, rule(BOTH))

    assert recipients(one, "2026-11-27T17:59:59+01:00") == (("noc",), ["pager 2026-11-27T17:00"])
    assert recipients(one, "2026-11-28T12:00:00+01:00") == (("pager",), ["noc 2026-11-30T07:00"])


@pytest.mark.parametrize(
    ("send_to", "expected"),
    [
        # A destination is on duty if one of its items is, and then not later.
        ("[noc, {to: pager, during: late}, {to: pager, during: early}]", ("noc pager", [])),
        (
            "[noc, {to: pager, during: late}, {to: pager, during: night}]",
            ("noc", ["pager 2026-06-01T14:00"]),
        ),
        ("[noc, {to: pager, during: [late, early]}]", ("noc pager", [])),
        ("[noc, {to: pager, outside: [late, early]}]", ("noc", ["pager 2026-06-01T22:00"])),
        ("[noc, {to: pager, during: early, outside: lunch}]", ("noc", ["pager 2026-06-01T13:00"])),
        ("[noc, {to: pager, during: over}]", ("noc", [])),
        ("[{from: 'tables.t[data.a].b', otherwise: pager, during: early}, noc]", ("pager noc", [])),
    ],
)
def test_recipients_at_half_past_twelve(
    tmp_path: Path, send_to: str, expected: tuple[str, list[str]]
) -> None:
    schedules = """
tables: {t: {rows: {x: {b: noc}}}}
schedules:
  early: {times: [{from: "06:00", to: "14:00"}]}
  late: {times: [{from: "14:00", to: "22:00"}]}
  night: {times: [{from: "22:00", to: "06:00"}]}
  lunch: {times: [{from: "12:00", to: "13:00"}]}
  over: {dates: ["2000-01-01"]}
"""
    one = read(tmp_path / "rules", schedules, rule(f"send_to: {send_to}"))

    assert recipients(one, "2026-06-01T12:30:00Z") == (tuple(expected[0].split()), expected[1])


def test_routes_have_schedules_too(tmp_path: Path) -> None:
    routes = f"routes:\n  - {{{BOTH}}}\n"
    one = read(tmp_path / "rules", OFFICE, routes, rule("severity: info"))

    assert recipients(one, "2026-11-27T12:00:00Z")[0] == ("noc",)
    assert recipients(one, "2026-11-27T23:00:00Z")[0] == ("pager",)


def test_exceptions_may_come_later_in_the_file_and_have_exceptions(tmp_path: Path) -> None:
    schedules = """
schedules:
  duty: {times: [{}], except: [holidays]}
  holidays: {dates: [12-24..12-26], except: [open]}
  open: {dates: ["2026-12-24"]}
"""
    both = "send_to: [{to: noc, during: duty}, {to: pager, outside: duty}]"
    one = read(tmp_path / "rules", schedules, rule(both))
    days = ("2026-12-23", "2026-12-24", "2026-12-25", "2027-12-24")

    assert [recipients(one, f"{day}T12:00:00Z")[0][0] for day in days] == [
        *("noc", "noc", "pager", "pager")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "3:5: times is needed, or dates, with at least one item"),
        ("{times: [{}], dates: [12-32]}", "3:26: dates has '12-32', expected a date such as"),
        ("{dates: [{date: 24.12.}]}", "3:21: date has '24.12.', expected a date such as"),
        ("{dates: [{date: 12-24, from: '25:00'}]}", "3:34: from is '25:00', expected a time"),
        ("{dates: [2026-12-24]}", "`2026-12-24` without quotes is a date to some YAML parsers"),
        ("{times: [{}], except: [holidys]}", '3:28: there is no schedule "holidys" (did you mean'),
        ("{times: [{}], except: [a]}", '3:27: the schedule "a" is an exception to itself'),
        (
            "{times: [{}], except: [b]}",
            "is an exception to itself (by way of b: remove one of them)",
        ),
        (f"{{times: [{', '.join(['{}'] * 101)}]}}", "3:13: times has 101 items, at most 100"),
        (f"{{dates: [{', '.join(['12-24'] * 1001)}]}}", "dates has 1001 items, at most 1000"),
        ("{times: [{}], during: b}", 'unknown key "during" in schedule "a"'),
        ("{times: [{}], location: UTC}", 'unknown key "location" in schedule "a" (did you mean'),
    ],
)
def test_a_wrong_schedule_is_reported(tmp_path: Path, text: str, expected: str) -> None:
    others = "  b: {dates: [12-24], except: [a]}\n  holidays: {dates: [12-24]}\n"
    schedules = f"schedules:\n  a:\n    {text}\n{others}"
    found = findings(
        tmp_path / "rules",
        schedules,
        rule("send_to: [noc, {to: pager, during: [b, holidays]}]"),
    )
    assert any(expected in each for each in found), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "send_to: [{to: noc, during: ofice}]",
            '2:60: there is no schedule "ofice" (did you mean "office"?)',
        ),
        ("send_to: [{to: nok, during: office}]", '2:47: there is no destination "nok"'),
        ("send_to: [{to: noc}]", "to needs during or outside: write [noc] for all times"),
        ("send_to: [{during: office}]", "a destination needs to, or from and otherwise"),
        (
            "send_to: [{to: noc, otherwise: pager, during: office}]",
            "to names the destination: remove it, or from and otherwise",
        ),
        (
            "send_to: [noc], mute_times: [office]",
            'there is no mute time "office" (it is a schedule: write mute_times: {office:',
        ),
    ],
)
def test_a_wrong_use_of_a_schedule_is_reported(tmp_path: Path, text: str, expected: str) -> None:
    found = findings(tmp_path / "rules", OFFICE, rule(text))
    assert any(expected in each for each in found), found


def test_a_schedule_that_nothing_uses_is_warned_of(tmp_path: Path) -> None:
    (found,) = findings(tmp_path / "rules", OFFICE, rule("send_to: [noc]"))

    assert 'the schedule "office" is used by no rule, route or mute time' in found


def test_a_schedule_that_is_always_on_is_warned_of(tmp_path: Path) -> None:
    schedules = "schedules:\n  always: {times: [{days: [mon-fri]}, {days: [sat-sun]}]}\n"
    send_to = "send_to: [noc, {to: pager, during: always}]"
    (found,) = findings(tmp_path / "rules", schedules, rule(send_to))

    assert 'the schedule "always" is always on (it has no effect' in found


def test_chains_of_exceptions_are_bounded(tmp_path: Path) -> None:
    spans = "times: [{days: [mon]}]"
    chain = "\n".join(f"  s{n}: {{{spans}, except: [s{n + 1}]}}" for n in range(1, 300))
    chain = f"schedules:\n{chain}\n  s300: {{{spans}}}\n"
    found = findings(tmp_path / "rules", chain, rule("send_to: [noc, {to: pager, during: s1}]"))

    assert len(found) == 199
    assert "except depends on more than 100 schedules" in found[0]


def test_exceptions_that_share_exceptions_are_bounded(tmp_path: Path) -> None:
    levels = [
        "\n".join(
            f"  s{n}{side}: {{times: [{{}}], except: [s{n + 1}a, s{n + 1}b]}}" for side in "ab"
        )
        for n in range(1, 30)
    ]
    ends = "  s30a: {times: [{}]}\n  s30b: {times: [{}]}\n"
    text = "schedules:\n" + "\n".join(levels) + "\n" + ends
    found = findings(tmp_path / "rules", text, rule("send_to: [noc, {to: pager, during: s1a}]"))

    assert "except depends on more than 100 schedules" in found[0]
