"""What the doctor says of sentinels."""

import msgspec
import pytest

from router.doctor.doctor_check import Status
from router.doctor.sentinel_checks import judge_sentinels
from router.journal.sentinel_report import SentinelReport

WELL = SentinelReport(address="s1:26379", primary="r1:6379", replicas=1, sentinels=3, quorum=2)
SILENT = SentinelReport(address="s2:26379", problem="refuses the connection", advice="start it")


def changed(**changes: object) -> SentinelReport:
    return msgspec.structs.replace(WELL, **changes)


@pytest.mark.parametrize(
    ("reports", "statuses"),
    [
        ([], []),
        ([WELL, WELL, WELL], [Status.OK]),
        ([WELL, SILENT], [Status.OK, Status.WARNING]),
        ([SILENT, SILENT], [Status.PROBLEM, Status.PROBLEM]),
        ([WELL, changed(primary="r2:6379")], [Status.PROBLEM]),
        ([changed(sentinels=1)], [Status.WARNING]),
        ([changed(is_failing_over=True)], [Status.OK, Status.WARNING]),
        ([changed(is_down=True)], [Status.OK, Status.WARNING]),
        ([changed(quorum_problem="NOQUORUM 1 usable")], [Status.OK, Status.WARNING]),
    ],
)
def test_sentinels_are_judged(reports: list[SentinelReport], statuses: list[Status]) -> None:
    checks = judge_sentinels(reports)

    assert [each.status for each in checks] == statuses
    assert all(each.fix for each in checks if each.status is not Status.OK)
