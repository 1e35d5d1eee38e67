"""Names that the machine's resolver answers as a test says: with addresses, never, or not at all."""

import socket
import threading
from collections import Counter
from types import TracebackType
from typing import Any, Self

import pytest

_GETADDRINFO = socket.getaddrinfo


class HostNames:
    """Replaces ``socket.getaddrinfo`` of this process for some names; others are looked up.

    ``addresses`` are by name. Look-ups of the names in ``hanging`` return when the block ends or
    ``answer`` is called, as with name servers that do not answer. ``failing`` has errors by name.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.hanging: set[str] = set()
        self.failing: dict[str, OSError] = {}
        self.asked: Counter[str] = Counter()
        self.hung = 0
        """Threads that are hanging now."""
        self._answered = threading.Event()
        self._lock = threading.Lock()
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        self._patch.setattr(socket, "getaddrinfo", self._look_up)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._patch.undo()
        self.answer()

    def answer(self) -> None:
        """End the look-ups that hang, and let none hang from now on."""
        self.hanging = set()
        self._answered.set()

    def _look_up(self, host: Any, port: Any, *more: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        with self._lock:
            self.asked[name] += 1
        if name in self.hanging:
            with self._lock:
                self.hung += 1
            self._answered.wait()
            with self._lock:
                self.hung -= 1
        if name in self.failing:
            raise self.failing[name]
        found = []
        for address in self.addresses.get(name, [host]):
            found += _GETADDRINFO(address, port, *more, **options)
        return found
