"""What the doctor says of a test message."""

import pytest

from router.api.message_testing import MessageOutcome, MessageTested
from router.doctor.doctor_check import Status
from router.doctor.message_checks import judge_message


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (MessageOutcome.DELIVERED, Status.OK),
        (MessageOutcome.FAILED, Status.PROBLEM),
        (MessageOutcome.WAITING, Status.PROBLEM),
    ],
)
def test_a_test_message_is_judged(outcome: MessageOutcome, status: Status) -> None:
    check = judge_message("hook", MessageTested(delivery="d", outcome=outcome, reason="HTTP 404"))

    assert (check.status, bool(check.fix)) == (status, status is Status.PROBLEM)
