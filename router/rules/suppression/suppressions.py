"""Why an alert is suppressed at a moment, and what becomes of it when that ends."""

import msgspec

from router.rules.state.step import Reason


class Suppression(msgspec.Struct, frozen=True):
    """A reason for which an alert is suppressed now. Times are Unix seconds; 0 stands for none."""

    reason: Reason
    ends: float = 0.0
    """When it ends, as far as it is known."""
    drops: bool = False
    """True if what it suppresses is dropped; else it is told when the reason ends, if it is open."""
    before: float = 0.0
    """Only alerts whose life began no later are suppressed; 0 for all."""
