"""From an event to the destination that its customer's row and its severity name."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.events import event_from
from support.rules_folder import RulesFolder
from support.running import Running, running, settings_for
from support.sinks import HttpSink

from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.runtime.roles import Roles, WorkerConfig

TOKEN = Secret("console-token-of-the-test")
RULES = """
routes:
  - match: {tier: gold}
    send_to: [{from: "tables.customers[data.account_sid].place", otherwise: noc}]
  - send_to: [noc]
rules:
  - name: quality
    events: ["*"]
    let: {customer: "tables.customers[data.account_sid]"}
    labels: {tier: "{{ customer.tier }}"}
    summary: "for {{ customer.owner or 'nobody' }}"
"""
CSV = "account_sid,owner,tier,place\nAC1,Ann,gold,ann\nAC2,Bob,gold,\nAC3,Cleo,basic,ann\n"


@pytest.fixture
async def sinks() -> AsyncIterator[dict[str, HttpSink]]:
    async with HttpSink() as noc, HttpSink() as ann:
        yield {"noc": noc, "ann": ann}


@pytest.fixture
def folder(tmp_path: Path, sinks: dict[str, HttpSink]) -> Path:
    folder = RulesFolder(tmp_path / "rules")
    places = "".join(f"  {name}: {{http: {{url: '{sink.url}'}}}}\n" for name, sink in sinks.items())
    table = "tables: {customers: {file: customers.csv, key: account_sid}}\n"
    (folder.path / "customers.csv").write_text(CSV, "utf-8")
    folder.write(destinations=f"destinations:\n{places}", rules=table + RULES)
    return folder.path


@pytest.fixture
async def router(redis_url: Secret, folder: Path) -> AsyncIterator[Running]:
    settings = settings_for(redis_url, admin_token=TOKEN)
    source = ConfigurationSource(folder=folder, environ={})
    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=pytest.fail
    )
    work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    async with running(settings, Roles(port=0, ingress=True, worker=work)) as process:
        yield process


async def post(router: Running, sample: bytes, account: str) -> None:
    body = event_from(sample, id=f"NO{account}").body.replace(
        b"AC0000000000000000000000000000001", account.encode()
    )
    async with (
        aiohttp.ClientSession(headers={"Content-Type": "application/cloudevents+json"}) as session,
        session.post(f"{router.url}/events", data=body) as response,
    ):
        assert response.status == 202


def told(sink: HttpSink) -> set[str]:
    return {request.json()["alert"]["summary"] for request in sink.requests}


async def test_each_customer_s_alert_goes_where_the_table_says(
    router: Running, sinks: dict[str, HttpSink], sample: bytes
) -> None:
    for account in ("AC1", "AC2", "AC3", "AC4"):
        await post(router, sample, account)

    await sinks["ann"].receive(1)
    await sinks["noc"].receive(3)
    assert told(sinks["ann"]) == {"for Ann"}
    assert told(sinks["noc"]) == {"for Bob", "for Cleo", "for nobody"}


async def test_a_changed_table_is_reloaded(
    router: Running, sinks: dict[str, HttpSink], folder: Path, sample: bytes
) -> None:
    (folder / "new").write_text(CSV.replace("AC2,Bob,gold,", "AC2,Bob,gold,ann"), "utf-8")
    (folder / "new").rename(folder / "customers.csv")
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{router.url}/-/reload", headers={"Authorization": f"Bearer {TOKEN.reveal()}"}
        ) as response,
    ):
        assert response.status == 200

    await post(router, sample, "AC2")

    await sinks["ann"].receive(1)
    assert told(sinks["ann"]) == {"for Bob"}
