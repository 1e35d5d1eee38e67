"""Redis servers on TCP, which a test replicates, fails over, fills and cuts off."""

import contextlib
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from router.datatypes import Secret
from router.dev.embedded_redis import find_server
from support import least_rights

_SECONDS: Final = 10.0
_DEFAULTS: Final = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class RedisServer:
    """A server on a free port of loopback. ``start`` it; leaving the block ends it.

    Args:
        folder: For its data.
        options: Of its configuration, by name.
        file_limit: Bytes that a file of it may have (RLIMIT_FSIZE): a disk that gets full. 0 for
            no limit.
        config_file: A configuration file, read before the options; ``""`` for the defaults of tests.
    """

    def __init__(
        self, folder: Path, *, file_limit: int = 0, config_file: str = "", **options: str
    ) -> None:
        self.port = free_port()
        self.folder = folder
        self.file_limit = file_limit
        self._config_file = [config_file] if config_file else []
        self.options = {
            **({} if config_file else _DEFAULTS),
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> Secret:
        return least_rights.as_router(Secret(f"redis://127.0.0.1:{self.port}/0"))

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def version(self) -> tuple[int, ...]:
        with self.client() as client:
            return tuple(map(int, client.info("server")["redis_version"].split(".")))

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def start(self, *, is_ready: bool = True) -> None:
        """Start it; wait until it answers, and, with ``is_ready``, has read its data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [word for name, value in self.options.items() for word in (f"--{name}", value)]
        with (self.folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - find_server chose the program
                [
                    *(str(find_server("")), *self._config_file),
                    *("--port", str(self.port), "--bind", "127.0.0.1", "--daemonize", "no"),
                    *("--dir", str(self.folder), *words),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                # Python ignores SIGXFSZ, and so does the server then: it gets EFBIG, as of a full disk.
                restore_signals=not self.file_limit,
                preexec_fn=self._limit if self.file_limit else None,  # noqa: PLW1509
            )
        deadline = time.monotonic() + _SECONDS
        while not self._answers(is_ready=is_ready):
            if self.has_ended or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "server.log").read_text(errors="replace"))
            time.sleep(0.01)
        if least_rights.IS_ON and not self._config_file:
            with Redis(port=self.port) as client:
                least_rights.restrict(client)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Delete its data, while it does not run."""
        shutil.rmtree(self.folder)

    def make_room(self) -> None:
        """Lift the limit of its files."""
        limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, limits)

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @contextlib.contextmanager
    def client(self) -> Iterator[Redis]:
        """An operator's client, whatever the state of the server."""
        client = Redis(
            host="127.0.0.1",
            port=self.port,
            socket_timeout=_SECONDS,
            retry=Retry(NoBackoff(), 0),  # redis-py 8 would wait until a server has loaded its data
            **({} if self._config_file else least_rights.operator()),
        )
        try:
            yield client
        finally:
            client.close()

    def ask(self, *words: str) -> object:
        """Send one command as the operator."""
        with self.client() as client:
            return client.execute_command(*words)

    def follow(self, primary: "RedisServer") -> None:
        """Become a replica of another server, and return when it has all of its data."""
        self.ask("REPLICAOF", "127.0.0.1", str(primary.port))
        deadline = time.monotonic() + _SECONDS
        while not self.is_in_step():
            assert time.monotonic() < deadline, "the replica did not catch up"
            time.sleep(0.01)

    def is_in_step(self) -> bool:
        with self.client() as client:
            return client.info("replication")["master_link_status"] == "up"

    def _answers(self, *, is_ready: bool) -> bool:
        with self.client() as client:
            try:
                client.ping()
                return not is_ready or not client.info("persistence")["loading"]
            except AuthenticationError:  # it has users of its own
                return True
            except RedisError as error:
                return not is_ready and "loading" in str(error).lower()

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, resource.RLIM_INFINITY))


def fail_over(primary: RedisServer, replica: RedisServer) -> None:
    """Promote the replica and make the former primary its replica; its connections stay open."""
    replica.ask("REPLICAOF", "NO", "ONE")
    primary.ask("REPLICAOF", "127.0.0.1", str(replica.port))
