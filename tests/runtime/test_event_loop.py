"""A process ends by a signal, by its parent's end, or by one clear error."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Iterator

import pytest
import uvloop

from router.errors import ConfigurationError
from router.http.server import Address
from router.runtime import event_loop

ADDRESS = Address("127.0.0.1", 1)


class FakeApp:
    """Serves until it is stopped; counts reloads."""

    def __init__(self) -> None:
        self.reloads = 0
        self.stopped = False

    def reload(self) -> None:
        self.reloads += 1

    async def serve(self, stop: asyncio.Event, ready: object) -> None:
        ready(ADDRESS)  # type: ignore[operator]
        await stop.wait()
        self.stopped = True


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Undo what a process that is ready does to the garbage collector."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_the_loop_is_uvloop() -> None:
    async def main() -> bool:
        return isinstance(asyncio.get_running_loop(), uvloop.Loop)

    assert event_loop.run(main())


def test_a_configuration_error_in_a_group_is_raised_alone() -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(ConfigurationError("set ROUTER_PORT")))

    with pytest.raises(ConfigurationError, match="set ROUTER_PORT"):
        event_loop.run(main())


def test_other_errors_are_raised_as_they_are() -> None:
    async def main() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        event_loop.run(main())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_app(number: signal.Signals) -> None:
    app = FakeApp()

    async def main() -> None:
        await event_loop.serve(app, lambda _: os.kill(os.getpid(), number))  # type: ignore[arg-type]

    event_loop.run(main())

    assert app.stopped


def test_sighup_reloads_and_does_not_stop() -> None:
    app = FakeApp()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(
                event_loop.serve(app, lambda _: os.kill(os.getpid(), signal.SIGHUP))  # type: ignore[arg-type]
            )
            while not app.reloads:  # noqa: ASYNC110 - set by a signal handler
                await asyncio.sleep(0.01)
            assert not serving.done()
            os.kill(os.getpid(), signal.SIGTERM)

    event_loop.run(main())

    assert (app.reloads, app.stopped) == (1, True)


def test_the_end_of_the_parent_stops_the_app() -> None:
    app = FakeApp()
    ours, parents = socket.socketpair()

    async def main() -> None:
        await event_loop.serve(app, lambda _: parents.close(), parent=ours.fileno())  # type: ignore[arg-type]

    event_loop.run(main())

    assert app.stopped
    ours.close()


def test_a_process_that_is_ready_collects_less_often() -> None:
    app = FakeApp()
    seen: list[tuple[int, int]] = []

    def ready(_: Address) -> None:
        seen.append((gc.get_freeze_count(), gc.get_threshold()[0]))
        os.kill(os.getpid(), signal.SIGTERM)

    async def main() -> None:
        await event_loop.serve(app, ready)  # type: ignore[arg-type]

    event_loop.run(main())

    ((frozen, threshold),) = seen
    assert frozen > 0
    assert threshold == 50_000
