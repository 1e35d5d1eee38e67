"""What two checks of the store prove, and what a commit proves between them."""

import logging

import msgspec
import pytest

from router.journal.store_check import StoreFacts
from router.journal.store_watch import (
    AcceptedCount,
    EventsMissing,
    FailedOver,
    StoreChange,
    StoreReset,
    StoreWatch,
    store_changes,
)
from router.metrics import Metrics

KNOWN = StoreFacts(
    epoch="100-a",
    accepted=50,
    replication_id="one",
    former_replication_id="0" * 40,
    offset=7000,
    former_offset=-1,
)


def promoted(**changes: object) -> StoreFacts:
    """The replica of ``KNOWN``, as the primary."""
    return facts(replication_id="two", former_replication_id="one", **changes)


def facts(**changes: object) -> StoreFacts:
    return msgspec.structs.replace(KNOWN, **changes)


@pytest.mark.parametrize(
    ("acknowledged", "found", "changes"),
    [
        (50, KNOWN, []),
        (50, facts(accepted=90, offset=9000), []),
        (50, facts(epoch="200-b", accepted=0, replication_id="x"), [StoreReset("100-a", "200-b")]),
        (50, facts(accepted=49), [EventsMissing(1)]),
        (0, facts(accepted=49), [EventsMissing(1)]),
        (80, facts(accepted=60), [EventsMissing(20)]),
        (60, promoted(accepted=60, former_offset=7500), [FailedOver(0)]),
        (60, promoted(accepted=60, former_offset=7000), [FailedOver(0)]),
        (60, promoted(accepted=60, former_offset=6999), [FailedOver(1)]),
        (60, promoted(accepted=45, former_offset=6400), [FailedOver(600), EventsMissing(15)]),
        # A server that was restarted has another history, and was no replica.
        (50, facts(replication_id="three", offset=0), []),
        (50, facts(replication_id="three", former_replication_id="four", offset=0), []),
    ],
)
def test_changes_of_the_store(
    acknowledged: int, found: StoreFacts, changes: list[StoreChange]
) -> None:
    """Mutants seen to fail: ``>=`` for ``>``; ``former_offset`` without its 1; ids not compared."""
    assert store_changes(KNOWN, acknowledged, found) == changes


@pytest.mark.parametrize(
    ("known", "after", "events", "highest", "missing"),
    [
        (100, 110, 10, 110, 0),
        (100, 130, 10, 130, 0),  # other processes accepted 20
        (100, 109, 10, 109, 1),
        (100, 60, 10, 60, 50),
    ],
)
def test_a_commit_that_begins_below_the_known_count_proves_a_loss(
    known: int, after: int, events: int, highest: int, missing: int
) -> None:
    noticed: list[bool] = []
    count = AcceptedCount()
    count.highest = known
    count.subscribe(on_missing=lambda: noticed.append(True), on_turn=lambda: None)

    count.commit(known, after, events)

    assert (count.highest, count.missing) == (highest, missing)
    assert len(noticed) == (missing > 0)


def test_a_reply_that_is_read_late_proves_nothing() -> None:
    """Mutant seen to fail: ``commit`` compares with ``highest`` and not with ``known``."""
    count = AcceptedCount()
    known = count.highest = 100
    count.highest = 200  # a check that was sent later is read first

    count.commit(known, 110, 10)

    assert (count.highest, count.missing) == (200, 0)


def test_the_first_failure_and_the_first_success_after_it_are_turns() -> None:
    turns: list[bool] = []
    count = AcceptedCount()
    count.subscribe(on_missing=lambda: None, on_turn=lambda: turns.append(True))

    count.commit(0, 1, 1)
    assert len(turns) == 0
    count.fail()
    count.fail()
    assert len(turns) == 1
    count.commit(1, 2, 1)
    count.commit(2, 3, 1)
    assert len(turns) == 2


class Reported:
    """A watch and what it has reported."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.metrics = Metrics()
        self.watch = StoreWatch(self.metrics)
        self._caplog = caplog

    def check(self, found: StoreFacts) -> list[str]:
        """Return the errors that a check adds."""
        self._caplog.clear()
        self.watch.observe(found, self.watch.accepted.highest)
        return [each.message for each in self._caplog.records if each.levelno >= logging.ERROR]

    def metric(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"router_{name}") or 0.0


@pytest.fixture
def reported(caplog: pytest.LogCaptureFixture) -> Reported:
    return Reported(caplog)


def test_the_first_check_of_a_process_reports_nothing(reported: Reported) -> None:
    assert reported.check(KNOWN) == []
    assert reported.metric("store_created_timestamp_seconds") == 100


def test_a_reset_is_reported_once(reported: Reported) -> None:
    reported.check(KNOWN)
    empty = facts(epoch="200-b", accepted=0)
    (error,) = reported.check(empty)

    assert "store reset" in error
    assert reported.check(empty) == []
    assert reported.metric("store_resets_total") == 1
    assert reported.metric("store_missing_events_total") == 0
    assert reported.metric("store_created_timestamp_seconds") == 200


def test_what_a_commit_found_missing_is_reported_by_the_next_check(reported: Reported) -> None:
    """Mutant seen to fail: the check counts what it sees by itself, after later commits."""
    reported.check(KNOWN)
    reported.watch.accepted.commit(known=50, after=31, events=1)
    reported.watch.accepted.commit(known=31, after=60, events=29)
    (error,) = reported.check(facts(accepted=60))

    assert "missing" in error
    assert reported.metric("store_missing_events_total") == 20
    assert reported.check(facts(accepted=60)) == []


def test_a_loss_that_a_check_found_is_not_found_again_by_a_commit(reported: Reported) -> None:
    """The commit was sent before the check, and its reply is read after it."""
    reported.check(KNOWN)
    known = reported.watch.accepted.highest
    reported.check(promoted(accepted=20))

    reported.watch.accepted.commit(known, 21, 1)
    reported.check(promoted(accepted=21))

    assert reported.metric("store_missing_events_total") == 30


def test_a_loss_that_a_commit_found_is_not_found_again_by_a_check(reported: Reported) -> None:
    """The check has read its facts from the former primary, and compares them after the commit."""
    reported.check(KNOWN)
    reported.watch.accepted.commit(50, 21, 1)
    reported.check(KNOWN)
    reported.check(promoted(accepted=21))

    assert reported.metric("store_missing_events_total") == 30


def test_a_reset_that_a_commit_sees_first_is_a_reset(reported: Reported) -> None:
    reported.check(KNOWN)
    reported.watch.accepted.commit(known=50, after=1, events=1)
    (error,) = reported.check(facts(epoch="200-b", accepted=1))

    assert "store reset" in error
    assert reported.metric("store_missing_events_total") == 0


def test_a_failover_counts_its_missing_bytes(reported: Reported) -> None:
    reported.check(KNOWN)
    errors = reported.check(promoted(accepted=45, former_offset=6400))

    assert len(errors) == 2
    assert reported.metric("store_failovers_total") == 1
    assert reported.metric("store_missing_bytes_total") == 600
    assert reported.metric("store_missing_events_total") == 5


def test_a_failover_that_misses_nothing_is_no_error(reported: Reported) -> None:
    reported.check(KNOWN)

    assert reported.check(promoted(former_offset=7000)) == []
    assert reported.metric("store_failovers_total") == 1
