"""``router dev`` as a process, and the commands beside it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest
from support.router_program import router_program
from support.waiting import until

EXECUTED = (sys.executable, "-m", "router")
"""The router without the fork server of the tests: ended at any moment of its start, or known by its process id."""
RULES = """
destinations: {noc: {slack: {webhook_url: "${NOC_URL}"}}}
rules:
  - {name: tickets, events: [com.example.ticket], send_to: [noc]}
  - name: sample
    events: [com.twilio.voice.insights.conference-summary.complete]
    send_to: [noc]
  - {name: failed-messages, events: [com.twilio.messaging.message.*], send_to: [noc]}
"""


class DevProcess:
    """One run of ``router dev`` with a home folder of the test's."""

    def __init__(self, environ: dict[str, str], process: asyncio.subprocess.Process) -> None:
        self.environ = environ
        self.process = process
        self.lines: list[str] = []

    async def seen(self, text: str) -> str:
        """Return the first line with a text, when it has been printed."""
        known = next((line for line in self.lines if text in line), None)
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while known is None:
                line = (await self.process.stdout.readline()).decode()
                assert line, self.lines
                self.lines.append(line.rstrip("\n"))
                known = line if text in line else None
        return known

    async def run(self, *arguments: str, **environ: str) -> tuple[int, str, str]:
        """Run a command beside it; return its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(router_program(), *arguments),
            env={**self.environ, **environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(60):
            await self.process.communicate()


Start = Callable[..., object]


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Start]:
    """Start ``router dev``; all that were started are ended."""
    started: list[DevProcess] = []
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.yaml").write_text(RULES)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ROUTER_")}
    environ = {
        **kept,
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": "",
        "ROUTER_PORT": "0",
        "ROUTER_RULES": str(tmp_path / "rules"),
    }

    async def start(
        *options: str,
        program: tuple[str, ...] = (router_program(),),
        folder: str | None = None,
        **more: str,
    ) -> DevProcess:
        process = await asyncio.create_subprocess_exec(
            *(*program, "dev", *options),
            cwd=folder,
            env={**environ, **more},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        beside = {name: text for name, text in environ.items() if name != "ROUTER_PORT"}
        started.append(DevProcess(beside, process))
        return started[-1]

    yield start
    for each in started:
        await each.end()


def written(path: Path, **changes: str) -> str:
    event = {"specversion": "1.0", "id": "E1", "source": "/s", "type": "com.example.ticket"}
    path.write_bytes(msgspec.json.encode({**event, **changes}))
    return str(path)


async def test_each_event_and_each_rejected_request_is_a_line(dev: Start, tmp_path: Path) -> None:
    """Case O8; case O9: the commands beside it need no setting."""
    process: DevProcess = await dev()  # type: ignore[misc]
    await process.seen("Running; Ctrl-C stops it")

    code, out, err = await process.run("destinations", "list")
    assert (code, "noc" in out, "using the Redis of router dev" in err) == (0, True, True)

    file = tmp_path / "event.json"
    for changes, line in (
        ({"id": "E1"}, "E1 (com.example.ticket) matches tickets; sent to noc"),
        ({"id": "E1"}, "E1 dropped as a duplicate"),
        ({"id": "E2", "type": "com.example.other"}, "E2 (com.example.other) matches no rule"),
    ):
        code, _, err = await process.run("send", written(file, **changes), "--sign")
        assert (code, err) == (0, "")
        await process.seen(line)
    code, *_ = await process.run("send", str(file), "--sign", ROUTER_TWILIO_AUTH_TOKENS="other")
    assert code == 1
    await process.seen(
        "Rejected  403 wrong_signature: the signature does not match the URL; signed URL"
    )


async def test_messages_have_the_links_of_the_settings(dev: Start) -> None:
    url = "https://router.example.com"
    process: DevProcess = await dev(  # type: ignore[misc]
        ROUTER_PUBLIC_URL=url, ROUTER_LINK_SECRET="0123456789abcdef"
    )
    assert await process.seen(f"{url}/alerts/")


async def test_a_sample_of_a_chosen_type_is_sent(dev: Start) -> None:
    chosen = "com.twilio.messaging.message.failed"
    process: DevProcess = await dev("--sample", chosen)  # type: ignore[misc]

    await process.seen(f"Sending a sample of {chosen}, signed")
    await process.seen(f"({chosen}) matches failed-messages; sent to noc")
    code, *_ = await process.run("send", "--sample", "com.twilio.messaging.message.read")
    assert code == 0
    await process.seen("(com.twilio.messaging.message.read) matches failed-messages")


async def test_the_api_is_shown_with_its_token(dev: Start) -> None:
    """Case O9."""
    process: DevProcess = await dev()  # type: ignore[misc]
    line = await process.seen("  API      curl")
    shell = line.strip().removeprefix("API").strip()
    curl = await asyncio.create_subprocess_shell(f"{shell} -s", stdout=asyncio.subprocess.PIPE)
    out, _ = await curl.communicate()

    assert [each["name"] for each in msgspec.json.decode(out)["destinations"]] == ["noc"]


async def test_the_console_opens_by_the_link_that_is_shown_once(dev: Start) -> None:
    process: DevProcess = await dev()  # type: ignore[misc]
    link = (await process.seen("  Console  ")).split()[1]
    statuses = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        for url in (link, link.partition("?")[0], link):
            async with http.get(url, allow_redirects=False) as response:
                statuses.append(response.status)

    assert statuses == [303, 303, 403]  # logged in; is logged in; used before


async def test_there_is_one_redis_whatever_ends(dev: Start) -> None:
    """Case O10: started twice, and started after a kill."""
    first: DevProcess = await dev()  # type: ignore[misc]
    await first.seen("Running; Ctrl-C stops it")
    second: DevProcess = await dev()  # type: ignore[misc]
    await second.seen("another router dev runs with the data in")
    await first.end(signal.SIGKILL)

    third: DevProcess = await dev()  # type: ignore[misc]
    await third.seen("Running; Ctrl-C stops it")
    code, out, _ = await third.run("destinations", "list", "--json")

    # What the killed one had delivered is in the Redis of the new one.
    (noc,) = msgspec.json.decode(out)["destinations"]
    assert (code, noc["delivered"] >= 2) == (0, True)


async def test_each_rules_folder_has_a_redis_of_its_own(dev: Start, tmp_path: Path) -> None:
    """Case O9: the commands find the one of their folder, and are told of others."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "rules.yaml").write_text(RULES)
    first: DevProcess = await dev(program=EXECUTED)  # type: ignore[misc]
    second: DevProcess = await dev(program=EXECUTED, ROUTER_RULES=str(other))  # type: ignore[misc]
    await first.seen("Running; Ctrl-C stops it")
    await second.seen("Running; Ctrl-C stops it")

    seen = []
    for folder in (tmp_path / "rules", other, tmp_path / "third"):
        code, _, err = await first.run("destinations", "list", ROUTER_RULES=str(folder))
        seen.append((code, err.splitlines()[0]))
    assert seen[:2] == [
        (0, f"router: using the Redis of router dev (process {each.process.pid})")
        for each in (first, second)
    ]
    assert seen[2][0] == 2
    assert f"no router dev runs with the rules in {tmp_path / 'third'}, but with" in seen[2][1]
    assert str(other) in seen[2][1]


async def test_rules_that_come_with_the_router_are_used_if_no_folder_is_named(
    dev: Start, tmp_path: Path
) -> None:
    """An empty ROUTER_RULES counts as not given: Compose passes it on (``${ROUTER_RULES:-}``)."""
    process: DevProcess = await dev(ROUTER_RULES="", folder=str(tmp_path / "rules"))  # type: ignore[misc]
    await process.seen("There is no folder rules here, so these are the rules that come with")


async def test_a_signal_during_the_start_ends_redis_too(dev: Start, tmp_path: Path) -> None:
    process: DevProcess = await dev(program=EXECUTED)  # type: ignore[misc]
    folder = tmp_path / ".local" / "state" / "router" / "dev"

    async def pid_of_redis() -> str:
        return "".join(path.read_text().strip() for path in folder.glob("*/*/server.pid"))

    pid = await until(pid_of_redis)
    await process.end()
    assert not Path("/proc", pid).exists()  # noqa: ASYNC240 - no file of a disk
