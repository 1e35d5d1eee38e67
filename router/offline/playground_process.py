"""The process in which the playground evaluates: without environment, files, network or much time.

It reads a request from standard input and writes its result to standard output, each with its
length in front, until the input ends. ``python -m router.offline.playground_process FOLDER`` starts
it; the folder is ``""`` for none. ``router.api.playground_pool`` is the other side.

What a text of rules makes it do is bounded by the kernel (processor time, memory, no writes) and by
an audit hook of Python: it opens no file but those of the rules folder and of Python itself,
connects to nothing and starts nothing. The environment is empty, so that there is no secret to find.
"""

import errno
import os
import resource
import sys
import zoneinfo
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from router.offline.playground import PlaygroundInput, PlaygroundResult, evaluate

LENGTH: Final = 4
"""Bytes of the length in front of a message, the most significant one first."""
CPU_SECONDS: Final = 5
"""Processor time of one request, after which the kernel ends the process."""
REPLY_LIMIT: Final = 4 << 20
"""Bytes of a result; a larger one loses its messages."""

_MEMORY: Final = 1 << 30
"""Bytes of data of the process."""
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_DENIED: Final = (
    *("socket.connect", "socket.getaddrinfo", "socket.gethostby", "socket.send", "socket.bind"),
    *("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.kill", "os.remove"),
)
"""Beginnings of the names of audit events, as docs.python.org lists them."""


class PlaygroundRequest(msgspec.Struct, frozen=True):
    """One request of the parent process."""

    given: PlaygroundInput
    now: float
    """Unix time in seconds."""


def main(folder: str) -> None:
    """Serve requests until the input ends."""
    place = Path(folder).absolute() if folder else None
    _confine(place)
    while (body := _read(sys.stdin.buffer)) is not None:
        _allow_time()
        request = msgspec.json.decode(body, type=PlaygroundRequest)
        _write(sys.stdout.buffer, _encoded(evaluate(request.given, place, now=request.now)))


def _encoded(result: PlaygroundResult) -> bytes:
    encoded = msgspec.json.encode(result)
    if len(encoded) <= REPLY_LIMIT or result.explanation is None:
        return encoded
    rules = tuple(
        msgspec.structs.replace(each, sendings=(), steps=()) for each in result.explanation.rules
    )
    explanation = msgspec.structs.replace(result.explanation, rules=rules)
    return msgspec.json.encode(msgspec.structs.replace(result, explanation=explanation))


def _confine(folder: Path | None) -> None:
    """Limit the process for the rest of its life."""
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    places = [folder, *sys.path, sys.prefix, sys.base_prefix, *zoneinfo.TZPATH]
    readable = tuple(f"{Path(each).absolute()}{os.sep}" for each in places if each)

    def audit(event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = details
            if flags & _WRITES or not _is_below(path, readable):
                raise PermissionError(errno.EACCES, "the playground reads no files")
        elif event.startswith(_DENIED):
            raise PermissionError(errno.EACCES, "the playground reaches nothing")

    sys.addaudithook(audit)


def _is_below(path: object, folders: tuple[str, ...]) -> bool:
    if not isinstance(path, str | bytes):
        return False
    # Not resolve(), because links in the folder lead outside where Kubernetes mounts it.
    return os.path.abspath(os.fsdecode(path)).startswith(folders)  # noqa: PTH100


def _allow_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def with_length(body: bytes) -> bytes:
    """Return a message with its length in front."""
    return len(body).to_bytes(LENGTH, "big") + body


def _read(stream: BinaryIO) -> bytes | None:
    """Return the next message; None at the end."""
    head = stream.read(LENGTH)
    if len(head) < LENGTH:
        return None
    return stream.read(int.from_bytes(head, "big"))


def _write(stream: BinaryIO, body: bytes) -> None:
    stream.write(with_length(body))
    stream.flush()


if __name__ == "__main__":
    main(sys.argv[1])
