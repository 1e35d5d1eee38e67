"""The processes that evaluate the playground for this one.

A process is started when it is needed and ends when it was not for a while. One that takes too long
is killed. So few run at a time that they cannot take the processors from ingress; further requests
wait a moment and are then rejected.
"""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from router.offline.playground import PlaygroundInput, PlaygroundResult
from router.offline.playground_process import LENGTH, PlaygroundRequest, with_length

logger = logging.getLogger(__name__)

PROCESSES: Final = 2
"""Evaluations at a time."""
_WAITING: Final = 4
"""Requests that wait for one of them."""
_PATIENCE: Final = 3.0
"""Seconds for which they wait."""
EVALUATION_SECONDS: Final = 8.0
"""Time for one evaluation, the start of its process included."""
_IDLE_SECONDS: Final = 300.0
_MODULE: Final = "router.offline.playground_process"
_END_SECONDS: Final = 2.0
_KEPT: Final = ("PYTHONPATH",)
"""Variables of the environment without which Python may not find the router."""


class PlaygroundBusyError(Exception):
    """Raised when too many evaluations run already."""


class PlaygroundTimeoutError(Exception):
    """Raised when an evaluation took too long, or ended its process."""


class PlaygroundPool:
    """Evaluates the playground in processes without privileges. Stays in one event loop.

    Args:
        folder: The rules folder; None if this process has none.
        environ: The environment, of which the processes get what Python needs.
    """

    def __init__(self, folder: Path | None, environ: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environ = {name: environ[name] for name in _KEPT if name in environ}
        self._free: list[_Evaluator] = []
        self._slots = asyncio.Semaphore(PROCESSES)
        self._waiting = 0

    async def evaluate(self, given: PlaygroundInput, *, now: float) -> PlaygroundResult:
        """Evaluate the rules in another process.

        Args:
            given: What to evaluate.
            now: Unix time in seconds.

        Raises:
            PlaygroundBusyError: Others are evaluated now.
            PlaygroundTimeoutError: It took too long.
        """
        if self._slots.locked() and self._waiting >= _WAITING:
            raise PlaygroundBusyError
        self._waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._slots.acquire()
        except TimeoutError:
            raise PlaygroundBusyError from None
        finally:
            self._waiting -= 1
        try:
            return await self._evaluate(PlaygroundRequest(given, now))
        finally:
            self._slots.release()

    async def _evaluate(self, request: PlaygroundRequest) -> PlaygroundResult:
        evaluator = self._free.pop() if self._free else None
        is_kept = False
        try:
            async with asyncio.timeout(EVALUATION_SECONDS):
                body = b""
                if evaluator is not None:
                    # It may have been killed while it was idle, which is not this request's fault.
                    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                        body = await evaluator.ask(msgspec.json.encode(request))
                if not body:
                    evaluator = await self._another(evaluator)
                    body = await evaluator.ask(msgspec.json.encode(request))
            is_kept = True
            return msgspec.json.decode(body, type=PlaygroundResult)
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            logger.info("playground evaluation ended", extra={"reason": type(error).__name__})
            raise PlaygroundTimeoutError from None
        finally:
            if evaluator is not None and is_kept:
                self._free.append(evaluator)
            elif evaluator is not None:
                await evaluator.end()

    async def _another(self, ended: "_Evaluator | None") -> "_Evaluator":
        if ended is not None:
            await ended.end()
        return await _Evaluator.start(self._folder, self._environ)

    async def run(self) -> NoReturn:
        """End processes that are idle for long; at the end of this process, all of them."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(_IDLE_SECONDS / 5)
                for evaluator in list(self._free):
                    if evaluator.idle_since + _IDLE_SECONDS < loop.time():
                        self._free.remove(evaluator)
                        await evaluator.end()
        finally:
            while self._free:
                await self._free.pop().end()


class _Evaluator:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.idle_since = 0.0
        """In seconds of the event loop."""

    @classmethod
    async def start(cls, folder: Path | None, environ: Mapping[str, str]) -> "_Evaluator":
        """Start a process."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _MODULE, "" if folder is None else str(folder)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
        )
        return cls(process)

    async def ask(self, request: bytes) -> bytes:
        """Return the answer to a request. Raise IncompleteReadError if the process ends."""
        writer, reader = self._process.stdin, self._process.stdout
        if writer is None or reader is None:
            raise RuntimeError("the process has pipes")
        writer.write(with_length(request))
        await writer.drain()
        size = int.from_bytes(await reader.readexactly(LENGTH), "big")
        answer = await reader.readexactly(size)
        self.idle_since = asyncio.get_running_loop().time()
        return answer

    async def end(self) -> None:
        """Kill the process and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        # An end that is late leaves a process that the kernel has killed.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
