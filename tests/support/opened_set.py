"""The set that the fixture ``opened`` opens."""

from collections.abc import Iterable

from router.alerts import Delivery
from router.journal.keys import SetId

SET = SetId("id0002")


def by_id(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """In an order of the test's own, because a Redis hash has none."""
    return sorted(deliveries, key=lambda delivery: delivery.id)
