"""Rules and destinations change under a running router."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.events import event_from
from support.processes import RouterProcess
from support.rules_folder import RulesFolder, capture, rule
from support.running import Running, running, settings_for
from support.sinks import HttpSink, Reply, TcpSink
from support.waiting import until

from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles, WorkerConfig

TOKEN = Secret("console-token-of-the-test")


@pytest.fixture
async def first() -> AsyncIterator[HttpSink]:
    async with HttpSink() as sink:
        yield sink


@pytest.fixture
async def second() -> AsyncIterator[HttpSink]:
    async with HttpSink() as sink:
        yield sink


def to(**urls: str) -> str:
    return "destinations:\n" + "".join(
        f"  {name}: {{http: {{url: '{url}', retry: {{first: 10ms}}}}}}\n"
        for name, url in urls.items()
    )


@pytest.fixture
def folder(tmp_path: Path, first: HttpSink) -> RulesFolder:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=to(first=first.url), rules="rules:\n" + rule("all", "first"))
    return folder


@pytest.fixture
async def router(redis_url: Secret, folder: RulesFolder) -> AsyncIterator[Running]:
    settings = settings_for(redis_url, admin_token=TOKEN)
    source = ConfigurationSource(folder=folder.path, environ={})
    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=pytest.fail
    )
    work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    async with running(settings, Roles(port=0, ingress=True, worker=work)) as process:
        yield process


async def reload(url: str, *, status: int = 200, token: str = TOKEN.reveal()) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/-/reload", headers=headers) as response,
    ):
        assert response.status == status
        answer: dict[str, object] = await response.json()
        return answer


async def post(router: Running, sample: bytes, event_id: str) -> None:
    body = event_from(sample, id=event_id).body
    headers = {"Content-Type": "application/cloudevents+json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{router.url}/events", data=body, headers=headers) as response,
    ):
        assert response.status == 202


async def readiness(url: str) -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {TOKEN.reveal()}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/readyz", headers=headers) as response,
    ):
        return response.status, await response.json()


async def test_a_new_destination_is_delivered_to_without_a_restart(
    router: Running, folder: RulesFolder, first: HttpSink, second: HttpSink, sample: bytes
) -> None:
    folder.write(
        destinations=to(first=first.url, second=second.url),
        rules="rules:\n" + rule("all", "first", "second"),
    )

    answer = await reload(router.url)

    assert (answer["status"], answer["rules"], answer["destinations"]) == ("reloaded", 1, 2)
    await post(router, sample, "NO1")
    await first.receive(1)
    await second.receive(1)


async def test_an_unchanged_destination_keeps_its_connection_and_a_changed_one_is_exchanged(
    router: Running, folder: RulesFolder, first: HttpSink, second: HttpSink, sample: bytes
) -> None:
    await post(router, sample, "NO1")
    await first.receive(1)
    folder.write(
        destinations=to(first=first.url),
        rules="rules:\n" + rule("all", "first", summary="changed"),
    )
    await reload(router.url)
    await post(router, sample, "NO2")
    await first.receive(2)
    assert first.connections == 1
    folder.write(destinations=to(first=second.url), rules="rules:\n" + rule("all", "first"))

    await reload(router.url)

    await post(router, sample, "NO3")
    await second.receive(1)
    assert len(first.requests) == 2


async def test_an_attempt_under_way_ends_at_the_old_place_and_is_not_repeated_at_the_new_one(
    router: Running,
    folder: RulesFolder,
    first: HttpSink,
    second: HttpSink,
    connection: Connection,
    sample: bytes,
) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        arrived.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with TcpSink(slow) as place:
        folder.write(destinations=to(first=place.url), rules="rules:\n" + rule("all", "first"))
        await reload(router.url)
        await post(router, sample, "NO1")
        await arrived.wait()
        folder.write(destinations=to(first=second.url), rules="rules:\n" + rule("all", "first"))

        await reload(router.url)

        go_on.set()

        async def delivered() -> bool:
            return (await ledger.read(connection)).destinations["first"].delivered == 1

        await until(delivered)
    assert (len(first.requests), len(second.requests)) == (0, 0)


async def test_what_waits_for_a_destination_is_delivered_where_it_is_after_a_reload(
    router: Running, folder: RulesFolder, first: HttpSink, second: HttpSink, sample: bytes
) -> None:
    first.otherwise = Reply(503)
    await post(router, sample, "NO1")
    await first.receive(2)
    folder.write(destinations=to(first=second.url), rules="rules:\n" + rule("all", "first"))

    await reload(router.url)

    (request,) = await second.receive(1)
    assert request.json()["event"]["id"] == "NO1"


@pytest.mark.fault_row(62)
async def test_a_broken_folder_is_told_and_the_process_stays_ready(
    router: Running, folder: RulesFolder, first: HttpSink, sample: bytes
) -> None:
    (folder.path / "more.yaml").write_text("rulse: []\n", "utf-8")

    answer = await reload(router.url, status=422)

    message = f'{folder.path}/more.yaml:1:1: unknown section "rulse" (did you mean "rules"?)'
    assert answer["error"] == {"code": "refused", "message": message, "path": ""}
    assert answer["findings"][0]["line"] == 1  # type: ignore[index]
    status, body = await readiness(router.url)
    assert (status, body["status"]) == (200, "ready")
    assert body["rules"]["error"] == message  # type: ignore[index]
    assert router.metric("router_rules_last_reload_successful") == 0
    await post(router, sample, "NO1")
    await first.receive(1)


@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 403)])
async def test_only_operators_may_reload(router: Running, token: str, status: int) -> None:
    await reload(router.url, token=token, status=status)


async def test_a_process_without_rules_has_nothing_to_reload(redis_url: Secret) -> None:
    settings = settings_for(redis_url, admin_token=TOKEN)
    async with running(settings, Roles(port=0, ingress=True)) as ingress:
        answer = await reload(ingress.url)
        status, body = await readiness(ingress.url)

    assert answer["status"] == "nothing to reload"
    assert (status, body) == (200, {"status": "ready"})


@pytest.mark.parametrize("command", ["ingress", "worker"])
async def test_a_hangup_reloads_and_ends_no_process(
    redis_url: Secret, tmp_path: Path, command: str
) -> None:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("noc"), rules="rules:\n" + rule("all", "noc"))
    environ = {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(folder.path),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
    }
    async with RouterProcess(command, environ=environ) as process:
        process.signal(signal.SIGHUP)

        async def logged() -> bool:
            return any(entry.get("message") == "rules reloaded" for entry in process.log)

        await until(logged)
        assert (await readiness(process.url))[0] == 200
