"""``count`` in its YAML form."""

from typing import Annotated, Final

import msgspec

from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.feature import ByText, check_span

COUNT_LIMIT: Final = 10_000
KEEP_LIMIT: Final = 20
"""Events that a message shows beside its own; as many as alerts of a group."""
ROW_LIMIT: Final = 100
"""Events in a row that one alert takes."""
ROW_SPAN: Final = Duration(7 * 86400.0)
DISTINCT_LIMIT: Final = 1_000
"""Different values that one alert takes. Each is stored, so that counting is always exact."""


class BrokenByText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The events that break a row."""

    events: Annotated[tuple[str, ...], about("Event types; without them, those of the rule.")] = ()
    when: Annotated[str | None, about("A condition in CEL on these events.")] = None

    def __post_init__(self) -> None:
        if not self.events and self.when is None:
            raise ValueError('broken_by needs "when" or "events"')


class CountText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when enough events happened within a time span."""

    at_least: Annotated[int, about("How many events.", ge=1, le=COUNT_LIMIT)]
    within: Annotated[
        Duration | None,
        about("The time span in which they must have happened; 7d if they are in a row."),
    ] = None
    by: ByText = ()
    distinct: Annotated[
        str | None,
        about(
            "A CEL expression: events with the same value count once, those without a value never."
        ),
    ] = None
    keep: Annotated[int | None, about("How many of those events the message shows, 1 to 20.")] = (
        None
    )

    in_a_row: Annotated[
        bool, about("Count only events with none between them that breaks the row.")
    ] = False
    broken_by: Annotated[BrokenByText | None, about("The events that break the row.")] = None

    def __post_init__(self) -> None:
        if self.within is None and not self.in_a_row:
            raise ValueError('count needs "within"')
        if self.in_a_row != (self.broken_by is not None):
            missing = "broken_by: {when: …}" if self.in_a_row else "in_a_row: true"
            raise ValueError(f"in_a_row and broken_by belong together: add {missing}")
        if self.in_a_row and self.distinct is not None:
            raise ValueError("distinct cannot be counted in a row")
        if self.keep is not None and not 1 <= self.keep <= KEEP_LIMIT:
            raise ValueError(f"keep is {self.keep}, expected 1 to {KEEP_LIMIT}")
        limit, when = COUNT_LIMIT, ""
        if self.distinct is not None:
            limit, when = DISTINCT_LIMIT, " with distinct"
        if self.in_a_row:
            limit, when = ROW_LIMIT, " in a row"
        if not 1 <= self.at_least <= limit:
            raise ValueError(f"at_least is {self.at_least}, expected 1 to {limit}{when}")
        check_span("within", self.span)

    @property
    def span(self) -> Duration:
        """The time span, in seconds."""
        return ROW_SPAN if self.within is None else self.within
