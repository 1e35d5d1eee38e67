"""A TCP proxy that misbehaves as told: in front of Redis, of a mail server or of an HTTP receiver."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from support.loopback import LoopbackServer

_PIECE: Final = 65_536


class Weather(msgspec.Struct, kw_only=True):
    """How the proxy treats bytes; a test changes the fields while connections are open."""

    delay: float = 0.0
    """Seconds that each piece waits, in each direction."""
    slice_bytes: int = 0
    """The largest piece that is passed on at once; 0 for no limit."""
    reset_chance: float = 0.0
    """The chance that a request resets its connection instead of being passed on."""
    is_silent: bool = False
    """Connections are accepted, and nothing is passed on in either direction."""
    is_refusing: bool = False
    """New connections are reset, and so are the existing ones when they send."""


class _Flags(msgspec.Struct):
    """What happens to the replies of one connection."""

    loses_reply: bool = False
    is_held: bool = False


Chooser = Callable[[bytes], bool]


class TcpProxy(LoopbackServer):
    """Listens on a free port of loopback and connects each client to ``target``.

    Args:
        target: A Unix socket, or host and port.
        seed: For ``Weather.reset_chance``.
    """

    def __init__(self, target: Path | tuple[str, int], *, seed: int = 0) -> None:
        super().__init__()
        self.weather = Weather()
        self.resets = 0
        self.cuts_left = 0
        self._target = target
        self._chance = random.Random(seed)  # noqa: S311 - repeatable
        self._chooses: Chooser = lambda _request: False
        self._cut_after = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._clear = asyncio.Event()
        self._clear.set()
        self._holds: Chooser = lambda _request: False
        self._released = asyncio.Event()
        self.held = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def lead_to(self, target: Path | tuple[str, int]) -> None:
        """Connect new clients to another server; existing connections stay."""
        self._target = target

    def hold_replies(self, chooses: Chooser) -> None:
        """Pass requests on, but no reply on a connection after a chosen one, until ``clear``.

        ``held`` counts the chosen requests.
        """
        self._holds = chooses
        self._released.clear()
        self.held = 0

    def silence(self) -> None:
        """Pass nothing on until ``clear``."""
        self.weather.is_silent = True
        self._clear.clear()

    def clear(self) -> None:
        """Behave from now on."""
        self.weather = Weather()
        self.cuts_left = 0
        self._clear.set()
        self._holds = lambda _request: False
        self._released.set()

    def reset_all(self) -> None:
        """Reset all connections, as a firewall that lost its table does."""
        for writer in list(self._writers):
            _reset(writer)

    def cut(self, chooses: Chooser, *, times: int, after_reply_was_made: bool) -> None:
        """Reset the connections of the next requests that ``chooses`` accepts.

        ``chooses`` gets the bytes of one read, which of a small Redis command are the command.

        Args:
            chooses: Returns True for a request whose connection is reset.
            times: How many.
            after_reply_was_made: The request is passed on, and the reply to it is lost; otherwise
                the request is.
        """
        self._chooses = chooses
        self._cut_after = after_reply_was_made
        self.cuts_left = times

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if self.weather.is_refusing:
                return
            replies, there = await self._connect()
            flags = _Flags()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, there, writer, flags))
                group.create_task(self._replies(replies, writer, flags))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            _reset(writer)
            if there is not None:
                there.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(str(self._target))
        return await asyncio.open_connection(*self._target)

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        flags: "_Flags",
    ) -> None:
        while piece := await reader.read(_PIECE):
            weather = self.weather
            if weather.is_refusing or (
                weather.reset_chance and self._chance.random() < weather.reset_chance
            ):
                self._count_reset(client)
                raise ConnectionResetError
            if self.cuts_left > 0 and self._chooses(piece):
                self.cuts_left -= 1
                if not self._cut_after:
                    self._count_reset(client)
                    raise ConnectionResetError
                flags.loses_reply = True
            if self._holds(piece):
                self.held += 1
                flags.is_held = True
            await self._pass_on(piece, there)
        raise ConnectionResetError  # ends the other direction, too

    async def _replies(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, flags: "_Flags"
    ) -> None:
        while piece := await reader.read(_PIECE):
            if flags.loses_reply:
                self._count_reset(client)
                raise ConnectionResetError
            if flags.is_held:
                await self._released.wait()
            await self._pass_on(piece, client)
        raise ConnectionResetError

    async def _pass_on(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        await self._clear.wait()
        if self.weather.delay:
            await asyncio.sleep(self.weather.delay)
        step = self.weather.slice_bytes or len(piece)
        for start in range(0, len(piece), step):
            writer.write(piece[start : start + step])
            await writer.drain()
            if step < len(piece):
                await asyncio.sleep(0)

    def _count_reset(self, client: asyncio.StreamWriter) -> None:
        self.resets += 1
        _reset(client)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: what was not sent is lost, and the client sees an error."""
    with contextlib.suppress(OSError):
        writer.transport.abort()
