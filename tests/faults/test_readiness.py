"""``/readyz``, ``router_redis_up`` and the answer to an event agree in each state of Redis.

Each state is set up on a real server. The process starts in it, so that no look is older.
"""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from redis import Redis
from support import least_rights
from support.redis_servers import RedisServer
from support.running import running, settings_for
from support.waiting import until

from router.errors import ConfigurationError
from router.runtime import app_parts
from router.runtime.roles import Roles
from router.settings.choices import Durability

ROLES = Roles(port=0, ingress=True)
JSON = {"Content-Type": "application/json"}


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A state of Redis and what a router makes of it."""

    name: str
    set_up: Callable[[RedisServer], None]
    reason: str
    """A part of the reason in ``/readyz``, or of the error at start."""
    refuses_start: bool = False
    """With ``strict``."""
    relaxed_starts: bool = True
    relaxed_accepts: bool = False
    """It accepts events with ``relaxed``."""
    takes_writes: bool = False
    """``router_redis_up`` is 1 nevertheless."""
    deadline: float = 0.8
    """Seconds for a command; short for a Redis that answers nothing, because each command waits for it."""


def config(name: str, value: str) -> Callable[[RedisServer], None]:
    return lambda server: server.ask("CONFIG", "SET", name, value) and None


def acl(*rules: str) -> Callable[[RedisServer], None]:
    return lambda server: server.ask("ACL", "SETUSER", least_rights.USER, *rules) and None


def replica(*settings: tuple[str, str]) -> Callable[[RedisServer], None]:
    def set_up(server: RedisServer) -> None:
        for name, value in settings:
            config(name, value)(server)
        server.ask("REPLICAOF", "127.0.0.1", "1")

    return set_up


def failed_save(server: RedisServer) -> None:
    """The folder is gone; the append-only file is open and works."""
    server.ask("CONFIG", "SET", "save", "3600 1")
    shutil.rmtree(server.folder)
    server.ask("BGSAVE")
    with server.client() as client:
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            pass
        assert client.info("persistence")["rdb_last_bgsave_status"] == "err"


def nearly_full(server: RedisServer) -> None:
    with server.client() as client:
        client.setrange("ballast", 16 << 20, "x")  # so that buffers of connections do not count
        used = client.info("memory")["used_memory"]
    server.ask("CONFIG", "SET", "maxmemory", str(int(used * 1.15)))


def frozen(server: RedisServer) -> None:
    server.signal(signal.SIGSTOP)


STATES = [
    State(name="replica", set_up=replica(), reason="point ROUTER_REDIS_URL at", refuses_start=True),
    State(
        name="writable replica",
        set_up=replica(("replica-read-only", "no")),
        reason="point ROUTER_REDIS_URL at",
        refuses_start=True,
    ),
    State(
        name="replica without its primary",
        set_up=replica(("replica-serve-stale-data", "no")),
        reason="is a replica",
        refuses_start=True,
    ),
    State(
        name="too few replicas",
        set_up=config("min-replicas-to-write", "1"),
        reason="min-replicas-to-write; bring the replicas back",
    ),
    State(name="a save failed", set_up=failed_save, reason="cannot write its data to disk; make"),
    State(name="no memory", set_up=config("maxmemory", "1"), reason="maxmemory; "),
    State(
        name="nearly full",
        set_up=nearly_full,
        reason="80% of its maxmemory; wait until the workers",
        takes_writes=True,
    ),
    State(
        name="user without writes",
        set_up=acl("-@write"),
        reason="grant the user",
        refuses_start=True,
    ),
    State(
        name="user without one command",
        set_up=acl("-hset"),
        reason="forbids the user of ROUTER_REDIS_URL HSET; grant the user",
        refuses_start=True,
    ),
    State(
        name="user without scripts",
        set_up=acl("-@scripting"),
        reason="grant the user",
        refuses_start=True,
    ),
    State(
        name="user without the keys",
        set_up=acl("resetkeys", "~other:*"),
        reason="grant the user",
        refuses_start=True,
    ),
    State(
        name="password",
        set_up=acl("resetpass", ">secret"),
        reason="asks for a password, and ROUTER_REDIS_URL has none",
        refuses_start=True,
        relaxed_starts=False,
    ),
    State(
        name="INFO forbidden",
        set_up=acl("-info"),
        reason="grant +info",
        refuses_start=True,
    ),
    State(
        name="appendfsync no",
        set_up=config("appendfsync", "no"),
        reason="set it to everysec or always",
        refuses_start=True,
        relaxed_accepts=True,
    ),
    State(
        name="appendonly no",
        set_up=config("appendonly", "no"),
        reason="set it to yes",
        refuses_start=True,
        relaxed_accepts=True,
    ),
    State(
        name="evicting",
        set_up=config("maxmemory-policy", "allkeys-lru"),
        reason="set it to noeviction",
        refuses_start=True,
        relaxed_accepts=True,
    ),
    State(name="frozen", set_up=frozen, reason="did not answer in time", deadline=0.1),
    State(name="dead", set_up=RedisServer.kill, reason="refuses the connection"),
]
each_state = pytest.mark.parametrize(
    "state",
    [
        # With a user in its URL, a router is told that the password is wrong, not that none is given.
        pytest.param(
            each, marks=[pytest.mark.default_user] * (each.name == "password"), id=each.name
        )
        for each in STATES
    ],
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


async def answers(url: str, sample: bytes) -> tuple[int, str, int, float, float]:
    """Return the status and text of /readyz, the status of an event, redis_up and accepting."""
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/readyz") as ready:
            text = await ready.text()
        async with http.post(f"{url}/events", data=sample, headers=JSON) as event:
            status = event.status
        async with http.get(f"{url}/metrics") as metrics:
            lines = dict(
                line.split()
                for line in (await metrics.text()).splitlines()
                if line[0] != "#" and "{" not in line
            )
    up, accepting = lines["router_redis_up"], lines["router_accepting"]
    return ready.status, text, status, float(up), float(accepting)


@pytest.mark.fault_row(7, 8, 13)
@pytest.mark.parametrize(
    "state", [each for each in STATES if each.relaxed_starts], ids=lambda state: state.name
)
async def test_readiness_says_what_an_event_would_get(
    server: RedisServer, state: State, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants seen to fail: the probe does not write; no role; no rights compared; INFO ignored."""
    state.set_up(server)
    monkeypatch.setattr(app_parts, "_WORKER_DEADLINE", state.deadline)
    settings = settings_for(
        server.url, durability=Durability.RELAXED, commit_timeout=state.deadline
    )

    async with running(settings, ROLES) as process:
        ready, text, event, up, accepting = await answers(process.url, sample)

    if state.relaxed_accepts:
        assert (ready, event, up, accepting) == (200, 202, 1, 1)
    else:
        assert (ready, event, up, accepting) == (503, 503, state.takes_writes, 0)
        assert state.reason in text


@pytest.mark.fault_row(13)
@each_state
async def test_strict_refuses_to_start_where_only_an_operator_helps(
    server: RedisServer, state: State, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants seen to fail: appendfsync not read; ``is_setup`` ignored."""
    state.set_up(server)
    monkeypatch.setattr(app_parts, "_WORKER_DEADLINE", state.deadline)
    settings = settings_for(server.url, commit_timeout=state.deadline)
    if state.refuses_start:
        with pytest.raises(ConfigurationError) as caught:
            async with running(settings, ROLES):
                pass
        assert state.reason in str(caught.value)
        assert ("ROUTER_DURABILITY=relaxed" in str(caught.value)) is state.relaxed_starts
    else:
        async with running(settings, ROLES) as process:
            ready, text, event, _, _ = await answers(process.url, sample)
        assert (ready, event) == (503, 503)
        assert state.reason in text


async def test_a_sound_redis_is_ready(server: RedisServer, sample: bytes) -> None:
    async with running(settings_for(server.url), ROLES) as process:
        ready, _, event, up, accepting = await answers(process.url, sample)

    assert (ready, event, up, accepting) == (200, 202, 1, 1)


@pytest.mark.parametrize(
    ("change", "heal", "reason"),
    [
        (acl("-@write"), acl("+@write"), "grant the user"),
        (config("appendfsync", "no"), config("appendfsync", "always"), "appendfsync"),
    ],
)
async def test_a_process_follows_a_change_in_seconds(
    server: RedisServer,
    sample: bytes,
    change: Callable[[RedisServer], None],
    heal: Callable[[RedisServer], None],
    reason: str,
) -> None:
    async with running(settings_for(server.url), ROLES) as process:

        async def agrees(expected: int) -> str | None:
            ready, text, event, _, accepting = await answers(process.url, sample)
            agreed = {ready, event} == {200 if expected == 202 else 503, expected}
            return text if agreed and accepting == (expected == 202) else None

        change(server)
        assert reason in (await until(lambda: agrees(503)) or "")
        with Redis(port=server.port):
            heal(server)
        await until(lambda: agrees(202))
