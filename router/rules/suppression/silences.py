"""Silences: alerts that an operator suppresses for a while.

A silence has a ``match`` or a ``when``, as a rule has, over the event and over the alert: ``rule``,
``severity``, ``key`` and ``labels`` beside ``event`` and ``data``. It only suppresses: meanwhile
events are counted, and alerts fire and inhibit others.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from router.alerts import Alert
from router.cel import (
    Condition,
    Verdict,
    compile_condition,
    compile_expression,
    compile_match,
)
from router.rules.key_descriptions import about
from router.rules.labels import label_text
from router.rules.suppression.when_over import WhenOver, WhenOverKey
from router.timestamps import unix_seconds

TEXT_LIMIT: Final = 1000
"""Characters of a comment."""
UNTIL_RESOLVED_SECONDS: Final = 30 * 86_400
"""How long a silence until its alerts are resolved lasts if it has no end of its own."""
NAMES: Final = {
    name: compile_expression(f"event.alert.{name}")
    for name in ("rule", "severity", "key", "labels")
}
"""The fields of the alert that a silence can name."""


class SubjectText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alerts a silence suppresses, and what becomes of them, in its YAML form."""

    match: Annotated[
        dict[str, Any] | None,
        about("Fields of the alert (rule, severity, key, labels.x) or the event (data.x)."),
    ] = None
    when: Annotated[
        str | None, about("A condition in CEL over rule, severity, key, labels, event and data.")
    ] = None

    when_over: WhenOverKey = WhenOver.TELL
    until_resolved: Annotated[
        bool,
        about("Silences alerts that are open when it starts, each until it is resolved."),
    ] = False

    def __post_init__(self) -> None:
        if self.match is None and self.when is None:
            raise ValueError("match or when is needed: a silence of all alerts is not allowed")


class SilenceText(
    SubjectText, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A silence, in its YAML form.

    Defaults are not stored, so that an older version reads a silence that uses no newer key.
    """

    starts: Annotated[str, about("RFC 3339; without it, at once.")] = ""
    ends: Annotated[str, about("RFC 3339; only `until_resolved` does without it.")] = ""
    author: Annotated[str, about("The operator that wants it.", max_length=TEXT_LIMIT)]
    comment: Annotated[str, about("Why.", max_length=TEXT_LIMIT)]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_author()
        if not self.comment.strip():
            raise ValueError("comment is empty: write the reason")
        begins = moment("starts", self.starts) if self.starts else 0.0
        if not self.ends and not self.until_resolved:
            raise ValueError("ends is needed, or until_resolved: true")
        if self.ends and moment("ends", self.ends) <= begins:
            raise ValueError("ends is not after starts")

    def _check_author(self) -> None:
        if not self.author.strip():
            raise ValueError("author is empty: name the operator that wants this silence")


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence, checked and compiled."""

    id: str
    text: SilenceText
    condition: Condition
    starts: float
    """Unix seconds."""
    ends: float
    """Unix seconds."""
    drops: bool = False
    """True if alerts that are open when it ends are not notified then."""
    until_resolved: bool = False
    """True if it silences only alerts whose life began before it starts."""

    def matches(self, content: dict[str, Any], now: float) -> bool:
        """Return whether it silences an alert at Unix seconds ``now``.

        ``content`` is as ``described`` returns it.
        """
        if not self.starts <= now < self.ends:
            return False
        return self.condition.verdict(content) is Verdict.MATCH


def silence(silence_id: str, text: SilenceText, *, added_at: float = 0.0) -> Silence:
    """Compile a silence.

    Args:
        silence_id: Its id.
        text: Its YAML form.
        added_at: When it starts if its text does not say when, in Unix seconds.

    Raises:
        ConditionError: Its condition is invalid; the offset counts characters of ``when`` or of the
            match.
    """
    conditions = []
    if text.match is not None:
        conditions.append(compile_match(_with_texts(text.match), names=NAMES))
    if text.when is not None:
        conditions.append(compile_condition(text.when, names=NAMES))
    condition = conditions[0]
    if len(conditions) > 1:
        both = " && ".join(f"(\n{each.source}\n)" for each in conditions)
        condition = compile_condition(both, names=NAMES)
    starts = moment("starts", text.starts) if text.starts else added_at
    return Silence(
        id=silence_id,
        text=text,
        condition=condition,
        starts=starts,
        ends=moment("ends", text.ends) if text.ends else starts + UNTIL_RESOLVED_SECONDS,
        drops=text.when_over is WhenOver.DROP,
        until_resolved=text.until_resolved,
    )


def match_test(field: str, wanted: Any) -> Condition:
    """Compile one test of a silence's ``match``. Raise ConditionError."""
    return compile_match(_with_texts({field: wanted}), names=NAMES)


def _with_texts(match: Mapping[str, Any]) -> dict[str, Any]:
    """Return a match in which the fields of the alert are compared as the text that they are."""
    return {
        field: _as_text(wanted) if field.partition(".")[0] in NAMES else wanted
        for field, wanted in match.items()
    }


def _as_text(wanted: Any) -> Any:
    if isinstance(wanted, dict):
        return {
            test: _as_text(value) if test in {"==", "!=", "in"} else value
            for test, value in wanted.items()
        }
    if isinstance(wanted, list):
        return [_as_text(each) for each in wanted]
    return label_text(wanted) if isinstance(wanted, int | float) else wanted


def silencing(
    alert: Alert, event: Mapping[str, Any], among: Iterable[Silence], now: float
) -> Iterator[Silence]:
    """Yield the silences that match an alert of this event at Unix seconds ``now``."""
    content: dict[str, Any] | None = None
    for each in among:
        if not each.starts <= now < each.ends:
            continue
        if content is None:
            content = described(alert, event)
        if each.matches(content, now):
            yield each


def described(alert: Alert, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with the alert in it, as conditions of silences read it."""
    about = {
        "rule": alert.rule,
        "severity": str(alert.severity),
        "key": alert.key,
        "labels": alert.labels,
    }
    return {**event, "alert": about}


def moment(name: str, text: str) -> float:
    """Return the Unix seconds of an RFC 3339 time.

    Raises ValueError, whose text begins with ``name``.
    """
    seconds = unix_seconds(text)
    if seconds is None:
        raise ValueError(
            f"{name} is {text[:40]!r}, expected a time with its zone,"
            ' such as "2026-11-24T18:00:00Z" or "2026-11-24T19:00:00+01:00"'
        )
    return seconds
