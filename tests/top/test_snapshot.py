"""Rates between two snapshots."""

from router.journal.ledger import DestinationLedger, Ledger
from router.top.snapshot import LedgerSnapshot, delivered_between, rate_of_minute, rates_between

BEFORE = LedgerSnapshot(
    10.0,
    Ledger(accepted=100, filtered=50, destinations={"a": DestinationLedger(delivered=5, dead=3)}),
)
AFTER = LedgerSnapshot(
    12.0,
    Ledger(
        accepted=110,
        filtered=50,
        destinations={
            "a": DestinationLedger(delivered=9, dead=1),
            "b": DestinationLedger(delivered=1),
        },
    ),
)


def test_rates_are_differences_of_the_ledger_in_a_second() -> None:
    rates = rates_between(BEFORE, AFTER)

    assert rates is not None
    assert (rates.accepted, rates.filtered, rates.delivered, rates.dead) == (5.0, 0.0, 2.5, 0.0)
    assert delivered_between(BEFORE, AFTER) == {"a": 2.0, "b": 0.5}


def test_an_emptied_redis_and_no_time_have_no_rates() -> None:
    emptied = LedgerSnapshot(12.0, Ledger())
    rates = rates_between(BEFORE, emptied)

    assert rates is not None
    assert rates.accepted == 0.0
    assert rates_between(BEFORE, LedgerSnapshot(10.0, AFTER.ledger)) is None


def test_the_point_that_is_still_counted_is_no_part_of_a_minute() -> None:
    assert rate_of_minute([1000, 60, 60, 60, 60, 60, 60, 1000]) == 6.0
