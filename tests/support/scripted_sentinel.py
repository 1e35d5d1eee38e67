"""A sentinel that says what a test wants, because real ones cannot be made to be wrong."""

import asyncio
from typing import Final

from support.loopback import LoopbackServer

SERVICE: Final = "main"


class ScriptedSentinel(LoopbackServer):
    """Names ``primary`` with ``epoch``. ``is_silent`` accepts and answers nothing.

    Args:
        primary: The port of loopback that it names.
    """

    def __init__(self, primary: int = 1, *, epoch: int = 0) -> None:
        super().__init__()
        self.primary = primary
        self.epoch = epoch
        self.is_silent = False
        self.error = ""
        """An error reply to each question; ``""`` for none."""
        self.quorum = "+OK 3 usable Sentinels. Quorum and failover authorization can be reached"
        """The reply to CKQUORUM."""
        self.flags = "master"
        self.questions = 0
        self._listening: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def is_listened_to(self) -> bool:
        return bool(self._listening)

    def publish(self, channel: str, text: str) -> None:
        """Send an event to each client that listens."""
        for writer in self._listening:
            writer.write(_strings("pmessage", channel, channel, text))

    def cut(self) -> None:
        """Reset the connections of those that listen."""
        for writer in self._listening:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while words := await _command(reader):
                if not self.is_silent:
                    self._answer(writer, words)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._listening.discard(writer)
            writer.transport.abort()

    def _answer(self, writer: asyncio.StreamWriter, words: list[str]) -> None:
        match words:
            case ["SENTINEL", "MASTER", _]:
                self.questions += 1
                writer.write(f"-{self.error}\r\n".encode() if self.error else self._state())
            case ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", _]:
                writer.write(_strings("127.0.0.1", str(self.primary)))
            case ["SENTINEL", "CKQUORUM", _]:
                writer.write(f"{self.quorum}\r\n".encode())
            case ["PSUBSCRIBE", *patterns]:
                for pattern in patterns:
                    writer.write(_strings("psubscribe", pattern, "1"))
                self._listening.add(writer)
            case _:
                writer.write(b"+OK\r\n")

    def _state(self) -> bytes:
        fields = {
            "flags": self.flags,
            "config-epoch": str(self.epoch),
            "num-slaves": "2",
            "num-other-sentinels": "2",
            "quorum": "2",
        }
        return _strings(*(word for field in fields.items() for word in field))


async def _command(reader: asyncio.StreamReader) -> list[str]:
    head = await reader.readuntil(b"\r\n")
    if not head.startswith(b"*"):  # an inline command, or no command of Redis
        return head.decode(errors="replace").split()
    words = []
    for _ in range(int(head[1:])):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(size + 2))[:-2].decode())
    return words


def _strings(*texts: str) -> bytes:
    return f"*{len(texts)}\r\n".encode() + b"".join(
        f"${len(text)}\r\n{text}\r\n".encode() for text in texts
    )
