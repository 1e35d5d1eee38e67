"""Routers as operating system processes, to be killed."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Self

from support.fork_server import ForkedProcess, fork_router
from support.process_log import log_entries

_INTERPRETER = ("PYTHON", "LD_")
"""How the names of variables begin that another interpreter reads at its start."""


class RouterProcess:
    """``python -m router COMMAND``; entering waits until it listens, leaving ends it.

    With ``inherits``, it has the limits of this process and not those of the server that forks it.
    """

    def __init__(
        self,
        *command: str,
        environ: Mapping[str, str],
        module: str = "router",
        inherits: bool = False,
    ) -> None:
        self._command = ("-m", module, *command)
        # Without compiled bytecode each start of a process compiles the package again.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ROUTER_") and name != "PYTHONDONTWRITEBYTECODE"
        }
        if "ROUTER_EVENTS_TOKEN" not in environ:
            kept["ROUTER_EVENTS_OPEN"] = "all"
        # Redis shares the processor with other tests, so that its answer to a commit may take long.
        kept["ROUTER_COMMIT_TIMEOUT"] = "4s"
        self._environ = {**kept, "ROUTER_LOG_FORMAT": "json", **environ}
        is_plain = module == "router" and not inherits
        self._is_forked = is_plain and not any(name.startswith(_INTERPRETER) for name in environ)
        self.log: list[dict[str, object]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def start(self) -> None:
        """Start it, again after a kill."""
        self.url = ""
        self._process = await self._execute()
        self._listening = asyncio.Event()
        self._reader = asyncio.get_running_loop().create_task(self._read_log())
        try:
            async with asyncio.timeout(60):
                await self._listening.wait()
        except TimeoutError:
            await self.kill()
            raise
        if not self.url:
            await self._process.wait()
            await self._reader
            raise RuntimeError(f"the router did not start: {self.log}")

    async def _execute(self) -> asyncio.subprocess.Process | ForkedProcess:
        if self._is_forked:
            return await fork_router(self._command[2:], self._environ)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *self._command,
            env=self._environ,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            await self.stop()
        async with asyncio.timeout(60):
            await self._process.wait()
            await self._reader

    def keep_address(self) -> None:
        """Listen where it listens now whenever it is started again."""
        port = self.url.rsplit(":", 1)[1]
        self._environ |= {"ROUTER_PORT": port}

    async def kill(self) -> None:
        """As the kernel ends a process: no handler runs."""
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self._reader

    async def stop(self, *, seconds: float = 60.0) -> None:
        """Send SIGTERM and wait until it has ended; ``start`` starts it again."""
        self.terminate()
        async with asyncio.timeout(seconds):
            await self._process.wait()
            await self._reader

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        async for entry in log_entries(self._process.stderr):
            self.log.append(entry)
            if entry.get("message") == "listening":
                self.url = str(entry["url"])
                self._listening.set()
        self._listening.set()
