"""How many keyed alerts exist at a time. They come from events, which anyone can send."""

from typing import Final

import msgspec


class AlertLimits(msgspec.Struct, frozen=True):
    """The largest numbers of keyed alerts; beyond them, alerts are told as momentary ones."""

    of_all: int = 500_000
    """Those of all rules together."""
    of_rule: int = 100_000
    """Those of one rule."""


ALERT_LIMITS: Final = AlertLimits()
"""The limits without settings."""
