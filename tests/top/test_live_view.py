"""`router top` on a pseudo-terminal, beside a router that runs."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from support.redis_servers import RedisServer
from support.running import running, settings_for, worker_of
from support.sinks import HttpSink
from support.waiting import until

from router.datatypes import Secret
from router.runtime.roles import Roles

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
RULES = """
destinations:
  hook:
    http: {url: "%s"}
rules:
  - name: broken-trunk
    events: [com.example.trunk]
    severity: critical
    send_to: [hook]
    resolve: {events: [com.example.trunk-up], by: [data.trunk]}
    summary: "Trunk {{ data.trunk }} is {{ data.state }}"
"""


class Screen:
    """A pseudo-terminal with a process in it."""

    def __init__(self, primary: int) -> None:
        self._primary = primary
        self.text = ""
        asyncio.get_running_loop().add_reader(primary, self._read)

    @property
    def frame(self) -> str:
        """The last complete picture."""
        frames = self.text.split("\x1b[H")
        return next((each for each in reversed(frames) if each.endswith("\x1b[J")), "")

    async def shows(self, has: Callable[[str], bool]) -> None:
        async def is_shown() -> bool:
            return has(self.frame)

        await until(is_shown)

    def stop_reading(self) -> None:
        """Read nothing until ``read_on``, as a terminal after Ctrl-S and a lost connection do."""
        asyncio.get_running_loop().remove_reader(self._primary)

    def read_on(self) -> None:
        asyncio.get_running_loop().add_reader(self._primary, self._read)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._primary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._primary, text.encode())

    def _read(self) -> None:
        try:
            self.text += os.read(self._primary, 65536).decode(errors="replace")
        except OSError:  # the last process has closed it
            asyncio.get_running_loop().remove_reader(self._primary)


def written_bytes(pid: int) -> str:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(line for line in lines if line.startswith("wchar"))


async def no_room_left(screen: Screen, process: asyncio.subprocess.Process) -> None:
    """Resize the terminal, which draws a picture each time, then wait until none is written."""
    before, since, resizes = "", 0.0, 0

    async def is_full() -> bool:
        nonlocal before, since, resizes
        if resizes < 50:
            resizes += 1
            screen.resize(65_535, 65_535 - resizes % 2)
        now = asyncio.get_running_loop().time()
        count = written_bytes(process.pid)
        if count != before:
            before, since = count, now
        return now - since > 0.3  # a picture comes every 200 ms

    await until(is_full)


@asynccontextmanager
async def top(
    url: Secret, folder: Path, **more: str
) -> AsyncIterator[tuple[Screen, asyncio.subprocess.Process, list[object]]]:
    """Run the command on a terminal of 100 by 30; the list is the mode of the terminal before."""
    primary, secondary = pty.openpty()
    screen = Screen(primary)
    screen.resize(100, 30)
    before = termios.tcgetattr(secondary)
    environ = {
        **os.environ,
        "ROUTER_REDIS_URL": url.reveal(),
        "ROUTER_RULES": str(folder),
        "TERM": "xterm",
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "router", "top", "--interval", "200ms"),
        env=environ,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    try:
        yield screen, process, before
        async with asyncio.timeout(60):
            await process.wait()
        assert termios.tcgetattr(secondary) == before
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(primary)
        os.close(secondary)
        os.close(primary)


async def test_a_running_router_is_shown_until_q(redis_url: Secret, tmp_path: Path) -> None:
    async with HttpSink() as sink:
        (tmp_path / "rules.yaml").write_text(RULES % sink.url)
        settings = settings_for(redis_url, durability="relaxed")
        roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
        async with (
            running(settings, roles) as router,
            top(redis_url, tmp_path) as (screen, process, _),
        ):
            await screen.shows(lambda frame: "nothing fires" in frame and "hook" in frame)
            event = {
                "specversion": "1.0",
                "id": "1",
                "source": "/test",
                "type": "com.example.trunk",
                "data": {"trunk": "T\u001b[2J1", "state": "down"},
            }
            async with aiohttp.ClientSession() as session:
                headers = {"Content-Type": "application/cloudevents+json"}
                response = await session.post(f"{router.url}/events", json=event, headers=headers)
                assert response.status == 202
            await screen.shows(lambda frame: "broken-trunk: Trunk T" in frame)
            assert "\x1b[2J" not in screen.text
            screen.resize(60, 12)
            await screen.shows(lambda frame: frame.count("\r\n") == 11)
            screen.type("q")
            await process.wait()

    assert process.returncode == 0
    assert screen.text.index(ENTER) < screen.text.index(LEAVE)
    assert screen.text.endswith(LEAVE)


async def test_ctrl_z_and_ctrl_c_leave_the_terminal_as_it_was(
    redis_url: Secret, tmp_path: Path
) -> None:
    async with top(redis_url, tmp_path, NO_COLOR="1") as (screen, process, _):

        async def is_back() -> bool:
            return screen.text.count(ENTER) == 2

        await screen.shows(lambda frame: "nothing fires" in frame)
        # It does not stop, because no shell could continue it (POSIX: an orphaned process group).
        screen.type("\x1a")
        await until(is_back)
        screen.type("\x03")
        await process.wait()

    assert process.returncode == 0
    assert screen.text.split(ENTER)[1].endswith(LEAVE)
    assert screen.text.endswith(LEAVE)
    assert "\x1b[32m" not in screen.text


async def test_a_terminal_that_is_not_read_delays_nothing(
    redis_url: Secret, tmp_path: Path
) -> None:
    """Seen to fail: a blocking write of 65,535 by 65,535 characters; TCSADRAIN at the end."""
    async with top(redis_url, tmp_path) as (screen, process, _):
        await screen.shows(lambda frame: "nothing fires" in frame)
        screen.stop_reading()
        await no_room_left(screen, process)
        screen.read_on()
        screen.resize(90, 12)
        await screen.shows(lambda frame: frame.count("\r\n") == 11)
        screen.stop_reading()
        await no_room_left(screen, process)
        process.terminate()
        async with asyncio.timeout(60):
            await process.wait()
        screen.read_on()

    assert process.returncode == 0


async def test_a_redis_that_is_away_is_told_and_asked_again(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as redis:
        async with top(redis.url, tmp_path) as (screen, process, _):
            await screen.shows(lambda frame: "all well" in frame)
            redis.kill()
            await screen.shows(
                lambda frame: "Redis does not answer: " in frame and "as of" in frame
            )
            redis.start()
            await screen.shows(lambda frame: "all well" in frame)
            screen.type("q")
            await process.wait()

    assert process.returncode == 0
