"""Connections are led to the primary that a sentinel names, and to no other server."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme
from support import least_rights
from support.redis_servers import RedisServer, free_port
from support.scripted_sentinel import SERVICE, ScriptedSentinel
from support.sentinels import NO_SENTINEL, SentinelServer, sentinel_program
from support.waiting import until

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal import sentinel_adapter
from router.journal.connection import Connection, connect
from router.journal.sentinel import no_primary_error

ASKS_AS_ROUTER = True
"""See ``support.least_rights``: what these tests ask goes through the connection that they are about."""


@pytest.fixture
async def sentinels(primary: RedisServer) -> AsyncIterator[list[ScriptedSentinel]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(ScriptedSentinel(primary.port, epoch=1))
            for _ in range(2)
        ]


def url_of(sentinels: list[ScriptedSentinel]) -> Secret:
    nodes = ",".join(each.address for each in sentinels)
    return least_rights.as_router(Secret(f"redis+sentinel://{nodes}/{SERVICE}/3"))


@pytest.fixture
async def located(sentinels: list[ScriptedSentinel]) -> AsyncIterator[Connection]:
    connection = connect(url_of(sentinels), deadline=1.0, max_connections=4)
    yield connection
    await connection.close()


async def server_port(connection: Connection) -> int:
    info = await connection.ask(connection.redis.info("server"))
    return int(info["tcp_port"])


def test_the_installed_redis_py_has_the_private_name() -> None:
    assert sentinel_adapter.is_usable()


@pytest.mark.default_user
async def test_the_primary_that_a_sentinel_names_is_reached(
    primary: RedisServer, located: Connection
) -> None:
    assert await server_port(located) == primary.port
    await located.ask(located.redis.set("a", 1))
    assert primary.ask("INFO", "keyspace")["db3"]["keys"] == 1  # type: ignore[index]


async def test_a_replica_is_not_written_to_and_another_sentinel_is_asked(
    primary: RedisServer,
    replica: RedisServer,
    sentinels: list[ScriptedSentinel],
    located: Connection,
) -> None:
    """Mutants seen to fail: the role is not compared; ``doubt`` does nothing."""
    sentinels[0].primary = replica.port

    with pytest.raises(JournalUnavailableError) as caught:
        await located.ask(located.redis.set("a", 1))

    assert str(caught.value) == (
        f"Redis: 127.0.0.1:{replica.port} is a replica, and a sentinel still names it as the primary;"
        " wait for the others"
    )
    assert await server_port(located) == primary.port


@pytest.mark.default_user
async def test_a_subscription_is_led_to_the_primary_too(
    primary: RedisServer, located: Connection
) -> None:
    async with located.subscription() as subscription:
        await subscription.subscribe("a")

        async def is_subscribed() -> bool:
            return primary.ask("PUBLISH", "a", "1") == 1

        await until(is_subscribed)


async def test_sentinels_that_are_away_are_named_by_the_error(
    sentinels: list[ScriptedSentinel], located: Connection
) -> None:
    for each in sentinels:
        each.error = "ERR No such master with that name"

    with pytest.raises(JournalUnavailableError) as caught:
        await located.ask(located.redis.ping())

    one, two = (each.address for each in sentinels)
    assert str(caught.value) == (
        f"Redis: no sentinel names the primary of 'main': {one} monitors no such service,"
        f" {two} monitors no such service; correct the service in ROUTER_REDIS_URL:"
        " redis+sentinel://host/service/0"
    )
    found = no_primary_error(caught.value)
    assert found is not None
    assert found.is_url_wrong


@pytest.fixture
def tls_primary(tmp_path: Path) -> Iterator[RedisServer]:
    """A primary with TLS at ``options["tls-port"]``, and its certificate in ``tmp_path``."""
    server = RedisServer(tmp_path / "primary", tls_port=str(free_port()), **tls_options(tmp_path))
    try:
        server.start()
    except RuntimeError as error:
        pytest.skip(f"this server has no TLS: {str(error).splitlines()[-1]}")
    yield server
    server.kill()


@pytest.mark.default_user
async def test_servers_and_sentinels_may_have_tls_and_users_of_their_own(
    tmp_path: Path, tls_primary: RedisServer
) -> None:
    """Mutant seen to fail: the sentinels' password is that of the servers."""
    if sentinel_program() is None:
        pytest.skip(NO_SENTINEL)
    with SentinelServer(
        tmp_path / "sentinel",
        f"tls-port {(sentinel_tls_port := free_port())}",
        *(f"{name.replace('_', '-')} {value}" for name, value in tls_options(tmp_path).items()),
        "tls-replication yes",
        "requirepass of-the-sentinel",
        f"sentinel monitor {SERVICE} 127.0.0.1 {tls_primary.options['tls-port']} 1",
    ):
        tls_primary.ask("ACL", "SETUSER", "router", "on", ">of the server", "~*", "&*", "+@all")
        url = (
            f"rediss+sentinel://router:of%20the%20server@127.0.0.1:{sentinel_tls_port}/{SERVICE}"
            f"?sentinel_password=of-the-sentinel&ssl_ca_certs={tmp_path}/ca.pem"
        )
        connection = connect(Secret(url), deadline=2.0, max_connections=2)
        try:

            async def user() -> str:
                try:
                    return str(await connection.ask(connection.redis.acl_whoami()))
                except JournalUnavailableError:  # until the sentinel listens
                    return ""

            assert "router" in await until(user)
            wrong = connect(Secret(url.replace("of-the", "of")), deadline=2.0, max_connections=2)
            with pytest.raises(JournalUnavailableError) as caught:
                await wrong.ask(wrong.redis.ping())
            assert "rejects sentinel_username or sentinel_password" in str(caught.value)
            assert "of-sentinel" not in str(caught.value)
        finally:
            await connection.close()


def tls_options(folder: Path) -> dict[str, str]:
    """Return the options of a server with a certificate of loopback, which is made once."""
    options = {
        "tls_cert_file": f"{folder}/server.pem",
        "tls_key_file": f"{folder}/server.key",
        "tls_ca_cert_file": f"{folder}/ca.pem",
        "tls_auth_clients": "no",
    }
    if (folder / "ca.pem").exists():
        return options
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    server.private_key_pem.write_to_path(folder / "server.key")
    return options
