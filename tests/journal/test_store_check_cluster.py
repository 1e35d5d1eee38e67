"""A Redis in cluster mode is refused, whatever it answers to commands."""

from collections.abc import Iterator

import pytest
from support.processes import RouterProcess
from support.redis_servers import RedisServer, free_port

from router.journal.connection import connect
from router.journal.store_check import StoreProbe

LINE = (
    "Redis answers redis_mode:cluster: it is a node of a Redis Cluster, which the router does not support;"
    " use one without cluster mode, with replicas and Sentinel (docs/operate/redis.md)"
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(
        tmp_path_factory.mktemp("redis") / "node",
        cluster_enabled="yes",
        cluster_port=str(free_port()),
    ) as server:
        yield server


async def refusal(node: RedisServer) -> tuple[str, bool]:
    connection = connect(node.url, deadline=2.0, max_connections=2)
    try:
        check = await StoreProbe(connection, lambda: "a").check()
    finally:
        await connection.close()
    assert check.is_setup
    return check.refusal, check.is_url_wrong


async def test_a_node_is_refused_whatever_it_answers_to_commands(node: RedisServer) -> None:
    """One without slots answers CLUSTERDOWN, one of several MOVED, the only one CROSSSLOT."""
    assert await refusal(node) == (LINE, True)


async def test_no_durability_starts_a_process_on_a_node(node: RedisServer) -> None:
    """Mutant seen to fail: the state counts as one that ends by itself."""
    environ = {
        "ROUTER_REDIS_URL": node.url.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_DURABILITY": "relaxed",
    }
    process = RouterProcess("ingress", environ=environ)
    with pytest.raises(RuntimeError, match="did not start"):
        await process.start()
    assert str(process.log[-1]["message"]).strip() == f"router: {LINE}"
