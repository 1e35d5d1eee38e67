"""A Kinesis on loopback, and a router that reads it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from support.rules_folder import RulesFolder, capture, rule
from support.running import Running, running, settings_for
from support.streams import Producer, aws_environ, kinesis_server, new_stream

from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.ingress.kinesis.stream import KinesisStream
from router.runtime.roles import Roles, StreamSource, WorkerConfig
from router.settings.model import Egress

Reading = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture(scope="session")
def kinesis_url() -> Iterator[str]:
    with kinesis_server() as url:
        yield url


@pytest.fixture
def stream_name(request: pytest.FixtureRequest) -> str:
    return f"events-{abs(hash(request.node.nodeid))}"


@pytest.fixture
async def producer(
    kinesis_url: str, stream_name: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Producer]:
    """Return a stream of two shards, which AWS clients of this process find."""
    for name, value in aws_environ(kinesis_url).items():
        monkeypatch.setenv(name, value)
    async with new_stream(kinesis_url, stream_name, shards=2) as producer:
        yield producer


@pytest.fixture
def read_from(
    redis_url: Secret,
    producer: Producer,  # noqa: ARG001 - the stream must be there
    stream_name: str,
    tmp_path: Path,
) -> Reading:
    """Start a router that reads the stream; each event becomes an alert that is only captured."""
    folder = RulesFolder(tmp_path / "rules")
    folder.write(destinations=capture("memory"), rules="rules:\n" + rule("all", "memory"))
    source = ConfigurationSource(folder=folder.path, environ={})
    environment = Environment(
        egress=Egress.OPEN, now=system_clock().now, on_template_error=pytest.fail
    )

    def start(
        *, fan_out: str = "", since: float | None = None
    ) -> AbstractAsyncContextManager[Running]:
        stream = StreamSource(
            make=lambda: KinesisStream(stream_name, region="", fan_out=fan_out, poll_interval=0.2),
            since=since,
        )
        work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
        return running(
            settings_for(redis_url, job_lease=1.0), Roles(port=0, stream=stream, worker=work)
        )

    return start
