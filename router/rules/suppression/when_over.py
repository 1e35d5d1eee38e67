"""``when_over``: what becomes of an alert that is still open when its suppression ends."""

import enum
from typing import Annotated

from router.rules.key_descriptions import about


class WhenOver(enum.StrEnum):
    """The effect of the end of a silence or a mute time."""

    TELL = "tell"
    """An alert that is open and was not notified is notified then."""
    DROP = "drop"
    """It is not: the next event notifies."""


WhenOverKey = Annotated[
    WhenOver,
    about("`tell` notifies of what is still open when it ends, `drop` does not."),
]
