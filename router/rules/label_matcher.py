"""Tests of one label's value in ``match`` of a route: ``{team: {matches: "^voi"}}``.

They are those of ``match`` in rules and silences that a text can have. The value of a label is a text,
and that of a label that an alert lacks is ``""``.
"""

from typing import Annotated, Any

import msgspec

from router.cel import regular_expression
from router.rules.key_descriptions import about


class MatcherText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tests of a label's value, all of which must hold."""

    equal: Annotated[str | None, about("It is this value.")] = msgspec.field(
        default=None, name="=="
    )
    unequal: Annotated[str | None, about("It is another value, or the label is missing.")] = (
        msgspec.field(default=None, name="!=")
    )
    in_: Annotated[tuple[str, ...] | None, about("It is one of these values.")] = msgspec.field(
        default=None, name="in"
    )
    prefix: Annotated[str | None, about("It begins with this text.")] = None
    suffix: Annotated[str | None, about("It ends with this text.")] = None
    substring: Annotated[str | None, about("It contains this text.")] = None
    matches: Annotated[
        str | None, about("This regular expression (RE2) is found in it; `^` and `$` anchor it.")
    ] = None

    def __post_init__(self) -> None:
        if all(getattr(self, name) is None for name in self.__struct_fields__):
            raise ValueError('a test is needed, such as {prefix: voice} or {"!=": voice}')
        if self.in_ == ():
            raise ValueError("in is empty, it needs at least one value")
        for name in ("prefix", "suffix", "substring", "matches"):
            if getattr(self, name) == "":
                raise ValueError(f"{name} is empty, which every value matches")
        if self.matches is not None:
            try:
                regular_expression(self.matches)
            except ValueError as error:
                raise ValueError(f"matches: {error}") from None


class LabelMatcher(msgspec.Struct, frozen=True):
    """Tests of a label's value, compiled."""

    values: frozenset[str] | None = None
    """The values that match; None for all that the other tests permit."""
    text: MatcherText | None = None
    """The other tests."""
    pattern: Any = None
    """The compiled ``matches`` of the text."""

    def holds(self, value: str) -> bool:
        """Return whether a value matches."""
        if self.values is not None and value not in self.values:
            return False
        text = self.text
        return text is None or (
            value != text.unequal
            and value.startswith(text.prefix or "")
            and value.endswith(text.suffix or "")
            and (text.substring or "") in value
            and (self.pattern is None or self.pattern.search(value) is not None)
        )

    def covers(self, other: "LabelMatcher") -> bool:
        """Return whether it matches every value that another one matches, as far as that is certain."""
        if other.values is not None:
            return all(self.holds(value) for value in other.values if other.holds(value))
        one, two = self.text, other.text
        if self.values is not None or two is None:
            return False
        return one is None or (
            (one.unequal is None or not other.holds(one.unequal))
            and (two.prefix or "").startswith(one.prefix or "")
            and (two.suffix or "").endswith(one.suffix or "")
            and any((one.substring or "") in (part or "") for part in _certain(two))
            and one.matches in {None, two.matches}
        )


def label_matcher(text: MatcherText) -> LabelMatcher:
    """Return the compiled tests."""
    values = None if text.in_ is None else frozenset(text.in_)
    if text.equal is not None:
        values = frozenset({text.equal} if values is None or text.equal in values else ())
    pattern = None if text.matches is None else regular_expression(text.matches)
    return LabelMatcher(values, text, pattern)


def _certain(text: MatcherText) -> tuple[str | None, ...]:
    """Return texts that each value that matches contains."""
    return text.prefix, text.suffix, text.substring
