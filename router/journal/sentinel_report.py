"""A report on each sentinel: what it knows of the service, and whether it could fail over."""

import asyncio
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError, ResponseError

from router.datatypes import Secret
from router.journal.connection_faults import ConnectionFault
from router.journal.primary_locator import PrimaryLocator
from router.journal.second_connection import second_opinion
from router.journal.sentinel import SentinelProblem, sentinel_problem
from router.journal.sentinel_adapter import SentinelConnection
from router.settings.sentinel_url import NodeAddress, SentinelUrl, parse_sentinel_url

_SECONDS: Final = 2.0


class SentinelReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one sentinel of ROUTER_REDIS_URL."""

    address: str
    """Its host and port."""
    problem: str = ""
    """Why it names no primary, the sentinel being the subject; ``""`` if it does."""
    advice: str = ""
    """The next step for that, an imperative."""
    primary: str = ""
    """Host and port of the primary that it names; ``""`` if it names none."""
    epoch: int = 0
    """The number of the last failover that it knows."""
    is_down: bool = False
    """Whether it takes the primary as down."""
    is_failing_over: bool = False
    """Whether it leads a failover just now."""
    replicas: int = 0
    """Replicas that it knows, also those that are down."""
    sentinels: int = 0
    """Sentinels that it knows, itself included."""
    quorum: int = 0
    """Sentinels that must agree that the primary is down."""
    quorum_problem: str = ""
    """Why it could not fail over now (``CKQUORUM``); ``""`` if it could."""


async def report_sentinels(url: Secret) -> tuple[SentinelReport, ...]:
    """Ask each sentinel of a URL, all at once; each takes four seconds at most.

    Args:
        url: A ``redis+sentinel`` or ``rediss+sentinel`` URL.

    Raises:
        ValueError: It is another URL, or wrong.
    """
    parsed = parse_sentinel_url(url.reveal())
    locator = PrimaryLocator(parsed, ask_seconds=_SECONDS)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_report(locator, each)) for each in parsed.sentinels]
    return tuple(task.result() for task in tasks)


async def _report(locator: PrimaryLocator, sentinel: NodeAddress) -> SentinelReport:
    answer = await locator.ask(sentinel)
    if isinstance(answer, SentinelProblem):
        problem = await _seen_twice(locator.url, sentinel, answer)
        return SentinelReport(address=str(sentinel), problem=problem.reason, advice=problem.advice)
    return SentinelReport(
        address=str(sentinel),
        primary=str(answer.address),
        epoch=answer.epoch,
        is_down=answer.is_down,
        is_failing_over=answer.is_failing_over,
        replicas=answer.replicas,
        sentinels=answer.sentinels,
        quorum=answer.quorum,
        quorum_problem=await _quorum_problem(locator.url, sentinel),
    )


async def _seen_twice(
    url: SentinelUrl, sentinel: NodeAddress, problem: SentinelProblem
) -> SentinelProblem:
    """Return what a second connection finds, which knows TLS where none is expected, and the reverse."""
    if problem.is_url_wrong:
        return problem
    options: dict[str, Any] = {"host": sentinel.host, "port": sentinel.port, **url.tls_options}
    fault = await second_opinion(options, TimeoutError())
    if not isinstance(fault, ConnectionFault):
        return problem
    return SentinelProblem(reason=fault.reason, advice=fault.advice)


async def _quorum_problem(url: SentinelUrl, sentinel: NodeAddress) -> str:
    try:
        async with asyncio.timeout(_SECONDS), SentinelConnection(url, sentinel) as connection:
            await connection.ask([("SENTINEL", "CKQUORUM", url.service)])
    except ResponseError as error:
        return str(error)[:200]
    except (RedisError, OSError, TimeoutError) as error:
        return sentinel_problem(error).reason
    return ""
