"""Prometheus and Alertmanager, whose alerts reach a receiver through a preset and the pack of rules."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from support.prometheus import ALERTMANAGER, PROMETHEUS, alertmanager, prometheus
from support.running import Running, running, settings_for, worker_of
from support.sinks import HttpSink, Reply
from support.waiting import until

from router.cel.foreign import fingerprint
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.runtime.roles import Roles

ROOT: Final = Path(__file__).parents[2]
TOKEN: Final = "token-of-the-monitoring"
SOURCES: Final = """
sources:
  prometheus: {preset: prometheus, verify: {secret: "${TOKEN}"}}
  alertmanager: {preset: alertmanager, verify: {secret: "${TOKEN}"}}
"""


@pytest.fixture
async def slack() -> AsyncIterator[HttpSink]:
    async with HttpSink() as sink:
        yield sink


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path, slack: HttpSink) -> AsyncIterator[Running]:
    folder = tmp_path / "rules"
    folder.mkdir()
    for name in ("prometheus.yaml", "destinations.yaml"):
        shutil.copy(ROOT / "rules" / "packs" / name, folder)
    (folder / "sources.yaml").write_text(SOURCES, "utf-8")
    environ = {"TOKEN": TOKEN, "SLACK_WEBHOOK_URL": slack.url}
    settings = settings_for(redis_url)
    worker = worker_of(folder, settings, source=ConfigurationSource(folder=folder, environ=environ))
    async with running(settings, Roles(port=0, ingress=True, worker=worker)) as process:
        yield process


async def told(slack: HttpSink, *parts: str) -> None:
    """Wait for a message that has all parts."""

    async def is_told() -> bool:
        texts = [request.body.decode() for request in slack.requests]
        return any(all(part in text for part in parts) for text in texts)

    await until(is_told)


@pytest.mark.skipif(PROMETHEUS is None, reason="there is no Prometheus: make monitoring")
async def test_prometheus_takes_the_router_for_an_alertmanager(
    router: Running, slack: HttpSink, tmp_path: Path
) -> None:
    async with (
        HttpSink(otherwise=Reply(body=b"trouble 1\n")) as node,
        prometheus(
            tmp_path,
            target=node.port,
            router=router.url.removeprefix("http://"),
            path="/in/prometheus",
            token=TOKEN,
        ),
    ):
        await told(slack, "Trouble of node")
        node.otherwise = Reply(body=b"trouble 0\n")
        await told(slack, "Trouble of node", "esolved")

    assert len(slack.requests) == 2
    assert (
        router.metric("router_events_received_total", source="prometheus", outcome="quarantined")
        == 0
    )


@pytest.mark.skipif(
    ALERTMANAGER is None,
    reason="there is no Alertmanager: make monitoring",
)
async def test_alertmanager_notifies_the_router_by_its_webhook(
    router: Running, slack: HttpSink, tmp_path: Path
) -> None:
    labels = {"alertname": "DiskFull", "instance": "db-1", "severity": "warning"}
    async with alertmanager(tmp_path, url=f"{router.url}/in/alertmanager", token=TOKEN) as sender:
        await sender.fire(**labels)
        await told(slack, "DiskFull of db-1")

        assert await sender.fingerprints() == {"DiskFull": fingerprint(labels)}

        await sender.resolve(**labels)
        await told(slack, "DiskFull of db-1", "esolved")

    assert len(slack.requests) == 2
