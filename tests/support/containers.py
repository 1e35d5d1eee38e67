"""A service of docker-compose.yml as a process: its variables, its command, its folders and its user.

There is no container engine in the tests. Where the kernel permits it, the process has a mount namespace
of its own: a root that cannot be written, the service's ``tmpfs`` and bind mounts, the image's user. The
network is this machine's, so ports and the names of other services are replaced.
"""

import asyncio
import contextlib
import functools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from support.compose_file import Service
from support.process_log import log_entries
from support.redis_servers import free_port

ROOT: Final = Path(__file__).parents[2]
USER: Final = "10001"
PORTS: Final = ("ROUTER_PORT", "ROUTER_WORKER_PORT", "ROUTER_OPERATIONS_PORT")
NO_NAMESPACE: Final = "this user may make no mount namespace with another root"
_SYSTEM: Final = ("usr", "bin", "sbin", "lib", "lib32", "lib64")
_ETC: Final = ("passwd", "group", "hosts", "nsswitch.conf", "resolv.conf", "ssl", "ld.so.cache")


@functools.cache
def can_isolate() -> bool:
    """Whether this user may mount in a namespace of its own and change its root and user."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    script = f"mount --make-rprivate / && exec chroot --userspec={USER}:{USER} / true"
    done = subprocess.run(  # noqa: S603
        ["unshare", "--mount", "sh", "-c", script],  # noqa: S607 - wherever they are
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def image_environment() -> dict[str, str]:
    """Return the variables that the Dockerfile sets, with the programs of this environment on PATH."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    pairs = dict(part.split("=", 1) for part in shlex.split(line))
    assert pairs["PATH"] == "/opt/router/bin:$PATH"
    # The image compiles what it installs; the tests compile once, into the checkout.
    return {
        **pairs,
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
    }


class Finished(msgspec.Struct, frozen=True):
    """A command that has ended."""

    code: int
    output: str
    """Standard output and standard error."""


class Container:
    """Entering starts it and waits until it listens; leaving ends it.

    Args:
        service: The service.
        folder: An empty folder.
        hosts: What this machine has instead of other services, by host and port, such as ``redis:6379``.
        options: Further words of the command.
    """

    def __init__(
        self,
        service: Service,
        folder: Path,
        hosts: Mapping[str, str],
        *,
        options: Sequence[str] = (),
    ) -> None:
        self._service = service
        self._folder = folder
        self.ports = {name: str(free_port()) for name in PORTS}
        self.environ = {**image_environment(), **service.environment, **self.ports}
        for host, here in hosts.items():
            for name, value in self.environ.items():
                self.environ[name] = value.replace(host, here)
        if not can_isolate():
            self.environ["ROUTER_RULES"] = service.volumes[0].source
        self._arguments = (*service.command, *options)
        self.log: list[dict[str, object]] = []
        self._listening = asyncio.Event()

    @property
    def url(self) -> str:
        """The URL of senders."""
        return f"http://127.0.0.1:{self.ports['ROUTER_PORT']}"

    async def __aenter__(self) -> Self:
        self._process = await self._execute("router", *self._arguments)
        self._reader = asyncio.get_running_loop().create_task(self._read_log())
        try:
            async with asyncio.timeout(60):
                await self._listening.wait()
        except TimeoutError:
            await self.__aexit__()
            raise
        if self._process.returncode is not None:
            await self._reader
            raise RuntimeError(f"the service did not start: {self.log}")
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        async with asyncio.timeout(60):
            await self._process.wait()
            await self._reader

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def execute(self, *command: str) -> Finished:
        """Run another command in the same environment, as ``docker compose exec`` does."""
        process = await self._execute(*command)
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        return Finished(process.returncode or 0, (output + errors).decode())

    async def healthcheck(self) -> Finished:
        """Run the service's health check once."""
        kind, *command = self._service.written["healthcheck"]["test"]
        assert kind == "CMD"
        return await self.execute(*(self._with_ports(part) for part in command))

    def _with_ports(self, text: str) -> str:
        for name, port in self.ports.items():
            written = self._service.environment[name]
            text = text.replace(f"127.0.0.1:{written}/", f"127.0.0.1:{port}/")
        return text

    async def _execute(self, *command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.entering(),
            *command,
            cwd="/",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    def entering(self) -> list[str]:
        """Return the words before a command that run it in the container."""
        pairs = [f"{name}={value}" for name, value in self.environ.items()]
        if not can_isolate():
            return ["env", "-i", *pairs]
        return ["unshare", "--mount", "sh", "-euc", self._script(pairs), "sh"]

    def _script(self, pairs: Sequence[str]) -> str:
        """Return the shell commands that make the root and run their arguments in it."""
        root = self._folder / "root"
        root.mkdir(exist_ok=True)
        lines = ["mount --make-rprivate /", f"mount -t tmpfs -o mode=0755 tmpfs {root}"]
        for name in _SYSTEM:
            path = Path("/", name)
            if path.is_symlink():
                lines.append(f"cp -P {path} {root}/")
            elif path.is_dir():
                lines.append(_bind(path, root))
        lines += [_bind(Path("/etc", name), root) for name in _ETC if Path("/etc", name).exists()]
        lines += [_bind(Path(path), root) for path in ("/proc", "/dev")]
        for each in self._service.tmpfs:
            path, _, options = each.partition(":")
            lines.append(f"mkdir -p {root}{path}")
            lines.append(f"mount -t tmpfs -o {options or 'mode=1777'} tmpfs {root}{path}")
        # After tmpfs, because the checkout may be below /tmp.
        code = dict.fromkeys([ROOT, Path(sys.prefix), Path(sys.base_prefix).resolve()])
        lines += [_bind(path, root) for path in code if not path.is_relative_to("/usr")]
        lines += [
            _bind(Path(volume.source), root, Path(volume.target))
            for volume in self._service.volumes
        ]
        if self._service.read_only:
            lines.append(f"mount -o remount,ro {root}")
        user = ["chroot", f"--userspec={USER}:{USER}", "--groups=", str(root)]
        lines.append(f'exec {shlex.join([*user, "/usr/bin/env", "-i", *pairs])} "$@"')
        return "\n".join(lines)

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        started = "all processes listening" if "--processes" in self._arguments else "listening"
        async for entry in log_entries(self._process.stderr):
            self.log.append(entry)
            if entry.get("message") == started:
                self._listening.set()
        await self._process.wait()
        self._listening.set()


def _bind(source: Path, root: Path, target: Path | None = None) -> str:
    """Return the commands that show a file or folder in a root, and that it cannot be written."""
    there = f"{root}{target or source}"
    make = (
        f"mkdir -p {there}" if source.is_dir() else f"mkdir -p {Path(there).parent}; touch {there}"
    )
    return f"{make}; mount --rbind {source} {there}; mount -o remount,bind,ro {there} || true"
