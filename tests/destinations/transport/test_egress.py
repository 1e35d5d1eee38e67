import contextlib
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from support.host_names import HostNames
from support.sinks import HttpSink, TcpSink, silence

from router.destinations.transport.egress import (
    EgressDeniedError,
    connect,
    connector,
    is_denied,
)
from router.destinations.transport.name_resolver import AiohttpResolver, NameResolver
from router.settings.choices import Egress

METADATA_AND_LINK_LOCAL = [
    "169.254.169.254",
    "169.254.0.1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%1",
    "febf::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "::ffff:100.100.100.200",
    "168.63.129.16",
]
NOT_PUBLIC = [
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "0.0.0.0",  # noqa: S104 - the address, not a place to listen
    "::",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", METADATA_AND_LINK_LOCAL)
@pytest.mark.parametrize("egress", list(Egress))
def test_metadata_and_link_local_addresses_are_always_denied(address, egress):
    assert is_denied(address, egress)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_denied_in_public(address):
    assert is_denied(address, Egress.PUBLIC)
    assert not is_denied(address, Egress.OPEN)


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("egress", list(Egress))
def test_public_addresses_are_never_denied(address, egress):
    assert not is_denied(address, egress)


class Names(AbstractResolver):
    """Resolves each lookup to the next address, as a name server that rebinds does."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, **_family):
        addresses = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in addresses
        ]

    async def close(self) -> None:
        pass


async def post(url: str, egress: Egress, resolver: AbstractResolver | None = None) -> int:
    resolver = resolver or AiohttpResolver(NameResolver(), 5.0)
    async with (
        aiohttp.ClientSession(connector=connector(egress, 10, resolver=resolver)) as session,
        session.post(url, allow_redirects=False) as response,
    ):
        return response.status


@pytest.mark.fault_row(52)
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",  # noqa: S104 - the address, not a place to listen
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "127.1",
        "user:password@127.0.0.1",
        "①②⑦.0.0.1",
    ],
)
async def test_no_spelling_of_this_machine_is_connected_to(host):
    """Mutant: an embedded IPv4 address is not seen."""
    async with TcpSink(silence) as canary:
        with pytest.raises((aiohttp.ClientError, ValueError)):
            await post(f"http://{host}:{canary.port}/", Egress.PUBLIC)
        assert canary.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::ffff:127.0.0.1"], ["127.0.0.1", "::1"], ["169.254.169.254", "127.0.0.1"]],
)
async def test_a_name_is_judged_by_the_address_of_the_connection(addresses):
    async with TcpSink(silence) as canary:
        names = Names(addresses)
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await post(f"http://rebinding.example:{canary.port}/", Egress.PUBLIC, names)
        assert canary.connections == 0
    assert isinstance(raised.value.os_error, EgressDeniedError)


@pytest.mark.fault_row(52)
async def test_a_name_that_changes_its_mind_does_not_pass():
    """Mutant: the address of the connection is not checked."""
    async with HttpSink() as sink:
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        made = connector(Egress.OPEN, 10, resolver=names)
        url = f"http://rebinding.example:{sink.port}/"
        async with aiohttp.ClientSession(connector=made) as session:
            async with session.post(url, headers={"Connection": "close"}) as response:
                assert response.status == 200
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(url)
        assert (names.asked, sink.connections) == (2, 1)


async def test_this_machine_is_allowed_in_open():
    async with HttpSink() as sink:
        assert await post(sink.url, Egress.OPEN) == 200


async def test_a_denied_address_does_not_hide_an_allowed_one():
    async with HttpSink() as sink:
        names = Names(["169.254.169.254", "127.0.0.1"])
        assert await post(f"http://mixed.example:{sink.port}/", Egress.OPEN, names) == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::ffff:127.0.0.1", "0x7f.1", "127.1"])
async def test_sockets_for_other_protocols_are_judged_alike(host):
    async with TcpSink(silence) as canary:
        with pytest.raises(EgressDeniedError):
            await connect(host, canary.port, Egress.PUBLIC, names=NameResolver(), seconds=5.0)
        assert canary.connections == 0


async def test_sockets_for_other_protocols_connect_where_they_may():
    async with HttpSink() as sink:
        made = await connect("localhost", sink.port, Egress.OPEN, names=NameResolver(), seconds=5.0)
        assert made.getpeername() == ("127.0.0.1", sink.port)
        made.close()


async def test_an_address_that_does_not_answer_leaves_time_for_the_others():
    """Case D4: a full backlog drops what arrives, as a dead machine does."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as dead,
        HostNames() as host_names,
        contextlib.ExitStack() as stack,
    ):
        port = dead.getsockname()[1]
        for _ in range(3):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.1", port))
        up = stack.enter_context(socket.create_server(("127.0.0.2", port)))
        host_names.addresses["two.test"] = ["127.0.0.1", "127.0.0.2"]
        made = await connect("two.test", port, Egress.OPEN, names=NameResolver(), seconds=1.0)
        assert made.getpeername() == up.getsockname()
        made.close()
