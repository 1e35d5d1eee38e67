"""Several processes behind one port: one address, one set of metrics, a rolling restart without a gap."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.processes import RouterProcess
from support.rules_folder import RulesFolder, capture, rule
from support.sender import TOKEN, Sender
from support.waiting import until

from router.clock import system_clock
from router.datatypes import Secret
from router.errors import ConfigurationError
from router.journal.connection import Connection
from router.journal.series import Resolution, Series
from router.runtime.prefork import Command, PreforkServer, bind


@pytest.fixture
def folder(tmp_path: Path) -> RulesFolder:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("memory"), rules="rules:\n" + rule("all", "memory"))
    return folder


@pytest.fixture
def environ(redis_url: Secret, folder: RulesFolder) -> dict[str, str]:
    return {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(folder.path),
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_PORT": "0",
    }


@pytest.fixture
async def fleet(environ: dict[str, str]) -> AsyncIterator[RouterProcess]:
    """Two processes, both listening."""
    async with RouterProcess("run", "--processes", "2", environ=environ) as fleet:
        await until(lambda: said(fleet, "all processes listening"))
        yield fleet


async def said(process: RouterProcess, message: str, times: int = 1) -> bool:
    return [line.get("message") for line in process.log].count(message) >= times


def children(process: RouterProcess) -> list[int]:
    return children_of(process.pid)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process runs the router in, oldest first."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [
        int(child)
        for child in text.split()
        if b"--parent-fd" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def metric(url: str, line_start: str) -> float:
    # A connection of its own: the kernel may give it to either process.
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(line_start))


async def test_each_process_serves_the_metrics_of_all_and_adds_its_own_to_the_series(
    fleet: RouterProcess, connection: Connection, sample: bytes
) -> None:
    sender = Sender(sample)
    await sender.send(fleet.url, [f"NO{number}" for number in range(100)])

    accepted = "router_events_received_total{"
    counts = {await metric(fleet.url, accepted) for _ in range(8)}

    assert counts == {100.0}

    async def delivered() -> bool:
        return await metric(fleet.url, "router_delivery_attempts_total{") == 100

    assert await until(delivered)
    await fleet.stop()  # which adds what was counted since the last time
    names = ["events_received/*/accepted", "rule_matches/all", "deliveries/memory/delivered"]
    counts = await Series(connection, system_clock()).read(names, Resolution.HOUR, 2)
    assert [sum(each) for each in counts.values()] == [100, 100, 100]


@pytest.mark.fault_row(17)
async def test_a_rolling_restart_under_load_rejects_no_request(
    fleet: RouterProcess, sample: bytes
) -> None:
    """Mutant: connections are closed at SIGTERM."""
    sender = Sender(sample, seconds=60)
    old = children(fleet)
    more = asyncio.Event()

    async def load() -> None:
        part = 0
        while not more.is_set():
            ids = [f"NO{part}-{number}" for number in range(50)]
            await sender.send(fleet.url, ids, at_once=8)
            part += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(load())
        os.kill(fleet.pid, signal.SIGUSR2)
        await until(lambda: said(fleet, "rolling restart finished"))

        async def old_are_gone() -> bool:
            return not set(old) & set(children(fleet))

        await until(old_are_gone)
        more.set()

    assert len(children(fleet)) == 2
    assert sender.refused == 0
    assert len(sender.accepted) > 0


async def test_a_process_that_dies_is_replaced(fleet: RouterProcess, sample: bytes) -> None:
    victim, *_ = children(fleet)
    os.kill(victim, signal.SIGKILL)

    await until(lambda: said(fleet, "listening", times=3))

    sender = Sender(sample)
    await sender.send(fleet.url, [f"NO{number}" for number in range(20)])
    assert len(sender.accepted) == 20


@pytest.mark.slow
async def test_a_process_that_is_stuck_is_replaced(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """A health check would reach it once in two times only. It takes the time in which no sign comes."""
    sockets = bind("127.0.0.1", 0, 2)
    server = PreforkServer(
        Command(arguments=["ingress"], environ={**os.environ, **environ}),
        sockets,
        system_clock(),
        drain_seconds=1,
        silence_seconds=4,
    )
    listening = asyncio.Event()

    async def count(message: str) -> int:
        return [each.message for each in caplog.records].count(message)

    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.run(listening.set))
        await listening.wait()
        before = children_of(os.getpid())
        os.kill(before[0], signal.SIGSTOP)

        async def replaced() -> bool:
            return before[0] not in children_of(os.getpid()) and len(children_of(os.getpid())) == 2

        await until(replaced, seconds=15)
        assert before[1] in children_of(os.getpid())
        assert await count("process stopped responding; killed") == 1
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0
    for each in sockets:
        each.close()


async def test_the_old_processes_stay_when_a_new_one_does_not_start(
    fleet: RouterProcess, folder: RulesFolder, sample: bytes
) -> None:
    old = children(fleet)
    folder.write(destinations="rules: nonsense")

    os.kill(fleet.pid, signal.SIGUSR2)
    message = "rolling restart aborted: new process did not start; old processes stay active"
    await until(lambda: said(fleet, message))

    sender = Sender(sample)
    await sender.send(fleet.url, ["NO1"])
    assert sender.accepted == {"NO1"}
    assert set(old) <= set(children(fleet))


async def test_a_signal_to_the_parent_stops_all_processes(environ: dict[str, str]) -> None:
    async with RouterProcess("ingress", "--processes", "2", environ=environ) as fleet:
        await until(lambda: said(fleet, "all processes listening"))
        pids = children(fleet)

    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


async def test_all_processes_end_when_the_parent_is_killed(environ: dict[str, str]) -> None:
    async with RouterProcess("ingress", "--processes", "2", environ=environ) as fleet:
        await until(lambda: said(fleet, "all processes listening"))
        pids = children(fleet)
        await fleet.kill()

    async def gone() -> bool:
        return not any(alive(pid) for pid in pids)

    assert await until(gone)


async def test_wrong_settings_end_the_parent(environ: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match="ROUTER_JOB_LEASE"):
        async with RouterProcess(
            "ingress", "--processes", "2", environ={**environ, "ROUTER_JOB_LEASE": "soon"}
        ):
            pass


def test_an_address_in_use_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError, match=r"cannot listen on 127\.0\.0\.1"):
            bind("127.0.0.1", taken.getsockname()[1], 2)
