"""What a rule asks of its memory about an event, in words and without asking: for ``explain``.

The order is that in which a worker decides. Whether a count is reached, or an alert was told
already, only the memory knows.
"""

from collections.abc import Iterator
from typing import Any, Final

from router.rules.model import EventWatch, Mode, Role, Rule
from router.rules.state.features import By, values_of

_SHOWN: Final = 200
"""Characters of a value."""
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def describe_state(rule: Rule, event: dict[str, Any]) -> Iterator[str]:
    """What a rule that holds for the event, a whole CloudEvent, asks: a line for each feature."""
    if rule.count:
        count = rule.count.text
        keyed = _by(rule.count.by, event)
        yield f"counts towards at_least {count.at_least} within {_span(count.within)}{keyed}"
    if rule.absent:
        absent = rule.absent.text
        keyed = _by(rule.absent.by, event)
        yield f"alerts unless {absent.event} comes within {_span(absent.for_)}{keyed}"
    if rule.resolve and rule.mode is not Mode.SHADOW:
        ends = rule.resolve.text
        keyed = _by(rule.resolve.by, event)
        yield f"is ended by {', '.join(ends.events)} within {_span(ends.within)}{keyed}"
    for each in rule.inhibited_by:
        sources = " or ".join(sorted(each.sources))
        yield f"is held back while {sources} fires{_by(each.equal, event)}"
    if rule.mute_times:
        yield f"is muted in {', '.join(each.name for each in rule.mute_times)}"
    if rule.cooldown:
        keyed = _by(rule.cooldown.by, event)
        yield f"is told once in {_span(rule.cooldown.text.for_)}{keyed}"
    if rule.mode is not Mode.SHADOW:
        yield from _telling(rule, event)


def _telling(rule: Rule, event: dict[str, Any]) -> Iterator[str]:
    if rule.group:
        group = rule.group.text
        times = f"after {_span(group.wait)}, then every {_span(group.interval)}"
        yield f"is told with its group {times}{_by(rule.group.by, event)}"
    for number, level in enumerate(rule.escalate, 1):
        places = ", ".join(level.send_to)
        yield f"escalates to {places} {_span(level.after)} {_LATER[number > 1]}"


_LATER: Final = {False: "after it is told", True: "after that"}


def ending(watch: EventWatch, event: dict[str, Any]) -> str:
    """What an event means to a rule of whose alerts it is the end."""
    rule = watch.rule
    if watch.role is Role.ENDS_ABSENCE and rule.absent:
        return f"{rule.name}: what it waits for has come{_by(rule.absent.by, event)}"
    by = rule.resolve.by if rule.resolve else ()
    return f"{rule.name}: its alert is over{_by(by, event)}"


def _by(by: By, event: dict[str, Any]) -> str:
    """`` by data.host="h1", data.region=null``; nothing where nothing is told apart."""
    pairs = (
        f"{' '.join(expression.source.split())}={_cut(value)}"
        for expression, value in zip(by, values_of(by, event), strict=True)
    )
    return f" by {', '.join(pairs)}" if by else ""


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _span(seconds: float) -> str:
    """As durations are written: ``1h30m``, ``500ms``."""
    whole = int(seconds)
    parts = []
    for size, unit in _UNITS:
        if whole >= size:
            parts.append(f"{whole // size}{unit}")
            whole %= size
    rest = round((seconds - int(seconds)) * 1000)
    return "".join([*parts, *([f"{rest}ms"] if rest else [])])
