"""Which pieces of a job ended the processes that ran it before."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from router.worker.queue.poison import PoisonDetector

K = TypeVar("K", bound=str)


async def poisonous(
    detector: PoisonDetector, work_id: str, pieces: Iterable[tuple[K, Callable[[], object]]]
) -> frozenset[K]:
    """Return those of the pieces that ended three processes.

    Args:
        detector: Runs one piece at a time in this process.
        work_id: The batch or timer.
        pieces: For each piece its id, and what tries it out.

    Raises:
        JournalUnavailableError: Redis did not confirm in time.
    """
    return frozenset(
        [piece for piece, attempt in pieces if not await detector.probe(work_id, piece, attempt)]
    )
