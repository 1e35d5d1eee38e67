"""A Kinesis on loopback, and a router that reads it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from botocore.loaders import create_loader
from support.kinesis_server import KinesisServer, own_kinesis
from support.kinesis_shards import ShardedStream
from support.rules_folder import RulesFolder, capture, rule
from support.running import Running, running, settings_for
from support.streams import aws_environ

from router.clock import Clock, system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.ingress.kinesis.stream import KinesisStream
from router.runtime.roles import Roles, StreamSource, WorkerConfig
from router.settings.choices import Egress
from router.tracing.process import ProcessTraces

Reading = Callable[..., AbstractAsyncContextManager[Running]]
STREAM = "events"

_LOADER = create_loader()


@pytest.fixture(autouse=True)
def one_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the description of AWS's services once, not in 0.2 s of CPU for each consumer."""
    monkeypatch.setattr("botocore.session.create_loader", lambda _paths: _LOADER)


@pytest.fixture
async def kinesis(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KinesisServer]:
    """Yield a Kinesis that AWS clients of this process find."""
    async with own_kinesis() as server:
        for name, value in aws_environ(server.url).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def stream(kinesis: KinesisServer) -> ShardedStream:
    """Return a stream of two shards."""
    return kinesis.create(STREAM, shards=2)


@pytest.fixture
def read_from(redis_url: Secret, tmp_path: Path) -> Reading:
    """Start a router that reads the stream; each event becomes an alert that is only captured."""
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("memory"), rules="rules:\n" + rule("all", "memory"))
    source = ConfigurationSource(folder=folder.path, environ={})
    environment = Environment(
        egress=Egress.OPEN, now=system_clock().now, on_template_error=pytest.fail
    )

    def start(
        *,
        name: str = STREAM,
        fan_out: str = "",
        since: float | None = None,
        clock: Clock | None = None,
        traces: ProcessTraces | None = None,
        **changes: object,
    ) -> AbstractAsyncContextManager[Running]:
        stream = StreamSource(
            make=lambda: KinesisStream(name, region="", fan_out=fan_out, poll_interval=0.2),
            since=since,
        )
        work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
        return running(
            settings_for(redis_url, job_lease=1.0, **changes),
            Roles(port=0, stream=stream, worker=work, traces=traces),
            clock=clock,
        )

    return start
