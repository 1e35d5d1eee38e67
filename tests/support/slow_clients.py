"""Clients that never finish a request, in a process of their own: ``HOST PORT COUNT SECONDS``.

A third sends nothing, a third drips a head, a third drips a body, a piece each so many seconds. Prints as JSON how many
connections the server closed, and how long the last one of each kind stayed open, in seconds. One
thread with plain sockets, because two thousand clients must cost so little that they do not slow
down the senders that are measured beside them.
"""

import selectors
import socket
import sys
import time
from collections import defaultdict
from contextlib import suppress

import msgspec

_HEAD = b"POST /events HTTP/1.1\r\nHost: slow\r\n"
_BODY = _HEAD + b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n["
_OPENING = {"silent": b"", "head": _HEAD, "body": _BODY}
_DRIP = {"silent": b"", "head": b"X: y\r\n", "body": b" "}
_LONGEST = 60.0
_AT_ONCE = 25
"""Connections opened at once, no more than the server's backlog takes."""


class Client:
    """One connection of a kind."""

    def __init__(self, address: tuple[str, int], kind: str) -> None:
        self.kind = kind
        self.socket = socket.create_connection(address, timeout=60)
        self.socket.setblocking(False)
        self.socket.sendall(_OPENING[kind])
        self.began = self.dripped = time.monotonic()

    def drip(self, now: float, every: float) -> None:
        """Send the next byte, if it is due."""
        if now - self.dripped >= every and _DRIP[self.kind]:
            self.dripped = now
            with suppress(OSError):
                self.socket.send(_DRIP[self.kind])


def attack(host: str, port: int, count: int, every: float) -> dict[str, list[float]]:
    """Return how long each connection stayed open, until the server sent anything or closed it."""
    open_for: dict[str, list[float]] = defaultdict(list)
    waiting = selectors.DefaultSelector()
    opened = 0
    due = 0.0
    until = time.monotonic() + _LONGEST
    while (opened < count or waiting.get_map()) and time.monotonic() < until:
        for _ in range(min(_AT_ONCE, count - opened)):
            client = Client((host, port), list(_OPENING)[opened % 3])
            waiting.register(client.socket, selectors.EVENT_READ, client)
            opened += 1
        for key, _ in waiting.select(0.02):
            waiting.unregister(key.fileobj)
            open_for[key.data.kind].append(time.monotonic() - key.data.began)
            key.data.socket.close()
        now = time.monotonic()
        if now >= due:
            due = now + every / 4
            for key in list(waiting.get_map().values()):
                key.data.drip(now, every)
        time.sleep(0.02)
    return open_for


def main() -> None:
    """Attack, and print how long connections stayed open."""
    host, port, count, every = sys.argv[1:]
    open_for = attack(host, int(port), int(count), float(every))
    closed = {kind: len(times) for kind, times in open_for.items()}
    longest = {kind: max(times) for kind, times in open_for.items()}
    sys.stdout.write(msgspec.json.encode({"closed": closed, "longest": longest}).decode())


if __name__ == "__main__":
    main()
