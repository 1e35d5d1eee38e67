"""Matchers of silences as operators write them, ``rule=call-quality``, and as silences have them (pure)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from router.rules.suppression.silences import NAMES

_MATCHER: Final = re.compile(r"([\w.]+)(=~|!~|!=|=)(.*)", re.DOTALL)
_SIGNS: Final = {"==": "=", "!=": "!=", "matches": "=~"}
_TESTS: Final = {sign: test for test, sign in _SIGNS.items()}


def parse_matchers(
    matchers: Iterable[str], when: str | None = None
) -> tuple[dict[str, Any], str | None]:
    """Return ``match`` and ``when``; ``!~`` goes to ``when`` because ``match`` cannot express it.

    Args:
        matchers: Texts with ``=``, ``!=``, ``=~`` (RE2) or ``!~``; a list in JSON means any of it.
        when: A condition in CEL; None for none.

    Raises:
        ValueError: A matcher is none, or two are about the same.
    """
    match: dict[str, Any] = {}
    terms = [f"({when})"] if when else []
    for matcher in matchers:
        parts = _MATCHER.fullmatch(matcher)
        if parts is None:
            raise ValueError(
                f"{matcher[:80]!r}: write for example rule=call-quality or data.region=~^de"
            )
        field, operator, text = parts.groups()
        if operator == "!~":
            terms.append(f"!{field}.matches({msgspec.json.encode(text).decode()})")
            continue
        values = _list(text) if operator == "=" else None
        test = "in" if values is not None else _TESTS[operator]
        is_text = operator == "=~" or field.partition(".")[0] in NAMES
        value = values if values is not None else text if is_text else _value(text)
        if test in match.setdefault(field, {}):
            raise ValueError(f"{field}{operator} is given twice; all matchers must match")
        match[field][test] = value
    return match, " && ".join(terms) or None


def matcher_texts(match: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the matchers of a silence as an operator would write them, as far as that is possible."""
    for field, wanted in (match or {}).items():
        for test, value in _tests(wanted):
            if test == "in":
                yield f"{field}={msgspec.json.encode(value).decode()}"
            else:
                sign = _SIGNS.get(test)
                yield f"{field}{sign}{value}" if sign else f"{field} {test} {value}"


def _tests(wanted: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(wanted, dict):
        return wanted.items()
    return [("in" if isinstance(wanted, list) else "==", wanted)]


def _list(text: str) -> list[Any] | None:
    if not text.startswith("["):
        return None
    try:
        return msgspec.json.decode(text, type=list[str | int | float | bool])
    except msgspec.DecodeError:
        return None


def _value(text: str) -> Any:
    """Return the number or boolean that ``text`` is in JSON, or the text itself."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, bool | int | float) else text
