"""Signs of life: sent by the event loop, so that a stuck one sends none."""

import socket
import time

from support.waiting import until

from router.runtime.heartbeat import Heartbeat, Heartbeats, to_parent


async def test_signs_are_sent_until_they_are_stopped() -> None:
    sent: list[str] = []
    first, second = (
        Heartbeats([Heartbeat(lambda name=name: sent.append(name), 0.01)])  # type: ignore[misc]
        for name in ("first", "second")
    )

    async def three(name: str) -> bool:
        return sent.count(name) >= 3

    first.start()
    await until(lambda: three("first"))
    first.stop()
    before = sent.count("first")
    second.start()
    await until(lambda: three("second"))
    second.stop()

    assert sent.count("first") == before


async def test_an_event_loop_that_is_stuck_sends_nothing() -> None:
    """Mutant: a thread that sends them, which would report a loop that does nothing as alive."""
    sent: list[float] = []
    beats = Heartbeats([Heartbeat(lambda: sent.append(time.monotonic()), 0.005)])
    beats.start()
    time.sleep(0.05)  # noqa: ASYNC251 - the loop is stuck
    assert len(sent) == 1
    beats.stop()


def test_a_parent_that_does_not_read_blocks_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        beat = to_parent(theirs.fileno())
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for _ in range(10_000):
            beat.send()
        assert ours.recv(2) == b"11"
        ours.close()
        beat.send()
