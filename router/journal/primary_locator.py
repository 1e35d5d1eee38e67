"""The address of the primary, asked of the sentinels whenever a connection opens.

The sentinels are asked one after the other, each for a quarter of a second at most, until one names a
primary of the epoch that is known, or a later one. The sentinel that answered last is asked first, and
one that did not answer comes last, so that a dead sentinel slows one connection and not all. Many
connections open at once after a failover: they share one question.

A failover that was announced raises the epoch that is asked for, so that nothing is written to a
primary whose successor is being chosen. That ends with the new primary, with the failover, or after
``_SUSPENSION_SECONDS``.
"""

import asyncio
from typing import Final

import msgspec
from redis.exceptions import RedisError

from router.journal.sentinel import (
    NamedPrimary,
    NoPrimaryError,
    SentinelProblem,
    newest,
    no_primary,
    read_answer,
    sentinel_problem,
)
from router.journal.sentinel_adapter import SentinelConnection
from router.settings.sentinel_url import NodeAddress, SentinelUrl

ASK_SECONDS: Final = 0.25
"""How long one sentinel may take. Three take less than the default ROUTER_COMMIT_TIMEOUT, 800 ms."""
_SUSPENSION_SECONDS: Final = 10.0
"""Longer than the leader of a failover takes; a promotion that fails takes ``failover-timeout``."""
_NO_ANSWER_SECONDS: Final = 0.05
"""How long a search that found no primary answers for, so that retries do not load the sentinels."""


class _Found(msgspec.Struct, frozen=True):
    """The result of one question."""

    number: int
    result: NamedPrimary | NoPrimaryError
    at: float


class PrimaryLocator:
    """Finds the primary. One serves all connections of a process.

    Args:
        url: Names the sentinels.
        ask_seconds: How long one sentinel may take.
    """

    def __init__(self, url: SentinelUrl, *, ask_seconds: float = ASK_SECONDS) -> None:
        self.url = url
        self._ask_seconds = ask_seconds
        self._order = list(url.sentinels)
        self._epoch: int | None = None
        self._suspended_until = float("-inf")
        self._successor: NodeAddress | None = None
        """The primary that was named while the known one was suspended."""
        self._question = 0
        self._found: _Found | None = None
        self._asking = asyncio.Lock()

    @property
    def known_epoch(self) -> int | None:
        """The epoch of the last answer; None before the first one."""
        return self._epoch

    def has_followed(self, primary: NodeAddress) -> bool:
        """Return whether all connections since the last ``suspend`` lead to this primary."""
        return self._successor == primary

    async def locate(self) -> NodeAddress:
        """Return the address of the primary.

        Raises:
            NoPrimaryError: No sentinel names one, or a failover is under way.
        """
        result = await self._shared_result()
        if isinstance(result, NoPrimaryError):
            raise NoPrimaryError(str(result), is_url_wrong=result.is_url_wrong)
        return result.address

    def doubt(self, address: NodeAddress) -> None:
        """Ask another sentinel first the next time, if one has named this address."""
        result = None if self._found is None else self._found.result
        if isinstance(result, NamedPrimary) and result.address == address:
            self._found = None
            self._move(result.sentinel, first=False)

    def trust(self, sentinel: NodeAddress) -> None:
        """Ask a sentinel first, which has announced the end of a failover."""
        self._found = self._successor = None
        self._move(sentinel, first=True)

    def suspend(self) -> None:
        """Name no primary of the known epoch, because its successor is being chosen."""
        self._found = None
        self._successor = None
        self._suspended_until = asyncio.get_running_loop().time() + _SUSPENSION_SECONDS

    def resume(self) -> None:
        """Name the primary of the known epoch again."""
        self._found = None
        self._suspended_until = float("-inf")

    async def ask(self, sentinel: NodeAddress) -> NamedPrimary | SentinelProblem:
        """Return the answer of one sentinel, or why it gave none."""
        service = self.url.service
        try:
            async with (
                asyncio.timeout(self._ask_seconds),
                SentinelConnection(self.url, sentinel) as it,
            ):
                state, address = await it.ask(
                    [
                        ("SENTINEL", "MASTER", service),
                        ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service),
                    ]
                )
            return read_answer(sentinel, address, state)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            return sentinel_problem(error)

    async def _shared_result(self) -> NamedPrimary | NoPrimaryError:
        asked_after = self._question
        async with self._asking:
            found = self._found
            now = asyncio.get_running_loop().time()
            if found is not None and (
                found.number > asked_after
                or (
                    isinstance(found.result, NoPrimaryError) and now < found.at + _NO_ANSWER_SECONDS
                )
            ):
                return found.result
            self._question += 1
            number = self._question
            result = await self._search()
            self._found = _Found(number, result, asyncio.get_running_loop().time())
            return result

    async def _search(self) -> NamedPrimary | NoPrimaryError:
        answers: list[NamedPrimary] = []
        problems: dict[NodeAddress, SentinelProblem] = {}
        for sentinel in tuple(self._order):
            try:
                answer = await self.ask(sentinel)
            except asyncio.CancelledError:  # the deadline of the command that needs the connection
                self._move(sentinel, first=False)
                raise
            if isinstance(answer, SentinelProblem):
                problems[sentinel] = answer
                self._move(sentinel, first=False)
                continue
            if self._epoch is None and self._is_suspended():
                # That of the primary that is being replaced, or of its successor.
                self._epoch = answer.epoch
            if answer.epoch >= self._wanted_epoch():
                return self._accept(answer)
            answers.append(answer)
        best = newest(answers)
        if best is None:
            return no_primary(self.url.service, problems)
        if self._is_suspended():
            return NoPrimaryError(
                f"the sentinels replace the primary of {self.url.service!r}; wait until they name"
                " the new one"
            )
        # All that answer are behind: the sentinels were set up again, and begin at epoch 0.
        return self._accept(best)

    def _accept(self, answer: NamedPrimary) -> NamedPrimary:
        if self._is_suspended():
            self._successor = answer.address
            self._suspended_until = float("-inf")
        self._epoch = answer.epoch
        self._move(answer.sentinel, first=True)
        return answer

    def _wanted_epoch(self) -> int:
        known = self._epoch or 0
        return known + 1 if self._is_suspended() else known

    def _is_suspended(self) -> bool:
        return asyncio.get_running_loop().time() < self._suspended_until

    def _move(self, sentinel: NodeAddress, *, first: bool) -> None:
        self._order.remove(sentinel)
        self._order.insert(0 if first else len(self._order), sentinel)
