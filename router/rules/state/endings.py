"""What ended alerts, kept for those of their events that come late.

No order is promised: what ends an alert may come before the alert's own event. So the time of each
ending is remembered for a while, and an alert that began before it is over already when it comes.
The model of the hash and the sorted set that ``journal/scripts/decide.lua`` keeps.
"""

import msgspec

from router.rules.state.steps import KEYS_LIMIT


class _Ending(msgspec.Struct):
    at: int
    until: int


class Endings:
    """Those of all states. Beyond ``keys_limit`` of one state, the one that ends soonest goes."""

    def __init__(self, *, keys_limit: int = KEYS_LIMIT) -> None:
        self._keys_limit = keys_limit
        self._kept: dict[str, dict[str, _Ending]] = {}

    def remember(self, state: str, key: str, *, at: int, now: int, lasts: int) -> None:
        """Something ended at ``at``; the latest time counts. Times are Unix ms."""
        kept = self._kept.setdefault(state, {})
        for old in [old for old, ending in kept.items() if ending.until <= now]:
            del kept[old]
        if key not in kept and len(kept) >= self._keys_limit:
            del kept[min(kept, key=lambda old: (kept[old].until, old))]
        known = kept.get(key, _Ending(at, now))
        kept[key] = _Ending(max(at, known.at), max(now + lasts, known.until))

    def are_over(self, state: str, key: str, *, at: int, now: int) -> bool:
        """Whether what began at ``at`` has ended since."""
        ending = self._kept.get(state, {}).get(key)
        return ending is not None and ending.until > now and at < ending.at
