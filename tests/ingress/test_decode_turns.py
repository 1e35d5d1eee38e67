"""Turns of large bodies: one at a time, with pauses, and not for ever."""

import asyncio
import itertools
import time

import pytest
from support.waiting import until

from router.ingress.decode_turns import LARGE_BODY, DecodeTurns
from router.ingress.responses import RequestRejectedError

DECODING = 0.04


class Decoding:
    """Bodies that are decoded together, each of which holds the event loop for ``DECODING``."""

    def __init__(self, *, max_wait: float = 5, max_bytes: int = 10 * LARGE_BODY) -> None:
        self.turns = DecodeTurns(time.monotonic, max_wait=max_wait, max_bytes=max_bytes)
        self.spans: list[tuple[float, float]] = []
        self.rejected: list[str] = []
        self.ticks: list[float] = []
        """Times at which the event loop served a small request."""

    async def decode(self, size: int) -> None:
        try:
            await self.turns.take(size)
        except RequestRejectedError as rejection:
            self.rejected.append(rejection.code)
            return
        began = time.monotonic()
        time.sleep(DECODING)  # noqa: ASYNC251 - decoding holds the event loop
        self.spans.append((began, time.monotonic()))

    async def decode_together(self, count: int, size: int) -> None:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._serve())
            async with asyncio.TaskGroup() as bodies:
                for _ in range(count):
                    bodies.create_task(self.decode(size))
            serving.cancel()

    async def _serve(self) -> None:
        while True:
            self.ticks.append(time.monotonic())
            await asyncio.sleep(0.005)


@pytest.mark.fault_row(38)
async def test_the_loop_serves_others_between_two_large_bodies() -> None:
    """Mutants: no pause; the turn ends when it begins, so that two bodies share one step."""
    decoding = Decoding()

    await decoding.decode_together(4, LARGE_BODY)

    assert len(decoding.spans) == 4
    for (_, ended), (began, _) in itertools.pairwise(decoding.spans):
        assert began - ended >= 0.9 * DECODING
        assert any(ended <= tick <= began for tick in decoding.ticks)


async def test_a_small_body_waits_for_no_turn() -> None:
    """Mutant: each body takes a turn."""
    decoding = Decoding()
    async with asyncio.TaskGroup() as group:
        group.create_task(decoding.decode(LARGE_BODY))
        waiting = group.create_task(decoding.decode(LARGE_BODY))
        group.create_task(decoding.decode(LARGE_BODY - 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(decoding.spans) == 2
        assert not waiting.done()


async def test_a_body_that_is_decoded_fast_needs_no_pause() -> None:
    """Mutant: a pause after each turn. Senders of large batches keep their speed."""
    now = 1.0
    turns = DecodeTurns(lambda: now, max_wait=5, max_bytes=LARGE_BODY)
    for _ in range(3):
        await turns.take(LARGE_BODY)
        now += 0.02  # what decoding takes
        async with asyncio.timeout(1):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert turns._next_turn_at == now


@pytest.mark.parametrize(
    ("max_wait", "max_bytes"), [(0.5 * DECODING, 10 * LARGE_BODY), (5, 2 * LARGE_BODY - 1)]
)
async def test_a_body_that_cannot_wait_is_rejected(max_wait: float, max_bytes: int) -> None:
    """Mutants: no deadline; no limit of what waits; a body that gives up keeps the turn."""
    decoding = Decoding(max_wait=max_wait, max_bytes=max_bytes)

    await decoding.decode_together(4, LARGE_BODY)
    decoded = len(decoding.spans)

    assert 1 <= decoded < 4
    assert decoding.rejected == ["overloaded"] * (4 - decoded)

    async def decodes_again() -> bool:
        await decoding.decode(LARGE_BODY)
        return len(decoding.spans) > decoded

    assert await until(decodes_again)
