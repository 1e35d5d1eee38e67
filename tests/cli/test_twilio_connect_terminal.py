"""`router twilio connect` at a terminal: the choice of types, marks, Ctrl-C."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from support.twilio_api import ApiFault
from support.twilio_bench import TwilioBench
from support.waiting import until

_CONTROL = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A pseudo-terminal with what was written to it."""

    def __init__(self, primary: int) -> None:
        self._primary = primary
        self.text = ""

    def read(self) -> None:
        try:
            self.text += os.read(self._primary, 65536).decode()
        except OSError:  # the last process has closed it
            asyncio.get_running_loop().remove_reader(self._primary)

    def type(self, text: str) -> None:
        os.write(self._primary, text.encode())

    async def until(self, text: str) -> None:
        async def has_it() -> bool:
            return text in self.text

        await until(has_it)


@contextmanager
def terminal() -> Iterator[tuple[Terminal, int]]:
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    loop = asyncio.get_running_loop()
    made = Terminal(primary)
    loop.add_reader(primary, made.read)
    try:
        yield made, secondary
    finally:
        loop.remove_reader(primary)
        os.close(primary)


@asynccontextmanager
async def started(
    bench: TwilioBench, stream: int, *arguments: str, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the command with a stream as its input and output; kill it if the test fails."""
    command, environ = bench.command(*arguments)
    process = await asyncio.create_subprocess_exec(
        *command, env={**environ, **more}, stdin=stream, stdout=stream, stderr=stream
    )
    os.close(stream)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_types_are_chosen_at_a_terminal_and_steps_have_marks(bench: TwilioBench) -> None:
    router = await bench.router()
    with terminal() as (screen, stream):
        async with started(bench, stream, "connect", "--url", router.url, TERM="xterm") as process:
            await screen.until("Numbers, names or patterns, with commas between them [3]: ")
            screen.type("7\n")
            await screen.until("there is no group 7: write 1 to 3")
            screen.type("2, com.twilio.error-logs.error.logged\n")
            await screen.until("Connected: ")
            async with asyncio.timeout(60):
                code = await process.wait()

    (types,) = bench.api.types.values()
    lines = screen.text.replace("\r", "").splitlines()
    assert code == 0, screen.text
    assert lines[:5] == [
        "Event types of this account:",
        "   1  com.twilio.error-logs      1",
        "   2  com.twilio.messaging       2",
        "   3  com.twilio.voice.insights  4",
        "Numbers, names or patterns, with commas between them [3]: 7",
    ]
    assert list(types) == [
        "com.twilio.messaging.message.delivered",
        "com.twilio.messaging.message.failed",
        "com.twilio.error-logs.error.logged",
    ]
    assert f"\x1b[32m✓\x1b[0m The router answers at {router.url}/twilio" in screen.text
    assert "· Twilio was asked for a test event" in screen.text


async def test_a_failure_has_its_mark_and_no_color_is_obeyed(bench: TwilioBench) -> None:
    bench.api.faults = [ApiFault("GET", "/v1/Types", 401, 20003, "Authenticate")]
    with terminal() as (screen, stream):
        arguments = ("connect", "--url", "https://events.example.com")
        more = {"TERM": "xterm", "NO_COLOR": "1"}
        async with started(bench, stream, *arguments, **more) as process:
            await screen.until("Compare TWILIO_ACCOUNT_SID")
            async with asyncio.timeout(60):
                code = await process.wait()

    assert code == 1
    assert "✗ Twilio rejected the credentials (error 20003)." in screen.text
    assert _CONTROL.search(screen.text) is None


async def test_ctrl_c_says_what_exists_by_now(bench: TwilioBench) -> None:
    router = await bench.router()
    bench.api.delivers = False
    arguments = ("connect", "--url", router.url, "--voice-insights")
    with terminal() as (screen, stream):
        async with started(bench, stream, *arguments, TERM="dumb") as process:
            await screen.until("it is awaited for 30 s")
            process.send_signal(signal.SIGINT)
            await screen.until("goes on from there.")
            async with asyncio.timeout(60):
                code = await process.wait()

    (sid,) = bench.api.sinks
    assert code == 130, screen.text
    assert screen.text.replace("\r", "").splitlines()[-2:] == [
        "failed: Interrupted.",
        f"  Exists now: sink {sid} (active). The same command goes on from there.",
    ]
