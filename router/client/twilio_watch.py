"""Watches in Redis what a router's ingress receives from Twilio: test events, and refused requests."""

import asyncio
from typing import Final

from router.clock import Clock
from router.journal.connection import Connection
from router.journal.source_log import RefusedRequest, SourceLog
from router.journal.twilio_tests import SinkTest, SinkTests

SOURCE: Final = "twilio"
POLL_SECONDS: Final = 0.25
FLUSH_SECONDS: Final = 2.0
"""How long a refusal may take until it is in Redis: ingress writes once a second."""


class IngressWatch:
    """Compares what is in Redis with what was there. All methods raise JournalUnavailableError.

    Clocks are not compared, because this machine's may differ from the router's.

    Args:
        connection: To the router's Redis.
        clock: Measures waits.
        account: The SID of the account whose tests count; ``""`` for any.
    """

    def __init__(self, connection: Connection, clock: Clock, account: str) -> None:
        self._tests = SinkTests(connection)
        self._log = SourceLog(connection, clock)
        self._monotonic = clock.monotonic
        self._account = account
        self._known_tests: frozenset[str] = frozenset()
        self._known_refusals: frozenset[RefusedRequest] = frozenset()

    async def begin(self) -> None:
        """Take what is there now as known."""
        self._known_tests = frozenset(each.test_id for each in await self._tests.latest())
        self._known_refusals = frozenset(await self._refusals())

    async def new_test(self) -> str:
        """Return the id of the newest test event since ``begin``; ``""`` if there is none."""
        return next(
            (
                each.test_id
                for each in await self._tests.latest()
                if each.test_id not in self._known_tests and self._is_of_account(each)
            ),
            "",
        )

    async def new_refusal(self) -> RefusedRequest | None:
        """Return the newest request at ``/twilio`` that was refused since ``begin``."""
        return next(
            (each for each in await self._refusals() if each not in self._known_refusals), None
        )

    async def await_refusal(self) -> RefusedRequest | None:
        """Return the newest refusal as soon as ingress has written it; None if it writes none."""
        until = self._monotonic() + FLUSH_SECONDS
        while True:
            refusal = await self.new_refusal()
            if refusal is not None or self._monotonic() >= until:
                return refusal
            await asyncio.sleep(POLL_SECONDS)

    async def await_test(self, test_id: str) -> bool:
        """Return whether one test event comes to this Redis, which takes a fraction of a second."""
        until = self._monotonic() + FLUSH_SECONDS
        while test_id not in {each.test_id for each in await self._tests.latest()}:
            if self._monotonic() >= until:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def _is_of_account(self, test: SinkTest) -> bool:
        return self._account in {"", test.account_sid}

    async def _refusals(self) -> list[RefusedRequest]:
        return (await self._log.refusals([SOURCE]))[SOURCE]
