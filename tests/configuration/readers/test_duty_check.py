"""Rules and routes of which, at some hour, no destination is on duty."""

from pathlib import Path

import pytest

from router.configuration.load import load
from router.errors import Level, RulesError

SECTIONS = """
destinations: {noc: {capture: {}}, pager: {capture: {}}}
schedules:
  office: {time_zone: Europe/Berlin, times: [{days: [mon-fri]}]}
  holidays: {dates: [12-25]}
mute_times: {never: {during: holidays}}
"""
WEEKEND = "no destination is on duty from Saturday 00:00 to Monday 00:00 (Europe/Berlin)"
OFFICE = "[{to: noc, during: office}]"
BOTH = "[{to: noc, during: office}, {to: pager, outside: office}]"


def findings(folder: Path, rule: str, *routes: str) -> list[str]:
    text = f"{SECTIONS}\nrules:\n  - {{name: one, events: ['*']{rule}}}\n"
    if routes:
        text += "routes:\n" + "".join(f"  - {{{route}}}\n" for route in routes)
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    try:
        load(folder, {})
    except RulesError as error:
        errors = (each for each in error.diagnostics if each.level is Level.ERROR)
        return [str(each).partition(".yaml:")[2] for each in errors]
    return []


@pytest.mark.parametrize(
    ("rule", "routes", "expected"),
    [
        (f", send_to: {BOTH}", [], None),
        (f", send_to: {OFFICE}", [], f"9:41: send_to: {WEEKEND} (add a destination without"),
        (", send_to: [noc, {to: pager, during: office}]", [], None),
        (", severity: info", [f"send_to: {BOTH}"], None),
        (", severity: info", [f"send_to: {OFFICE}"], f"11:15: send_to: {WEEKEND}"),
        # A route above that sends all of these alerts somewhere too.
        (", severity: info", ["send_to: [pager], continue: true", f"send_to: {OFFICE}"], None),
        (
            ", severity: info",
            ["match: {severity: critical}, send_to: [pager], continue: true", f"send_to: {OFFICE}"],
            f"12:15: send_to: {WEEKEND}",
        ),
        # No route ends the search for destinations.
        (
            ", severity: info",
            [f"send_to: {OFFICE}, continue: true"],
            '9:12: no destination of alerts of rule "one" is on duty from Saturday 00:00',
        ),
        (
            ", severity: info",
            [f"send_to: {OFFICE}, continue: true", "send_to: [pager], continue: true"],
            None,
        ),
        (
            ", severity: info",
            [f"send_to: {OFFICE}, continue: true", "match: {rule: one}, send_to: [pager]"],
            None,
        ),
        (
            ", send_to: [noc], cooldown: {for: 1h}, escalate: {after: 1h, send_to: [{to: noc}]}",
            [],
            "levels of escalate notify at any hour: write the name",
        ),
    ],
)
def test_an_hour_without_a_destination_is_an_error(
    tmp_path: Path, rule: str, routes: list[str], expected: str | None
) -> None:
    found = findings(tmp_path, rule, *routes)
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]
