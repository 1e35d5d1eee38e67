"""One port for all, or one for senders and recipients and another for operators."""

import re
from pathlib import Path

import aiohttp
import pytest
from support.processes import RouterProcess
from support.raw import answer_to, head, statuses
from support.rules_folder import RulesFolder, capture, rule
from support.running import running, settings_for
from support.waiting import until

from router.datatypes import Secret
from router.http.openapi_endpoint import PATH
from router.http.server import Address
from router.runtime import build_api
from router.runtime.roles import Roles

PUBLIC = {"/twilio", "/events", "/alerts/{token}", "/healthz"}
"""The paths on the port of senders, if operators have a port of their own."""
TOKEN = Secret("admin-token-of-the-test")
OPERATIONS = (*build_api.OPERATIONS,)


async def served(address: Address, method: str, path: str) -> bool:
    """Whether a route exists: 404 comes with aiohttp's plain text then."""
    request = head(path, [("Content-Length", "0"), ("Connection", "close")], method)
    answer = await answer_to(address, request)
    return statuses(answer)[0] != 405 and b"there is no such path" not in answer


async def paths_on(address: Address) -> set[str]:
    found = set()
    for operation in OPERATIONS:
        if await served(address, operation.method, re.sub(r"\{\w+\}", "x.y", operation.path)):
            found.add(operation.path)
    if await served(address, "GET", PATH):
        found.add(PATH)
    return found


async def test_with_two_ports_senders_reach_only_what_they_need(
    redis_url: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    """Mutants: all routes on both ports; the operators' API on the port of senders."""
    caplog.set_level("INFO")
    settings = settings_for(
        redis_url,
        admin_token=TOKEN,
        link_secret=Secret("0123456789abcdef"),
        public_url="https://router.example",
    )
    async with running(settings, Roles(port=0, operations_port=0, ingress=True)) as process:
        (line,) = [each for each in caplog.records if each.message == "operations port listening"]
        host, port = vars(line)["url"].removeprefix("http://").split(":")
        public = await paths_on(process.address)
        operations = await paths_on(Address(host, int(port)))

    assert public == PUBLIC
    every = {operation.path for operation in OPERATIONS} | {PATH}
    assert operations == every - PUBLIC | {"/healthz"}


async def test_with_one_port_it_serves_all(redis_url: Secret) -> None:
    settings = settings_for(
        redis_url, link_secret=Secret("0123456789abcdef"), public_url="https://router.example"
    )
    async with running(settings, Roles(port=0, ingress=True)) as process:
        assert await paths_on(process.address) == {each.path for each in OPERATIONS} | {PATH}


@pytest.fixture
def environ(redis_url: Secret, tmp_path: Path) -> dict[str, str]:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("memory"), rules="rules:\n" + rule("all", "memory"))
    return {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(folder.path),
        "ROUTER_PORT": "0",
        "ROUTER_ADMIN_TOKEN": TOKEN.reveal(),
    }


async def ready(url: str, token: str = "") -> str:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{url}/readyz", headers=headers) as response,
    ):
        return await response.text()


async def test_readiness_shows_file_paths_to_operators_only(environ: dict[str, str]) -> None:
    """Before: each stranger read the path and the text of a rules file in /readyz."""
    path = Path(environ["ROUTER_RULES"])
    async with RouterProcess("run", environ=environ) as router:
        (path / "broken.yaml").write_text("rules: [{name: 5}]\n")
        bearer = {"Authorization": f"Bearer {TOKEN.reveal()}"}
        async with aiohttp.ClientSession(headers=bearer) as session:
            await session.post(f"{router.url}/-/reload")
        stranger = await ready(router.url)
        operator = await ready(router.url, TOKEN.reveal())
        wrong = await ready(router.url, "wrong")

    assert "broken.yaml" in operator
    assert "the rules folder was rejected; the log says why" in stranger
    assert stranger == wrong
    assert "broken" not in stranger
    assert str(path) not in stranger


async def test_several_processes_share_both_ports(environ: dict[str, str]) -> None:
    """Mutant: the descriptor of the operations port is not passed on."""
    environ |= {"ROUTER_OPERATIONS_PORT": "0"}
    async with RouterProcess("run", "--processes", "2", environ=environ) as router:

        def operations() -> list[object]:
            return [
                line["url"] for line in router.log if line["message"] == "operations port listening"
            ]

        async def both_listen() -> bool:
            return len(operations()) == 2

        assert await until(both_listen)
        (url,) = set(operations())
        assert '"status":"ready"' in await ready(str(url))
        assert "there is no such path" in await ready(router.url)
