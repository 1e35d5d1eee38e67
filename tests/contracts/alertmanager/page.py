"""Writes docs/compare/alertmanager.md: ``.venv/bin/python tests/contracts/alertmanager/page.py``."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from contracts.alertmanager.scenario import SAME, Scenario
from contracts.alertmanager.scenarios import SCENARIOS

PAGE: Final = Path(__file__).parents[3] / "docs" / "compare" / "alertmanager.md"
VERSION: Final = "0.25.0"
"""Of Alertmanager, with which the scenarios were played when the page was written."""
_BEGIN: Final = """\
# Beside Alertmanager

The same scenarios, played on Alertmanager {version} and on the router: hosts go down and come back, operators
silence and acknowledge, and each program sends webhooks. Both have the same intervals, of some seconds.
`tests/contracts/test_alertmanager.py` runs both programs and compares what they send with this page, which is written
from its scenarios (`tests/contracts/alertmanager/scenarios.py`).

## Take Alertmanager instead

- Your alerts come of metrics. Prometheus evaluates them and sends each again and again while it fires, and Alertmanager is
  [made for that](https://prometheus.io/docs/alerting/latest/alertmanager/): grouping, silences, inhibition.
- You want no store. Its replicas [agree by gossip](https://prometheus.io/docs/alerting/latest/high_availability/); the
  router needs a Redis.

The router evaluates events, each of which comes once, and remembers them in Redis. Rules over their content and over time,
signatures of Twilio, dead letters and replay have no counterpart in Alertmanager.

## Both together

Alertmanager's webhooks come in by the preset [alertmanager](../reference/presets.md#alertmanager), for example to reach people
by the same routes as all other alerts. Prometheus may also send its alerts to the
[router](../reference/presets.md#prometheus) itself, which drops the repetitions. The router's own metrics have
[alerts](../runbooks/index.md) that are meant for Alertmanager, so that they arrive when the router does not run.

## The scenarios

"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([_BEGIN.format(version=VERSION).rstrip(), *_overview(), *_scenarios(), ""])


def _overview() -> Iterator[str]:
    yield ""
    yield "| scenario | notifications |"
    yield "|---|---|"
    for each in SCENARIOS:
        is_same = each.verdict == SAME
        name = f"[{each.name}](#{each.name.replace(' ', '-')})"
        yield f"| {name} | {'the same' if is_same else 'different: ' + each.verdict} |"


def _scenarios() -> Iterator[str]:
    for each in SCENARIOS:
        yield f"\n## {each.name[0].upper()}{each.name[1:]}\n"
        yield f"{_settings(each)}\n"
        yield "| what happens | Alertmanager sends | the router sends |"
        yield "|---|---|---|"
        for step in each.steps:
            yield f"| {step.what} | {_sent(step.alertmanager)} | {_sent(step.router)} |"
        if each.verdict != SAME:
            yield "\n" + _wrapped(f"{each.verdict[0].upper()}{each.verdict[1:]}.")


def _settings(scenario: Scenario) -> str:
    """Return the line that says how both are configured."""
    theirs = [f"`group_interval: {scenario.interval:g}s`"]
    ours = ["`resolve`"]
    if scenario.wait:
        theirs.insert(0, f"`group_wait: {scenario.wait:g}s`")
        ours.append(f"`group: {{wait: {scenario.wait:g}s, interval: {scenario.interval:g}s}}`")
    if scenario.repeat < 60:
        theirs.append(f"`repeat_interval: {scenario.repeat:g}s`")
    if scenario.keys:
        ours.append(f"`{scenario.keys}`")
    if scenario.muted:
        theirs.append("`mute_time_intervals`")
        ours.append("`mute_times`")
    if scenario.inhibits:
        theirs.append("`inhibit_rules`")
        ours.append("`inhibitions`")
    both = f"Alertmanager: {', '.join(theirs)}; the router:", f"{', '.join(ours)}."
    return (" " if sum(map(len, both)) < 120 else "\n").join(both)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _sent(notifications: tuple[str, ...]) -> str:
    return "<br>".join(notifications) or "—"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
