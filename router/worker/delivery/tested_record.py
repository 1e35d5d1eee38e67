"""Record how test messages end, for those who asked for them."""

import logging

from router.alerts import Delivery, is_test
from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.message_tests import MessageResult, MessageTests
from router.journal.settlements import Done, GivenUp, Settlement

logger = logging.getLogger(__name__)


class TestedRecorder:
    """Records the ends of test messages.

    Args:
        tests: Where they are stored; None in a process whose results no other one reads.
        clock: Time.
    """

    def __init__(self, tests: MessageTests | None, clock: Clock) -> None:
        self._tests = tests
        self._now = clock.now

    async def settled(self, settlement: Settlement) -> None:
        """Record the end of a delivery if it is a test. Never raises, because the delivery is settled."""
        delivery = settlement.delivery
        if self._tests is None or not is_test(delivery.alert):
            return
        try:
            await self._tests.record(delivery.id, self._result(settlement))
            if isinstance(settlement, GivenUp):
                await self._tests.drop_letter(delivery)
        except JournalUnavailableError as error:
            logger.warning("result of a test message not stored", extra={"reason": str(error)})

    def _result(self, settlement: Settlement) -> MessageResult:
        if isinstance(settlement, Done):
            return MessageResult(
                is_delivered=True,
                at=self._now(),
                seconds=settlement.seconds,
                status=settlement.status,
            )
        return self._failed(settlement.delivery, getattr(settlement, "reason", ""))

    def _failed(self, delivery: Delivery, reason: str) -> MessageResult:
        last = delivery.failed_attempts[-1] if delivery.failed_attempts else None
        return MessageResult(
            is_delivered=False,
            at=self._now(),
            seconds=last.seconds if last else 0.0,
            reason=reason or (last.reason if last else ""),
            status=last.status if last else None,
            response=last.response if last else "",
        )
