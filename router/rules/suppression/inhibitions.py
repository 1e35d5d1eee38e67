"""Inhibition: while one rule fires, the alerts of others are held back.

A network that is down explains a hundred bad calls. An alert of a rule in ``while`` marks the values
of ``equal`` in its event; as long as the mark stands, alerts of the rules in ``hold_back`` whose event
has the same values are held back. It stands for ``for`` after the last such alert, and where the rule
has ``resolve``, no longer than until that alert is resolved.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from router.datatypes import Duration
from router.rules.state.features import By, StateId, check_span


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **more)


class InhibitionText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules hold back which, as it is written."""

    while_: Annotated[tuple[str, ...], _about("Rules that fire.", min_length=1)] = msgspec.field(
        name="while"
    )
    hold_back: Annotated[tuple[str, ...], _about("Rules whose alerts wait.", min_length=1)]
    equal: Annotated[
        tuple[str, ...], _about("Fields or CEL expressions that both events must have the same.")
    ] = ()
    for_: Annotated[Duration, _about("How long after the last alert.")] = msgspec.field(
        name="for", default=Duration(3600)
    )

    def __post_init__(self) -> None:
        check_span("for", self.for_)


class Inhibition(msgspec.Struct, frozen=True):
    """Which rules hold back which."""

    sources: frozenset[str]
    targets: frozenset[str]
    equal: By
    for_seconds: float
    state: StateId


def of_rule(inhibitions: Iterable[Inhibition], rule: str) -> tuple[tuple[Inhibition, ...], ...]:
    """Those in which the rule holds others back, and those in which it is held back."""
    every = tuple(inhibitions)
    return (
        tuple(each for each in every if rule in each.sources),
        tuple(each for each in every if rule in each.targets),
    )
