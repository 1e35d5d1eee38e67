"""Write an event as a rule test that passes with the current rules (pure)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from router.configuration.yaml.document import DEPTH_LIMIT
from router.configuration.yaml.scalars import plain_value
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.events.model import Event, document
from router.offline.simulation import SimulatedAlert, Simulation
from router.printable import one_printable_line
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import Silence
from router.timestamps import rfc3339_utc

EVENT_FILE: Final = "event.json"
"""The file that a test names for an event that YAML cannot represent."""
_INDENT: Final = "  "
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_LONGEST_INTEGER: Final = 10**40
_DEEPEST: Final = DEPTH_LIMIT - 6
"""Maps and lists within an event. The others are those of the file around it."""


def written_test(
    event: Event, rules: RuleSet, silences: Sequence[Silence], *, notes: Sequence[str] = ()
) -> str:
    """Return a file of tests with one test: the event, and the alerts that it causes alone.

    Args:
        event: The event.
        rules: The current rules.
        silences: Those of the rules folder.
        notes: Lines of a comment above the test.

    Raises:
        msgspec.DecodeError: As ``router.events.model.document`` does; likewise RecursionError and
            UnicodeDecodeError.
    """
    content = document(event)
    started_at = float(int(event.received_at))
    outcome = Simulation(rules, silences, now=started_at).receive(event, now=started_at)
    test = {
        "name": f"event {event.id}",
        "clock": rfc3339_utc(started_at),
        "event": content if _is_writable(content) else {"file": EVENT_FILE},
        "expect": [_expectation(sent) for sent in outcome.sent],
    }
    comments = [f"# {one_printable_line(line)}" for line in notes]
    return "\n".join([*comments, "tests:", *_block([test], 1), ""])


def _expectation(sent: SimulatedAlert) -> dict[str, Any]:
    alert = sent.alert
    return {
        "rule": alert.rule,
        "send_to": list(sent.send_to),
        "severity": str(alert.severity),
        "summary": summary(alert, TemplateTarget.TEXT).text,
    }


def _is_writable(value: Any, depth: int = 0) -> bool:
    """Return whether the reader of tests gets the same value from YAML."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, dict):
        return all(_is_writable(each, depth + 1) for each in value.values())
    if isinstance(value, list):
        return all(_is_writable(each, depth + 1) for each in value)
    return not isinstance(value, int) or abs(value) < _LONGEST_INTEGER


def _block(value: Any, level: int) -> Iterator[str]:
    """Yield the lines of a map or list that is not empty."""
    indent = _INDENT * level
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _entry(f"{indent}{_text(str(name))}:", each, level)
        return
    for each in value:
        if not _is_nested(each):
            yield f"{indent}- {_flat(each)}"
            continue
        first, *others = _block(each, level + 1)
        # The first line begins behind the sign of the item.
        yield f"{indent}- {first.removeprefix(indent + _INDENT)}"
        yield from others


def _entry(begin: str, value: Any, level: int) -> Iterator[str]:
    if _is_nested(value):
        yield begin
        yield from _block(value, level + 1)
    else:
        yield f"{begin} {_flat(value)}"


def _is_nested(value: Any) -> bool:
    if not isinstance(value, dict | list) or not value:
        return False
    return isinstance(value, dict) or any(isinstance(each, dict | list) for each in value)


def _flat(value: Any) -> str:
    """Return a scalar, an empty map, or a list of scalars, on one line."""
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, value))}]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _number(value)
    # The reader takes ``${`` in a value, not in a name, for a variable.
    return _text(value.replace("${", "$${")) if isinstance(value, str) else str(value)


def _number(value: float) -> str:
    """Return a float as all versions of YAML read it: with a dot."""
    mantissa, sign, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{sign}{exponent}"


def _text(text: str) -> str:
    """Return a text without quotes if it can have no other meaning."""
    meaning = plain_value(text)
    if _PLAIN.fullmatch(text) and meaning.value == text and not meaning.trap:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{one_printable_line(escaped)}"'
