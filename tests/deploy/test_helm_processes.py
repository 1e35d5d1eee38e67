"""The real router starts with each container's arguments and environment, and answers its probes.

The test gives it what a cluster would: addresses of its own, a Redis, and a Kinesis.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml
from support.helm import CHART, EXAMPLES, Helm, Object, example, of_kind, with_values
from support.kinesis_server import own_kinesis
from support.pod import MadeByHand, Pod, containers
from support.processes import RouterProcess
from support.prometheus import PROMETHEUS, serving
from support.redis_servers import RedisServer, free_port
from support.router_program import router_program
from support.rules_folder import capture, rule
from support.sentinels import NO_SENTINEL, SentinelSetup, sentinel_program
from support.sinks import HttpSink
from support.waiting import until

from router.datatypes import Secret
from router.journal.keys import LEDGER

DESTINATIONS: Final = """
destinations:
  slack-noc: {http: {url: "${SLACK_WEBHOOK_URL}"}}
  data-lake: {capture: {}}
"""
EVENT: Final = {"specversion": "1.0", "id": "1", "source": "s", "type": "door.opened", "data": {}}
PORTS: Final = {
    "http": "ROUTER_PORT",
    "operations": "ROUTER_OPERATIONS_PORT",
    "worker": "ROUTER_WORKER_PORT",
}


class RunningPod:
    """A pod whose container runs on ports of loopback; ``rules`` is its mounted folder."""

    def __init__(self, pod: Pod, cluster: dict[str, str]) -> None:
        self.pod = pod
        self.rules = pod.mount()
        own = pod.environ()
        self.ports = {name: str(free_port()) for name in PORTS.values() if name in own}
        self.process = RouterProcess(
            *pod.arguments,
            environ={**own, **self.ports, **cluster, "ROUTER_HOST": "127.0.0.1"},
        )

    def url(self, port: str) -> str:
        """Return the URL of a port of the container: ``http`` or ``operations``."""
        is_worker = "ROUTER_WORKER_PORT" in self.ports
        name = PORTS["worker" if is_worker else port]
        return f"http://127.0.0.1:{self.ports[name]}"

    async def get(self, path: str) -> tuple[int, Any]:
        """Return the status and the JSON of a path of the operations port."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url("operations") + path) as response,
        ):
            return response.status, await response.json()

    async def answers_its_probes(self) -> bool:
        statuses = [(await self.get(path))[0] for path in self.pod.probes().values()]
        return statuses == [200, 200, 200]


@contextlib.asynccontextmanager
async def running_pods(
    objects: list[Object], by_hand: MadeByHand, folder: Path, cluster: dict[str, str]
) -> AsyncIterator[dict[str, RunningPod]]:
    """Start the containers of all Deployments; they are by the ends of their names."""
    names = [each["metadata"]["name"] for each in of_kind(objects, "Deployment")]
    async with contextlib.AsyncExitStack() as stack:
        pods = {}
        for name in names:
            pod = RunningPod(Pod(name, objects, by_hand, folder / name), cluster)
            await stack.enter_async_context(pod.process)
            pods[name.removeprefix("router-event-router-")] = pod
        yield pods


@pytest.fixture
async def sink() -> AsyncIterator[HttpSink]:
    async with HttpSink() as sink:
        yield sink


def by_hand(rules: str, webhook_url: str) -> MadeByHand:
    return MadeByHand(
        secrets={
            "router": {"ROUTER_TWILIO_AUTH_TOKENS": "twilio", "ROUTER_EVENTS_TOKEN": "events"},
            "router-files": {"SLACK_WEBHOOK_URL": webhook_url, "TICKETS_TOKEN": "tickets"},
            "redis": {"password": "one", "redis-password": "two", "sentinel-password": "three"},
            "redis-ca": {"ca.crt": "-"},
        },
        config_maps={"router-rules": {"rules.yaml": rules}},
    )


async def post_event(ingress: RunningPod, token: str) -> int:
    headers = {
        "Content-Type": "application/cloudevents+json",
        "Authorization": f"Bearer {token}",
    }
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{ingress.url('http')}/events", json=EVENT) as response,
    ):
        return response.status


async def test_an_event_goes_from_the_ingress_pod_through_a_worker_pod(
    helm: Helm, redis_url: Secret, sink: HttpSink, tmp_path: Path
) -> None:
    """The credential of the destination is in a mounted Secret, and the rules in a ConfigMap."""
    values = with_values({"worker.destinations": []}, example("per-destination-workers"))
    one = rule("one", "slack-noc", "data-lake")
    made = by_hand(f"{DESTINATIONS}rules:\n{one}", sink.url)
    cluster = {"ROUTER_REDIS_URL": redis_url.reveal()}

    async with running_pods(helm.objects(values), made, tmp_path, cluster) as pods:
        assert await pods["ingress"].answers_its_probes()
        assert await pods["worker"].answers_its_probes()
        assert await post_event(pods["ingress"], "wrong") == 403
        assert await post_event(pods["ingress"], "events") == 202
        await sink.receive(1)

        before = (await pods["worker"].get("/readyz"))[1]["rules"]
        rules = pods["worker"].rules
        assert rules is not None
        rules.write(rules=f"{DESTINATIONS}rules:\n{one}{rule('two', 'data-lake')}")

        async def reloaded() -> bool:
            return bool((await pods["worker"].get("/readyz"))[1]["rules"]["rules"] == 2)

        await until(reloaded)
        after = (await pods["worker"].get("/readyz"))[1]["rules"]
        assert before["generation"] != after["generation"]


@pytest.mark.deploy
@pytest.mark.parametrize("name", EXAMPLES)
async def test_each_container_of_an_example_answers_its_probes(
    helm: Helm, redis_url: Secret, tmp_path: Path, name: str
) -> None:
    objects = helm.objects(example(name))
    rules = capture("slack-noc", "data-lake") + "rules:\n" + rule("one", "slack-noc")
    made = by_hand(rules, "https://hooks.slack.com/services/T/B/x")
    async with own_kinesis() as kinesis:
        kinesis.create("voice-events", shards=2)
        cluster = {
            "ROUTER_REDIS_URL": redis_url.reveal(),
            "AWS_ENDPOINT_URL": kinesis.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "ROUTER_ACCEPT_REPLICAS": "0",
            "SSL_CERT_FILE": "/dev/null",
        }
        async with running_pods(objects, made, tmp_path, cluster) as pods:
            for pod in pods.values():
                await until(pod.answers_its_probes)
            assert len(pods) == len(of_kind(objects, "Deployment")) >= 2


@pytest.mark.deploy
async def test_helm_test_finds_no_problem_while_the_pods_run(
    helm: Helm, redis_url: Secret, sink: HttpSink, tmp_path: Path
) -> None:
    objects = helm.objects(example("per-destination-workers"))
    rules = f"{DESTINATIONS}rules:\n{rule('one', 'slack-noc', 'data-lake')}"
    made = by_hand(rules, sink.url)
    cluster = {"ROUTER_REDIS_URL": redis_url.reveal()}
    pod = Pod("router-event-router-doctor", objects, made, tmp_path / "doctor")
    pod.mount()

    async with running_pods(objects, made, tmp_path, cluster):
        doctor = await asyncio.create_subprocess_exec(
            *(router_program(), *pod.arguments),
            cwd=tmp_path,
            env={**os.environ, **pod.environ(), **cluster},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            said, _ = await doctor.communicate()

    assert doctor.returncode == 0, said.decode()
    assert b"slack-noc" in said


@pytest.mark.deploy
@pytest.mark.skipif(PROMETHEUS is None, reason="there is no Prometheus: make monitoring")
async def test_keda_gets_a_number_for_each_query(
    helm: Helm, redis_url: Secret, sink: HttpSink, tmp_path: Path
) -> None:
    """A real Prometheus reads the pods as the ServiceMonitor says, and evaluates the queries."""
    keda = {"worker.keda": {"enabled": True, "serverAddress": "http://prometheus:9090"}}
    switches = {**keda, "metrics.serviceMonitor": {"enabled": True}}
    objects = helm.objects(with_values(switches, example("per-destination-workers")))
    (endpoint,) = of_kind(objects, "ServiceMonitor")[0]["spec"]["endpoints"]
    queries = [
        trigger["metadata"]["query"]
        for each in of_kind(objects, "ScaledObject")
        for trigger in each["spec"]["triggers"]
    ]
    made = by_hand(f"{DESTINATIONS}rules:\n{rule('one', 'slack-noc', 'data-lake')}", sink.url)
    cluster = {"ROUTER_REDIS_URL": redis_url.reveal()}

    async with running_pods(objects, made, tmp_path, cluster) as pods:
        targets = [each.url("operations").removeprefix("http://") for each in pods.values()]
        async with scraping(tmp_path, targets, endpoint["path"]) as prometheus:
            for query in queries:

                async def answered(query: str = query) -> bool:
                    return await number(prometheus, query) is not None

                await until(answered)

    assert len(queries) == 6


@contextlib.asynccontextmanager
async def scraping(folder: Path, targets: list[str], path: str) -> AsyncIterator[str]:
    """Run a Prometheus that adds the label that its operator adds; yield its URL."""
    job = {
        "job_name": "router",
        "metrics_path": path,
        "static_configs": [{"targets": targets, "labels": {"namespace": "alerts"}}],
    }
    configuration = {"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"}}
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump({**configuration, "scrape_configs": [job]}), "utf-8")
    options = (f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}")
    async with serving(PROMETHEUS, free_port(), *options) as url:
        yield url


async def number(prometheus: str, query: str) -> float | None:
    """Return the one value of a query, as KEDA requires it; None if there is none yet."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{prometheus}/api/v1/query", params={"query": query}) as response,
    ):
        found = (await response.json())["data"]["result"]
    return float(found[0]["value"][1]) if len(found) == 1 else None


@pytest.mark.deploy
async def test_the_sentinel_example_runs_with_sentinels(helm: Helm, tmp_path: Path) -> None:
    """With the example's ROUTER_ACCEPT_REPLICAS: the event is on a replica before its 2xx."""
    if sentinel_program() is None:
        pytest.skip(NO_SENTINEL)
    objects = helm.objects(example("sentinel"))
    rules = capture("noc") + "rules:\n" + rule("one", "noc")
    with SentinelSetup(tmp_path / "redis") as redis:
        cluster = {"ROUTER_REDIS_URL": redis.url.reveal()}
        async with running_pods(objects, by_hand(rules, ""), tmp_path, cluster) as pods:
            for pod in pods.values():
                await until(pod.answers_its_probes)

            assert await post_event(pods["ingress"], "events") == 202
            replicas = redis.servers[1:]
            assert b"1" in [each.ask("HGET", LEDGER, "accepted") for each in replicas]


@pytest.mark.deploy
async def test_the_redis_for_trying_satisfies_the_router(tmp_path: Path) -> None:
    """ROUTER_DURABILITY is strict: a Redis that may lose events would stop the start."""
    objects = yaml.safe_load_all((CHART / "examples" / "redis-for-trying.yaml").read_bytes())
    (stateful_set,) = of_kind(list(objects), "StatefulSet")
    arguments = containers(stateful_set)[0]["args"]
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    # Without the example's options it would be refused.
    weak = {"appendonly": "no", "maxmemory_policy": "allkeys-lru"}
    options = weak | {name.strip("-").replace("-", "_"): value for name, value in pairs}
    with RedisServer(tmp_path, **options) as redis:
        environ = {"ROUTER_REDIS_URL": redis.url.reveal(), "ROUTER_PORT": "0"}

        async with RouterProcess("ingress", environ=environ) as router:
            assert router.url
