"""Ctrl-C ends a command, whatever it does at that moment."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from router.cli import command_loop


@pytest.fixture(autouse=True)
def usual_interrupt() -> Iterator[None]:
    """What runs the tests in the background ignores SIGINT, and its children then do too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def read_at_once() -> bool:
    """Ask as redis-py does: whether there is something to read now."""
    try:
        async with asyncio.timeout(0):
            await asyncio.get_running_loop().create_future()
    except TimeoutError:
        return False
    return True


def test_a_signal_while_the_command_runs_is_not_swallowed_by_a_timeout() -> None:
    """Seen to fail with ``asyncio.run``, which went on with the command."""
    steps = []

    async def main() -> None:
        interrupt()
        for step in range(3):
            steps.append(step)
            assert not await read_at_once()

    with pytest.raises(KeyboardInterrupt):
        command_loop.run(main())
    assert steps == [0]


def test_what_the_command_has_opened_is_closed() -> None:
    closed = []

    async def main() -> None:
        try:
            asyncio.get_running_loop().call_soon(interrupt)
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        command_loop.run(main())
    assert closed == [True]


def test_a_second_signal_ends_the_command_at_once() -> None:
    async def main() -> None:
        interrupt()
        try:
            await asyncio.sleep(3600)
        finally:
            asyncio.get_running_loop().call_soon(interrupt)
            await asyncio.sleep(3600)

    with pytest.raises(KeyboardInterrupt):
        command_loop.run(main())


def test_a_signal_before_the_command_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        raise AssertionError("it began")

    usual = asyncio.Runner.run

    def run(runner: asyncio.Runner, *arguments: object) -> object:
        interrupt()
        return usual(runner, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio.Runner, "run", run)
    with pytest.raises(KeyboardInterrupt):
        command_loop.run(main())


def test_the_result_and_the_handler_of_before() -> None:
    async def main() -> int:
        return 7

    before = signal.getsignal(signal.SIGINT)
    assert command_loop.run(main()) == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    async def main() -> int:
        interrupt()
        await asyncio.sleep(0)
        return 7

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert command_loop.run(main()) == 7
    finally:
        signal.signal(signal.SIGINT, before)
