"""One operating system process: the event loop, the signals, the way it ends."""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from router.errors import ConfigurationError
from router.http.server import Address
from router.runtime.app import App

Result = TypeVar("Result")

_ALLOCATIONS: Final = 50_000
"""Containers made, and not yet gone, before the collector looks: Python's own default is 700."""

logger = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run ``main`` to its end, on uvloop where there is one.

    Raises what ``main`` raises; of several errors at once, the one that the operator can mend.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main)
    except* ConfigurationError as errors:
        raise _first(errors) from None


async def serve(app: App, ready: Callable[[Address], None], *, parent: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends the process at once.

    The end of ``parent``, a socket, is a signal too: whoever started this process is gone.

    SIGHUP reloads the rules.

    Raises ConfigurationError when the address cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            logger.warning("second signal: stopping without draining")
            loop.remove_signal_handler(number)
            signal.raise_signal(number)
        stop.set()

    def orphaned(line: int) -> None:
        loop.remove_reader(line)
        logger.warning("the parent process is gone")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    loop.add_signal_handler(signal.SIGHUP, app.reload)
    if parent is not None:
        loop.add_reader(parent, orphaned, parent)

    def prepared(address: Address) -> None:
        _spare_the_collector()
        ready(address)

    await app.serve(stop, prepared)


def _spare_the_collector() -> None:
    """What is loaded now stays: the garbage collector need not walk it again.

    Requests and deliveries leave next to no cycles, so it may also come less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = errors.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
