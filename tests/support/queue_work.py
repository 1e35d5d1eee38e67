"""Jobs of a test's own queue, and the work that they stand for."""

from collections.abc import Awaitable, Callable

from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.job_queue import JobQueue
from router.journal.leases import Lease
from support.waiting import until

QUEUE = "router:queue:test"


class Work:
    """Runs the test's jobs: each does what the test puts in ``then``."""

    def __init__(self, connection: Connection, queue: str = QUEUE) -> None:
        self._connection = connection
        self._queue = queue
        self.ran: list[str] = []
        self.starts: list[int] = []
        self.then: list[Callable[[], Awaitable[bool]]] = []
        self.leases: list[Lease] = []

    async def __call__(self, job_id: str, starts: int, lease: Lease) -> bool:
        self.leases.append(lease)
        self.ran.append(job_id)
        self.starts.append(starts)
        done = await self.then.pop(0)() if self.then else True
        if done:  # as the last transaction of the work does
            await JobQueue(self._connection, self._queue).remove(job_id)
        return done

    async def has_run(self, times: int) -> None:
        async def enough() -> bool:
            return len(self.ran) >= times

        await until(enough)


async def enqueue(
    connection: Connection, job_id: str, *, due_in: float = 0.0, queue: str = QUEUE
) -> None:
    seconds, microseconds = await connection.redis.time()
    due = int((seconds + microseconds / 1e6 + due_in) * 1000)
    await connection.redis.set(keys.job(job_id), jobs.payload("test", due))
    await connection.redis.zadd(queue, {job_id: due})
    await connection.redis.publish(keys.wake_channel(queue), "")


async def subscribed(connection: Connection) -> None:
    async def listening() -> bool:
        return bool(await connection.redis.pubsub_numpat())

    await until(listening)


async def gone(connection: Connection, job_id: str) -> None:
    async def finished() -> bool:
        left = await connection.redis.exists(keys.job(job_id), keys.lease(job_id))
        return not left and await connection.redis.zscore(QUEUE, job_id) is None

    await until(finished)
