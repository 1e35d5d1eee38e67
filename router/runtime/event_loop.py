"""One operating system process: its event loop, its signals and its end."""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from router.errors import ConfigurationError, only_error
from router.http.server import Address
from router.runtime.app import App

Result = TypeVar("Result")

_GC_THRESHOLD: Final = 50_000
"""Live containers allocated since the last collection before the next one; Python's default is
700."""

logger = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run ``main`` to its end, on uvloop if it is installed.

    Raises:
        ConfigurationError: The first one, if ``main`` raises a group that contains nothing else.
        BaseException: Any other error of ``main``.

    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main)
    except BaseExceptionGroup as group:
        error = only_error(group, ConfigurationError)
        if error is None:
            raise
        raise error from None


async def serve(app: App, ready: Callable[[Address], None], *, parent: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain. A second signal ends the process at once.

    SIGHUP reloads the rules.

    Args:
        app: The application.
        ready: Called with the address once the process listens.
        parent: The descriptor of a socket to the parent process. Its end has the effect of SIGTERM,
            because the parent has exited.

    Raises:
        ConfigurationError: The process cannot listen on the address.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            logger.warning("second signal received; stopping without draining")
            loop.remove_signal_handler(number)
            signal.raise_signal(number)
        stop.set()

    def on_parent_exit(descriptor: int) -> None:
        loop.remove_reader(descriptor)
        logger.warning("parent process exited")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    loop.add_signal_handler(signal.SIGHUP, app.reload)
    if parent is not None:
        loop.add_reader(parent, on_parent_exit, parent)

    def on_ready(address: Address) -> None:
        _tune_garbage_collector()
        ready(address)

    await app.serve(stop, on_ready)


def _tune_garbage_collector() -> None:
    """Exempt what is loaded now from garbage collection, and collect less often.

    Modules, rules and destinations live as long as the process, and requests and deliveries leave
    almost no reference cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
