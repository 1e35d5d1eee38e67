"""Names are looked up in threads of their own, once at a time for each name."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.host_names import HostNames
from support.waiting import until

from router.destinations.transport import name_resolver
from router.destinations.transport.name_resolver import (
    AiohttpResolver,
    NameLookupTimeoutError,
    NameResolver,
)


@pytest.fixture
def names() -> Iterator[HostNames]:
    with HostNames() as names:
        names.addresses = {"up.test": ["127.0.0.1"], "slow.test": ["127.0.0.2"]}
        names.failing = {
            "none.test": socket.gaierror(socket.EAI_NONAME, "no such name"),
            "later.test": socket.gaierror(socket.EAI_AGAIN, "name server failed"),
            "descriptors.test": OSError(24, "too many open files"),
        }
        names.hanging = {"slow.test"}
        yield names


@pytest.fixture
def resolver() -> NameResolver:
    return NameResolver()


async def addresses(resolver: NameResolver, host: str, seconds: float = 5.0) -> list[str]:
    return [str(found[4][0]) for found in await resolver.resolve(host, 80, seconds=seconds)]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "up.test"])
async def test_every_address_of_a_host_is_returned_with_the_port(
    resolver: NameResolver, names: HostNames, host: str
) -> None:
    """Case D4."""
    names.addresses["up.test"] = ["127.0.0.1", "127.0.0.2", "::1"]
    found = await resolver.resolve(host, 8443, seconds=5.0)
    assert {address[1] for _, _, _, _, address in found} == {8443}
    assert len(found) == (3 if host == "up.test" else 1)


async def test_a_name_that_hangs_delays_no_other_name(
    resolver: NameResolver, names: HostNames
) -> None:
    """Case D4: more of them than the event loop has threads."""
    names.hanging |= {f"slow-{number}.test" for number in range(60)}
    async with asyncio.TaskGroup() as group:
        slow = [group.create_task(addresses(resolver, name)) for name in sorted(names.hanging)]
        async with asyncio.timeout(2):
            assert await addresses(resolver, "up.test") == ["127.0.0.1"]
            await asyncio.to_thread(lambda: None)  # the event loop's own threads are free
        for task in slow:
            task.cancel()


async def test_all_who_need_a_name_wait_for_one_look_up(
    resolver: NameResolver, names: HostNames
) -> None:
    """Case D4: no thread is added by waiting longer, or by giving up."""
    for _ in range(3):
        with pytest.raises(NameLookupTimeoutError):
            await addresses(resolver, "slow.test", seconds=0.01)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(addresses(resolver, "slow.test")) for _ in range(50)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        names.answer()
    assert {tuple(task.result()) for task in tasks[1:]} == {("127.0.0.2",)}
    assert names.asked["slow.test"] == 1


async def test_a_result_that_came_too_late_serves_the_next_attempt(
    resolver: NameResolver, names: HostNames
) -> None:
    """Case D4: a first name server that is dead costs five seconds each time."""
    with pytest.raises(NameLookupTimeoutError):
        await addresses(resolver, "slow.test", seconds=0.01)
    names.answer()

    async def is_known() -> bool:
        return await addresses(resolver, "slow.test") == ["127.0.0.2"]

    await until(is_known)
    assert names.asked["slow.test"] == 1


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("none.test", socket.EAI_NONAME),
        ("later.test", socket.EAI_AGAIN),
        ("descriptors.test", socket.EAI_AGAIN),
        ("a" * 64 + ".test", socket.EAI_NONAME),
        ("a..test", socket.EAI_NONAME),
        ("nul\0.test", socket.EAI_NONAME),
        ("", socket.EAI_NONAME),
    ],
)
async def test_a_failed_look_up_is_not_repeated_at_once(
    resolver: NameResolver, names: HostNames, host: str, error: int
) -> None:
    """Case D4: negative caching; each caller gets an error of its own."""
    raised = []
    for _ in range(3):
        with pytest.raises(socket.gaierror) as caught:
            await addresses(resolver, host)
        raised.append(caught.value)
    assert {each.errno for each in raised} == {error}
    assert len({id(each) for each in raised}) == 3
    assert names.asked[host] == (0 if "\0" in host else 1)


@pytest.mark.parametrize(
    ("host", "kept"), [("up.test", "_KEPT_SECONDS"), ("none.test", "_FAILURE_KEPT_SECONDS")]
)
async def test_results_are_kept_for_a_time(
    resolver: NameResolver,
    names: HostNames,
    host: str,
    kept: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(name_resolver, kept, 0.0)
    for _ in range(2):
        with contextlib.suppress(socket.gaierror):
            await addresses(resolver, host)
    assert names.asked[host] == 2


async def test_the_number_of_threads_has_a_limit(
    resolver: NameResolver, names: HostNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_resolver, "_MAX_THREADS", 1)
    with pytest.raises(NameLookupTimeoutError):
        await addresses(resolver, "slow.test", seconds=0.01)
    with pytest.raises(socket.gaierror, match="too many look-ups"):
        await addresses(resolver, "up.test")
    names.answer()

    async def is_up() -> bool:
        try:
            return await addresses(resolver, "up.test") == ["127.0.0.1"]
        except socket.gaierror:
            return False

    await until(is_up)


async def test_the_number_of_kept_names_has_a_limit(
    resolver: NameResolver, names: HostNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_resolver, "_MAX_KEPT", 2)
    for host in ("up.test", "none.test", "later.test", "up.test"):
        with contextlib.suppress(socket.gaierror):
            await addresses(resolver, host)
    assert names.asked["up.test"] == 2


async def test_aiohttp_gets_addresses_of_the_family_that_it_asks_for(
    resolver: NameResolver, names: HostNames
) -> None:
    names.addresses["up.test"] = ["127.0.0.1", "::1"]
    for_aiohttp = AiohttpResolver(resolver, 5.0)
    both = await for_aiohttp.resolve("up.test", 80)
    assert {each["host"] for each in both} == {"127.0.0.1", "::1"}
    six = await for_aiohttp.resolve("up.test", 80, socket.AF_INET6)
    assert [(each["host"], each["port"], each["family"]) for each in six] == [
        ("::1", 80, socket.AF_INET6)
    ]


_SCRIPT = """
import asyncio, socket, time
from router.destinations.transport.name_resolver import NameLookupTimeoutError, NameResolver

def hang(*_, **__):
    time.sleep(60)

socket.getaddrinfo = hang

async def main():
    try:
        await NameResolver().resolve("slow.test", 80, seconds=0.1)
    except NameLookupTimeoutError:
        print("timed out")

asyncio.run(main())
"""


def test_a_process_ends_although_a_look_up_hangs() -> None:
    """Case D4: the default pool's threads would delay the end of the process."""
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", _SCRIPT], capture_output=True, timeout=60, check=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("timed out\n", "")
