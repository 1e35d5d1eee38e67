"""The test's own ledger: what was acknowledged against what arrived, for each receiver."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Self

import msgspec


class Comparison(msgspec.Struct, frozen=True):
    """What became of the accepted ids, over all receivers."""

    accepted: int
    lost: int
    """Ids, summed over the receivers, that did not arrive."""
    repeated: int
    """Arrivals beyond the first of an id, summed over the receivers."""
    most_repeated: int
    """The same, of the receiver with the most."""
    unknown: int
    """Arrivals of ids that got no 2xx: a sender may send these again."""

    @classmethod
    def of(cls, accepted: Collection[str], arrived: Mapping[str, Counter[str]]) -> Self:
        """Compare the ids that got a 2xx with those that each receiver got."""
        known = set(accepted)
        repeats = [each.total() - len(each) for each in arrived.values()]
        return cls(
            accepted=len(known),
            lost=sum(len(known - each.keys()) for each in arrived.values()),
            repeated=sum(repeats),
            most_repeated=max(repeats, default=0),
            unknown=sum(len(each.keys() - known) for each in arrived.values()),
        )

    def figures(self) -> dict[str, int]:
        """Return the fields that the table of faults has."""
        return {"accepted": self.accepted, "lost": self.lost, "repeated": self.repeated}
