"""Backfill sends a file of events completely, whatever errors occur."""

import asyncio
import io
import os
import pty
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.router_program import router_program
from support.running import Running, running, settings_for

from router.client.backfill import Backfill, BackfillProgress, Pace, StoppedError
from router.client.json_lines import Batch, FileCheckpoint, batches, lines
from router.client.send import Endpoint
from router.clock import system_clock
from router.datatypes import ByteSize, Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
TOKEN = Secret("twilio-auth-token-of-the-test")
CREDENTIALS = Secret("voice:open sesame")


def event(number: int, **changes: object) -> bytes:
    fields = {"specversion": "1.0", "id": str(number), "source": "/s", "type": "t", **changes}
    return msgspec.json.encode(fields)


def written(path: Path, count: int) -> Path:
    path.write_bytes(b"".join(event(number) + b"\n" for number in range(1, count + 1)))
    return path


class Receiver:
    """Answers with ``answers`` first, then as a router; records the accepted ids in order."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.ids: list[str] = []
        self.limit = 1 << 30
        self.is_slow = False

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.answers:
            return self.answers.pop(0)
        if len(body) > self.limit:
            return web.json_response({"error": {"message": "too large", "path": ""}}, status=413)
        if self.is_slow:
            await asyncio.sleep(0.01)
        events = msgspec.json.decode(body)
        for index, one in enumerate(events):
            if one.get("specversion") != "1.0":
                problem = {"message": "no CloudEvent", "path": f"$[{index}].specversion"}
                return web.json_response({"error": problem}, status=400)
        self.ids += [one["id"] for one in events]
        return web.json_response({"accepted": len(events), "quarantined": 0}, status=202)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    application = web.Application(client_max_size=1 << 30)
    application.router.add_post("/events", receiver.take)
    async with TestServer(application) as server:
        yield str(server.make_url("/events"))


def source(text: bytes, *, events: int = 10) -> Iterator[Batch]:
    return batches(lines(io.BytesIO(text), FileCheckpoint(), "f"), events=events, size=1 << 20)


async def send(
    url: str, text: bytes, *, events: int = 10, **pace: float
) -> tuple[BackfillProgress, list[int]]:
    advanced: list[int] = []
    backfill = Backfill(
        Endpoint(url=url),
        Pace(**pace),  # type: ignore[arg-type]
        system_clock(),
        on_progress=lambda sent: advanced.append(sent.checkpoint.line),
    )
    return await backfill.run(source(text, events=events)), advanced


def text_of(count: int) -> bytes:
    return b"\n".join(event(number) for number in range(1, count + 1))


async def test_every_line_arrives_once_and_the_checkpoint_advances_in_order(
    url: str, receiver: Receiver
) -> None:
    sent, advanced = await send(url, text_of(205))

    assert sorted(map(int, receiver.ids)) == list(range(1, 206))
    assert (sent.accepted, sent.checkpoint.line) == (205, 205)
    assert advanced == sorted(advanced)
    assert len(advanced) == 21


@pytest.mark.parametrize("status", [429, 503, 502, 408])
async def test_a_temporary_error_is_retried_when_the_router_says_so(
    url: str, receiver: Receiver, status: int
) -> None:
    loop = asyncio.get_running_loop()
    receiver.answers = [web.Response(status=status, headers={"Retry-After": "1"})]
    began = loop.time()

    sent, _ = await send(url, text_of(3))

    assert receiver.ids == ["1", "2", "3"]
    assert sent.retried == 1
    assert loop.time() - began >= 1.0


async def test_a_router_that_stays_unavailable_stops_the_run() -> None:
    with pytest.raises(StoppedError) as stopped:
        await send("http://127.0.0.1:1/events", text_of(3), retry_seconds=0.3)

    assert "127.0.0.1:1" in stopped.value.reason


async def test_a_rate_is_kept(url: str, receiver: Receiver) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    await send(url, text_of(60), events=10, rate=100.0)

    assert loop.time() - began >= 0.5
    assert len(receiver.ids) == 60


async def test_batches_that_are_too_large_are_halved(url: str, receiver: Receiver) -> None:
    receiver.limit = 300

    sent, _ = await send(url, text_of(40))

    assert sent.accepted == 40
    assert sorted(map(int, receiver.ids)) == list(range(1, 41))


async def test_a_line_that_is_no_event_stops_the_run_and_is_named(
    url: str, receiver: Receiver
) -> None:
    text = text_of(14) + b"\n" + event(15, specversion="0.3") + b"\n" + event(16)

    with pytest.raises(StoppedError) as stopped:
        await send(url, text)

    assert stopped.value.line == 15
    assert sorted(map(int, receiver.ids)) == list(range(1, 11))


async def test_lines_that_are_no_events_can_be_left_out(url: str, receiver: Receiver) -> None:
    text = b"\n".join([event(1), event(2, specversion="0.3"), b"not json", event(4), b"[]", b"{}"])
    receiver_says = []
    backfill = Backfill(
        Endpoint(url=url),
        Pace(),
        system_clock(),
        on_progress=lambda _: None,
        on_skip=lambda line, _: receiver_says.append(line.number),
    )
    receiver.answers = []

    async def strict(request: web.Request) -> web.Response:
        try:
            msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return web.json_response({"error": {"message": "not JSON", "path": "$"}}, status=400)
        return await receiver.take(request)

    application = web.Application()
    application.router.add_post("/events", strict)
    async with TestServer(application) as server:
        backfill._target = Endpoint(url=str(server.make_url("/events")))
        sent = await backfill.run(source(text.replace(b"[]", b'{"a":1}')))

    assert sorted(receiver_says) == [2, 3, 5, 6]
    assert (sent.accepted, sent.skipped) == (2, 4)
    assert receiver.ids == ["1", "4"]


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_a_permanent_error_stops_the_run_at_once(
    url: str, receiver: Receiver, status: int
) -> None:
    receiver.answers = [web.json_response({"error": {"message": "no"}}, status=status)]

    with pytest.raises(StoppedError, match=f"{status} no"):
        await send(url, text_of(3))


def command(*arguments: object, **environ: str) -> tuple[list[str], dict[str, str]]:
    others = {name: text for name, text in os.environ.items() if not name.startswith("ROUTER_")}
    return [router_program(), *map(str, arguments)], {**others, **environ}


async def ran(
    *arguments: object, stdin: bytes | None = None, **environ: str
) -> tuple[int | None, str, str]:
    line, env = command(*arguments, **environ)
    process = await asyncio.create_subprocess_exec(
        *line,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(
        redis_url,
        twilio_auth_tokens=(TOKEN,),
        twilio_basic_auth=(CREDENTIALS,),
        max_body=ByteSize(1 << 20),
    )
    async with running(settings, ROLES) as process:
        yield process


async def test_a_file_is_sent_to_a_router_and_its_checkpoint_removed(
    ingress: Running, connection: Connection, tmp_path: Path
) -> None:
    path = written(tmp_path / "events.jsonl", 250)

    code, out, _ = await ran("send", path, "--url", f"{ingress.url}/events")

    assert (code, "250 accepted" in out) == (0, True)
    assert (await ledger.read(connection)).accepted == 250
    assert os.listdir(tmp_path) == ["events.jsonl"]  # noqa: PTH208 - no matter here


async def test_standard_input_is_sent_signed_from_a_line_on(
    ingress: Running, connection: Connection
) -> None:
    code, out, err = await ran(
        *("send", "-", "--lines", "--sign", "--from", 3, "--url", f"{ingress.url}/twilio"),
        stdin=text_of(10),
        ROUTER_TWILIO_AUTH_TOKENS=TOKEN.reveal(),
        ROUTER_TWILIO_BASIC_AUTH=CREDENTIALS.reveal(),
    )

    assert (code, "8 accepted" in out, err) == (0, True, "")
    assert (await ledger.read(connection)).accepted == 8


async def test_a_bad_line_is_named_with_file_and_number(ingress: Running, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(event(1) + b"\n\n" + event(3, time="noon") + b"\n")

    code, _, err = await ran("send", path, "--batch", 1, "--url", f"{ingress.url}/events")

    assert code == 1
    assert f"{path}:3: expected a time such as" in err
    assert "run the same command again to resume" in err


async def test_after_a_kill_a_run_resumes_without_a_gap(
    url: str, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.is_slow = True
    path = written(tmp_path / "events.jsonl", 1500)
    line, env = command("send", path, "--url", url, "--batch", 5, "--rate", 1500)
    process = await asyncio.create_subprocess_exec(*line, env=env)
    async with asyncio.timeout(60):
        while not (tmp_path / "events.jsonl.sent").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    before = len(receiver.ids)
    receiver.is_slow = False

    code, out, err = await ran("send", path, "--url", url)

    assert 0 < before < 1500
    assert (code, "resuming at line" in err) == (0, True)
    assert {int(one) for one in receiver.ids} == set(range(1, 1501))
    assert len(receiver.ids) < 1500 + before, out


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    path = written(tmp_path / "events.jsonl", 1)
    ours, theirs = pty.openpty()
    line, env = command("send", path, "--url", "http://127.0.0.1:1/events", TERM="xterm")
    process = subprocess.Popen(line, env=env, stderr=theirs)  # noqa: S603 - our own interpreter
    seen = os.read(ours, 1000)
    process.kill()
    process.wait()
    os.close(ours)
    os.close(theirs)

    assert b"events.jsonl" in seen


async def test_a_router_that_was_never_there_stops_the_run_at_once() -> None:
    """Case O14: nothing listens on port 1, so the reason is shown without a retry."""
    with pytest.raises(StoppedError, match=r"127\.0\.0\.1:1/events: connection refused"):
        await send("http://127.0.0.1:1/events", text_of(5), retry_seconds=300)


async def test_a_router_that_goes_away_is_waited_for(url: str, receiver: Receiver) -> None:
    """A receiver that closes the connection has answered before."""
    reasons: list[str] = []
    receiver.answers = [web.Response(status=202), web.Response(status=503)]
    backfill = Backfill(
        Endpoint(url=url),
        Pace(concurrency=1),
        system_clock(),
        on_progress=lambda _: None,
        on_retry=reasons.append,
    )
    await backfill.run(source(text_of(4), events=2))

    assert len(receiver.ids) == 2
    assert [reason[:3] for reason in reasons] == ["503"]
