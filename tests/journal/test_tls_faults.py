"""TLS between the router and a real Redis: what works, and what each mistake says at the first check."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from support import least_rights
from support.redis_servers import RedisServer, free_port

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import connect
from router.journal.second_connection import second_opinion
from router.journal.store_check import StoreCheck, StoreProbe
from router.journal.tls_faults import tls_fault
from router.settings.redis_url import check_redis_url

AUTHORITY = "name the file of its authority in ROUTER_REDIS_URL: ?ssl_ca_certs="
CLIENT = "write it in ROUTER_REDIS_URL: ?ssl_certfile="


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Authorities, and certificates of a server and of clients."""
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "other-ca.pem")
    past = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    for name, issued in {
        "server": authority.issue_cert("127.0.0.1"),
        "elsewhere": authority.issue_cert("elsewhere.example"),
        "expired": authority.issue_cert("127.0.0.1", not_before=past[0], not_after=past[1]),
        "client": authority.issue_cert("client.example"),
        "stranger": stranger.issue_cert("client.example"),
    }.items():
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    return folder


class TlsServers:
    """Servers with TLS by their certificate and whether they ask for one, started when first used."""

    def __init__(self, folder: Path, files: Path) -> None:
        self._folder, self._files = folder, files
        self._started: dict[str, tuple[RedisServer, int]] = {}

    def url(self, name: str, *, asks: bool = False) -> str:
        """Return the address of a server, and the port without TLS as ``plain``."""
        key = f"{name}-{asks}"
        if key not in self._started:
            port = free_port()
            server = RedisServer(
                self._folder / key,
                tls_port=str(port),
                tls_cert_file=str(self._files / f"{name}.pem"),
                tls_key_file=str(self._files / f"{name}.key"),
                tls_ca_cert_file=str(self._files / "ca.pem"),
                tls_auth_clients="yes" if asks else "no",
            )
            try:
                server.start()
            except RuntimeError as error:
                pytest.skip(f"this server has no TLS: {str(error).splitlines()[-1]}")
            self._started[key] = server, port
        return f"127.0.0.1:{self._started[key][1]}"

    def plain(self) -> str:
        """Return the address of a server without TLS."""
        self.url("server")
        return f"127.0.0.1:{self._started['server-False'][0].port}"

    def kill(self) -> None:
        for server, _ in self._started.values():
            server.kill()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[TlsServers]:
    servers = TlsServers(tmp_path_factory.mktemp("redis"), files)
    yield servers
    servers.kill()


async def look(url: str) -> StoreCheck:
    check_redis_url(url)
    own = least_rights.as_router(Secret(url))
    connection = connect(own, deadline=0.5, max_connections=2)
    try:
        return await StoreProbe(connection, lambda: "a").check()
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("asks", "query"),
    [
        (False, "ssl_ca_certs={files}/ca.pem"),
        (
            True,
            "ssl_ca_certs={files}/ca.pem&ssl_certfile={files}/client.pem&ssl_keyfile={files}/client.key",
        ),
        (False, "ssl_cert_reqs=none"),
    ],
)
async def test_tls_with_an_authority_and_a_certificate_of_ones_own(
    servers: TlsServers, files: Path, query: str, *, asks: bool
) -> None:
    url = f"rediss://{servers.url('server', asks=asks)}/0?{query.format(files=files)}"

    assert (await look(url)).refusal == ""


@pytest.mark.parametrize(
    ("name", "query", "says"),
    [
        ("server", "", f"an authority that is not trusted here; {AUTHORITY}"),
        ("server", "ssl_ca_certs={files}/other-ca.pem", f"not trusted here; {AUTHORITY}"),
        (
            "elsewhere",
            "ssl_ca_certs={files}/ca.pem",
            "for another host name than that in ROUTER_REDIS",
        ),
        ("expired", "ssl_ca_certs={files}/ca.pem", "has expired; renew it at the server"),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_one_line(
    servers: TlsServers, files: Path, name: str, query: str, says: str
) -> None:
    """Mutant seen to fail: the cause of redis-py's error is not looked at."""
    found = await look(f"rediss://{servers.url(name)}/0?{query.format(files=files)}")

    assert found.refusal.startswith("Redis shows a TLS certificate ")
    assert says in found.refusal
    assert (found.is_setup, found.is_url_wrong) == (True, False)


@pytest.mark.parametrize(
    "query",
    ["", "&ssl_certfile={files}/stranger.pem&ssl_keyfile={files}/stranger.key"],
)
async def test_a_client_certificate_that_is_missing_or_of_a_stranger_is_one_line(
    servers: TlsServers, files: Path, query: str
) -> None:
    """The server hangs up after the handshake. Mutant seen to fail: the second connection is not made."""
    address = servers.url("server", asks=True)
    found = await look(
        f"rediss://{address}/0?ssl_ca_certs={files}/ca.pem{query.format(files=files)}"
    )

    assert found.refusal.startswith("Redis asks for a client certificate of an authority that it")
    assert CLIENT in found.refusal
    assert found.is_setup


USUAL_HOST = "127.0.0.79"
"""An address of loopback at which nothing else has Redis's usual port."""


@pytest.fixture
async def tls_server(files: Path) -> AsyncIterator[None]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files / "server.pem", files / "server.key")
    server = await asyncio.start_server(lambda _, writer: writer.close(), USUAL_HOST, 6379, ssl=tls)
    async with server:
        yield


async def test_a_scheme_that_does_not_fit_the_port_is_one_line(servers: TlsServers) -> None:
    """A plain server never answers a handshake, and one with TLS hangs up."""
    plain = await look(f"redis://{servers.url('server')}/0")
    tls = await look(f"rediss://{servers.plain()}/0?ssl_cert_reqs=none")

    assert plain.refusal == (
        "Redis speaks TLS at the port in ROUTER_REDIS_URL; write rediss:// instead of redis://"
    )
    assert tls.refusal == (
        "Redis speaks no TLS at the port in ROUTER_REDIS_URL;"
        " write the port of its TLS, or redis:// instead of rediss://"
    )
    assert plain.is_setup
    assert tls.is_setup


@pytest.mark.usefixtures("tls_server")
async def test_a_url_without_a_port_leads_to_the_usual_one() -> None:
    """Mutant seen to fail: the port is taken from the URL alone."""
    found = await second_opinion({"host": USUAL_HOST}, ConnectionResetError())

    assert found is not None
    assert found.reason == "speaks TLS at the port in ROUTER_REDIS_URL"


async def test_a_redis_that_is_away_is_no_fault_of_tls() -> None:
    for scheme in ("redis", "rediss"):
        found = await look(f"{scheme}://127.0.0.1:{free_port()}/0")
        assert "refuses the connection" in found.refusal
        assert not found.is_setup


async def test_each_command_says_it_too(servers: TlsServers) -> None:
    connection = connect(
        Secret(f"rediss://{servers.url('server')}/0"), deadline=2, max_connections=1
    )
    with pytest.raises(JournalUnavailableError, match="not trusted here; name the file") as caught:
        await connection.ask(connection.redis.ping())
    await connection.close()
    assert tls_fault(caught.value) is not None


def test_other_errors_are_none_of_tls() -> None:
    assert tls_fault(ConnectionResetError()) is None
