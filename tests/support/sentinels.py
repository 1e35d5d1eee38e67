"""Three Redis servers of which sentinels choose the primary: one of a test's own Redis Sentinel."""

import contextlib
import functools
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final, Self

from redis.connection import Connection
from redis.exceptions import RedisError

from router.datatypes import Secret
from router.dev.embedded_redis import find_server
from support import least_rights
from support.redis_servers import RedisServer, free_port

SERVICE: Final = "main"
_SECONDS: Final = 15.0


NO_SENTINEL: Final = (
    "no sentinel was found: install redis-sentinel, or a redis-server that has --sentinel"
)


@functools.cache
def sentinel_program() -> list[str] | None:
    """The command of a sentinel; None if the server that is found cannot be one.

    ``redis-server --sentinel`` is the same program; some packages leave that mode out.
    """
    server = find_server("")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(  # noqa: S603 - find_server chose the program
            [str(server), "--sentinel", "--port", "0"], capture_output=True, timeout=60, check=False
        )
        # Without a configuration file it does not start; it says so as a sentinel.
        if b"entinel" in asked.stdout + asked.stderr:
            return [str(server), "--sentinel"]
    found = shutil.which("redis-sentinel") or shutil.which("valkey-sentinel")
    return None if found is None else [found]


class SentinelServer:
    """One sentinel on a free port of loopback.

    Args:
        folder: For its configuration, which it rewrites.
        lines: Of its configuration.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._lines = lines
        self.password: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "sentinel.conf"
        if not configuration.exists():
            first = (f"port {self.port}", "bind 127.0.0.1", f"dir {self._folder}")
            configuration.write_text("\n".join((*first, *self._lines)) + "\n")
        program = sentinel_program()
        assert program is not None
        with (self._folder / "sentinel.log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - see sentinel_program
                [program[0], str(configuration), *program[1:]], stdout=output, stderr=output
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def ask(self, *words: str) -> Any:
        # Not a client, which would convert the replies.
        connection = Connection(
            host="127.0.0.1",
            port=self.port,
            password=self.password,
            socket_timeout=_SECONDS,
            protocol=2,
        )
        try:
            connection.send_command(*words)
            return connection.read_response()
        finally:
            connection.disconnect()

    def primary_port(self) -> int:
        _host, port = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return int(port)


class SentinelSetup:
    """A primary, replicas and sentinels; entering waits until the sentinels know all of them.

    Args:
        folder: For their data.
        down_after_ms: After which silence a sentinel takes a server as down.
        replicas: How many.
        options: Of the servers' configuration, by name.
    """

    def __init__(
        self, folder: Path, *, down_after_ms: int = 500, replicas: int = 2, **options: str
    ) -> None:
        self.servers = [
            RedisServer(folder / f"redis-{number}", **options) for number in range(1 + replicas)
        ]
        self.sentinels = [
            SentinelServer(
                folder / f"sentinel-{number}",
                f"sentinel monitor {SERVICE} 127.0.0.1 {self.servers[0].port} 2",
                f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}",
                f"sentinel failover-timeout {SERVICE} 10000",
                f"sentinel parallel-syncs {SERVICE} 2",
                *least_rights.sentinel_lines(SERVICE),
            )
            for number in range(3)
        ]

    def __enter__(self) -> Self:
        try:
            for server in self.servers:
                server.start()
            for replica in self.servers[1:]:
                replica.follow(self.servers[0])
            for sentinel in self.sentinels:
                sentinel.start()
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self.sentinels, *self.servers):
            each.kill()

    @property
    def url(self) -> Secret:
        nodes = ",".join(each.address for each in self.sentinels)
        return least_rights.as_router(Secret(f"redis+sentinel://{nodes}/{SERVICE}/0"))

    @property
    def primary(self) -> RedisServer:
        """The server that all sentinels name. Raises AssertionError while they differ."""
        (port,) = {sentinel.primary_port() for sentinel in self.sentinels}
        return next(each for each in self.servers if each.port == port)

    def server(self, port: int) -> RedisServer:
        return next(each for each in self.servers if each.port == port)

    def wait_until_ready(self) -> None:
        """Wait until each sentinel knows the others and all replicas, and could fail over."""
        self._wait(self._is_ready, "the sentinels did not find each other")

    def fail_over(self) -> None:
        """Ask the first sentinel for a failover, as an operator does before maintenance."""
        self.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)

    def _is_ready(self) -> bool:
        return all(map(self._knows_all, self.sentinels))

    def _knows_all(self, sentinel: SentinelServer) -> bool:
        try:
            reply = sentinel.ask("SENTINEL", "MASTER", SERVICE)
            replicas = sentinel.ask("SENTINEL", "REPLICAS", SERVICE)
        except (RedisError, OSError):
            return False
        state = dict(zip(reply[::2], reply[1::2], strict=True))
        links = [dict(zip(each[::2], each[1::2], strict=True)) for each in replicas]
        return (
            int(state[b"num-other-sentinels"]) == len(self.sentinels) - 1
            and len(links) == len(self.servers) - 1
            and state[b"flags"] == b"master"
            and all(each[b"flags"] == b"slave" for each in links)
            and all(each[b"master-link-status"] == b"ok" for each in links)
        )

    def _wait(self, condition: Any, problem: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < deadline, problem
            time.sleep(0.02)
