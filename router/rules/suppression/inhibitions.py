"""Inhibitions: while one rule fires, the alerts of others are suppressed.

A network that is down explains a hundred bad calls. An alert of a rule in ``while`` marks the values
of ``equal`` in its event. While the mark lasts, alerts of the rules in ``hold_back`` whose event has
the same values are suppressed. The mark lasts for ``for`` after the last such alert. If the rule has
``resolve``, the mark ends at the latest when that alert is resolved.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.feature import By, StateId, check_span


class InhibitionText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules suppress which, in its YAML form."""

    while_: Annotated[tuple[str, ...], about("Rules that fire.", min_length=1)] = msgspec.field(
        name="while"
    )
    hold_back: Annotated[tuple[str, ...], about("Rules whose alerts are suppressed.", min_length=1)]
    equal: Annotated[
        tuple[str, ...], about("Fields or CEL expressions that must have the same value for both.")
    ] = ()
    for_: Annotated[Duration, about("How long after the last alert.")] = msgspec.field(
        name="for", default=Duration(3600)
    )

    def __post_init__(self) -> None:
        check_span("for", self.for_)


class Inhibition(msgspec.Struct, frozen=True):
    """Which rules suppress which."""

    sources: frozenset[str]
    targets: frozenset[str]
    equal: By
    for_seconds: float
    state: StateId


def of_rule(inhibitions: Iterable[Inhibition], rule: str) -> tuple[tuple[Inhibition, ...], ...]:
    """Return the inhibitions in which the rule inhibits others, and those in which it is inhibited."""
    every = tuple(inhibitions)
    return (
        tuple(each for each in every if rule in each.sources),
        tuple(each for each in every if rule in each.targets),
    )
