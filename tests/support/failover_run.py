"""One failover by Redis Sentinel under a steady load: real servers, sentinels, ingress and worker."""

import asyncio
import enum
import itertools
import signal
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from support.processes import RouterProcess
from support.redis_servers import RedisServer
from support.sentinels import SERVICE, SentinelServer, SentinelSetup
from support.steady_load import TOKEN, SteadyLoad, Tally
from support.waiting import until

_RULES: Final = """\
destinations:
  prompt: {{http: {{url: "{prompt}", concurrency: 32}}}}
  late:
    http:
      url: "{late}"
      concurrency: 32
      retry: {{first: 200ms, longest: 2s, attempts: 1000}}
      breaker: {{open_for: 500ms, longest: 2s}}
rules:
  - {{name: all, events: ["*"], send_to: [prompt, late]}}
"""
"""Two receivers: what is sent to the first at once may be sent again after a failover; what the second
refuses until the failover is over is stored in Redis only, and may be lost."""
_CLIENT: Final = "router"
_PAUSE: Final = 1.0
"""Seconds after which the sender repeats a request that got no 2xx."""


class Fault(enum.StrEnum):
    """The end of the primary."""

    KILL = "kill -9"
    STOP = "SIGSTOP"
    PLANNED = "SENTINEL FAILOVER"
    PARTITION = "partition"
    """The router is left with the former primary; the other servers and sentinels are on the other side.
    """


class FailoverPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    fault: Fault
    accept_replicas: int = 0
    """ROUTER_ACCEPT_REPLICAS."""
    min_replicas: int = 0
    """``min-replicas-to-write`` of the servers."""
    max_lag: int = 10
    """``min-replicas-max-lag``, in seconds."""
    rate: float = 500.0
    """Events a second."""
    before: float = 3.0
    """Seconds of load before the fault."""
    after: float = 8.0
    """Seconds of load after it."""
    down_after_ms: int = 2000
    """Long, because a busy machine lets a server wait; a second failover would follow the first."""
    sees_demotion: bool = True
    """Whether the run waits until the former primary is a replica: ten seconds, if it lives."""


class FailoverFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has shown."""

    plan: FailoverPlan
    accepted: int
    """Events that got a 2xx."""
    lost: int
    """Of these, those that did not arrive."""
    repeated: int
    """Arrivals of a delivery beyond the first."""
    refused: int
    """Responses other than 2xx, and connections that failed."""
    unavailable_seconds: float
    """The longest time without a 2xx."""
    drain_seconds: float
    """From the recovery of the late receiver until all had arrived."""
    reported: int
    """Events that the router itself reported as missing."""
    left_behind: int
    """Connections of the router to the former primary at the end of the load, if that lives."""

    def cells(self) -> tuple[str, ...]:
        return (
            self.plan.fault,
            str(self.plan.min_replicas),
            str(self.plan.accept_replicas),
            str(self.accepted),
            str(self.lost),
            str(self.repeated),
            f"{self.unavailable_seconds:.1f}",
            str(self.refused),
        )


HEAD: Final = (
    *("fault", "min-replicas-to-write", "ROUTER_ACCEPT_REPLICAS", "accepted", "lost"),
    *("repeated", "s without 2xx", "refused"),
)


def table(runs: list[FailoverFigures]) -> str:
    """Return the figures of runs as a table in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(each.cells() for each in runs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


async def run(plan: FailoverPlan, folder: Path) -> FailoverFigures:
    """Run one failover, and compare what was accepted with what has arrived."""
    setup = SentinelSetup(
        folder,
        down_after_ms=plan.down_after_ms,
        min_replicas_to_write=str(plan.min_replicas),
        min_replicas_max_lag=str(plan.max_lag),
    )
    await asyncio.to_thread(setup.__enter__)
    try:
        async with Tally() as prompt, Tally() as late:
            rules = folder / "rules"
            rules.mkdir()
            (rules / "rules.yaml").write_text(_RULES.format(prompt=prompt.url, late=late.url))
            environ = {
                "ROUTER_REDIS_URL": _url(plan.fault, setup),
                "ROUTER_RULES": str(rules),
                "ROUTER_EVENTS_TOKEN": TOKEN.reveal(),
                "ROUTER_ACCEPT_REPLICAS": str(plan.accept_replicas),
                "ROUTER_COMMIT_TIMEOUT": "800ms",
                "ROUTER_PORT": "0",
                "ROUTER_WORKER_PORT": "0",
                "ROUTER_JOB_LEASE": "2s",
            }
            async with (
                RouterProcess("worker", environ=environ),
                RouterProcess("ingress", environ=environ) as ingress,
            ):
                return await _measure(plan, setup, ingress, (prompt, late))
    finally:
        await asyncio.to_thread(setup.__exit__)


async def _measure(
    plan: FailoverPlan, setup: SentinelSetup, ingress: RouterProcess, tallies: tuple[Tally, Tally]
) -> FailoverFigures:
    listened_to = setup.sentinels[:1] if plan.fault is Fault.PARTITION else setup.sentinels
    await until(lambda: _are_listened_to(listened_to))
    load = SteadyLoad(ingress.url, rate=plan.rate, pause=_PAUSE)
    former, late = setup.primary, tallies[1]
    late.status = 503
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        await asyncio.sleep(plan.before)
        failed_at = time.monotonic()
        await asyncio.to_thread(_end, plan.fault, setup, former)
        await asyncio.sleep(plan.after)
        if plan.fault is Fault.PARTITION:
            await asyncio.to_thread(_bring_back, setup, plan.fault, former)
        load.stop()
    left_behind = _left_behind(former) if plan.fault is Fault.PLANNED else 0
    if plan.sees_demotion:
        await until(lambda: _has_successor(setup, former))
        if plan.fault is not Fault.PARTITION:
            await asyncio.to_thread(_bring_back, setup, plan.fault, former)
        await until(lambda: _is_replica(former))
    late.status = 200
    began_at = time.monotonic()
    drained_at = await _drained(load, late)
    return FailoverFigures(
        plan=plan,
        accepted=len(load.accepted),
        lost=len(load.accepted.keys() - late.arrived.keys()),
        repeated=sum(each.repeated for each in tallies),
        refused=load.refused.total(),
        unavailable_seconds=_longest_gap(load, failed_at),
        drain_seconds=drained_at - began_at,
        left_behind=left_behind,
        reported=sum(
            int(str(each["events"]))
            for each in ingress.log
            if "acknowledged events missing" in str(each["message"])
        ),
    )


async def _are_listened_to(sentinels: list[SentinelServer]) -> bool:
    """Whether ingress and worker listen to each sentinel."""

    def lists() -> list[bytes]:
        return [sentinel.ask("CLIENT", "LIST") for sentinel in sentinels]

    return all(each.count(b" psub=3 ") == 2 for each in await asyncio.to_thread(lists))


def _left_behind(server: RedisServer) -> int:
    with server.client() as client:
        return sum(each["name"] == _CLIENT for each in client.client_list())


def _end(fault: Fault, setup: SentinelSetup, primary: RedisServer) -> None:
    match fault:
        case Fault.KILL:
            primary.kill()
        case Fault.STOP:
            primary.signal(signal.SIGSTOP)
        case Fault.PLANNED:
            setup.fail_over()
        case Fault.PARTITION:
            # The router has a user of its own; the others can no longer log in.
            setup.sentinels[0].signal(signal.SIGSTOP)
            primary.ask("ACL", "SETUSER", "default", "off")
            with _router_client(primary) as client:
                client.execute_command("CLIENT", "KILL", "USER", "default")


def _bring_back(setup: SentinelSetup, fault: Fault, primary: RedisServer) -> None:
    match fault:
        case Fault.KILL:
            primary.start()
        case Fault.STOP:
            primary.signal(signal.SIGCONT)
        case Fault.PLANNED:
            pass
        case Fault.PARTITION:
            with _router_client(primary) as client:
                client.execute_command("ACL", "SETUSER", "default", "on")
            setup.sentinels[0].signal(signal.SIGCONT)


def _url(fault: Fault, setup: SentinelSetup) -> str:
    if fault is not Fault.PARTITION:
        return f"{setup.url.reveal()}?client_name={_CLIENT}"
    for server in setup.servers:
        server.ask("ACL", "SETUSER", _CLIENT, "on", f">{_CLIENT}", "~*", "&*", "+@all")
    return f"redis+sentinel://{_CLIENT}:{_CLIENT}@{setup.sentinels[0].address}/{SERVICE}"


def _router_client(server: RedisServer) -> "Redis[Any]":
    return Redis(port=server.port, username=_CLIENT, password=_CLIENT)


async def _has_successor(setup: SentinelSetup, former: RedisServer) -> bool:
    ports = await asyncio.to_thread(lambda: {each.primary_port() for each in setup.sentinels})
    return len(ports) == 1 and former.port not in ports


async def _is_replica(server: RedisServer) -> bool:
    def role() -> str:
        try:
            with server.client() as client:
                return str(client.info("replication")["role"])
        except RedisError:  # a sentinel ends the connections of a server that it demotes
            return ""

    return await asyncio.to_thread(role) == "slave"


async def _drained(load: SteadyLoad, tally: Tally) -> float:
    """Return when all had arrived, or when nothing more has arrived for a while."""
    last, at = -1, time.monotonic()
    while load.accepted.keys() - tally.arrived.keys() and time.monotonic() - at < 15:
        if len(tally.arrived) > last:
            last, at = len(tally.arrived), time.monotonic()
        await asyncio.sleep(0.1)
    return at


def _longest_gap(load: SteadyLoad, failed_at: float) -> float:
    moments = sorted(each for each in load.accepted.values() if each > failed_at - 1)
    return max((later - one for one, later in itertools.pairwise(moments)), default=0.0)
