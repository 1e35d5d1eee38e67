"""Replies and events of sentinels, and the role of a server, as values.

A sentinel is asked two things. ``GET-MASTER-ADDR-BY-NAME`` names the primary; during a failover, and on
the sentinel that leads it, the replica that has been promoted already. ``MASTER`` has the epoch: the
number of the failover after which that server is the primary. An answer with a lower epoch than one
that is known comes from a sentinel that has not heard of the last failover.

In a failover by hand the former primary lives on: Redis 7.0 makes a replica of it ten seconds after
another server was promoted. It says that it is the primary until then, and what is written to it is
lost. Its role alone does not tell; the epoch, and the events that sentinels publish, do.

Sources: redis.io, "High availability with Redis Sentinel" and "Guidelines for Redis clients with
support for Redis Sentinel"; sentinel.c of Redis 7.0.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from router.journal.connection_faults import network_fault
from router.journal.tls_faults import tls_fault
from router.settings.sentinel_url import NodeAddress

SWITCHED: Final = "+switch-master"
FAILING_OVER: Final = "+failover-state-select-slave"
"""Published a tenth of a second before a replica is promoted."""
ABORTED: Final = "-failover-abort-"
EVENT_PATTERNS: Final = (SWITCHED, FAILING_OVER, f"{ABORTED}*")
_LONGEST_REASON: Final = 200
_UNKNOWN_SERVICE: Final = "No such master"


class NamedPrimary(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one sentinel."""

    sentinel: NodeAddress
    address: NodeAddress
    """The primary."""
    epoch: int = 0
    """The number of the failover that made it the primary; 0 if there was none."""
    is_down: bool = False
    """Whether the sentinel takes it as down."""
    is_failing_over: bool = False
    """Whether the sentinel leads a failover just now."""
    replicas: int = 0
    """Replicas that the sentinel knows, also those that are down."""
    sentinels: int = 1
    """Sentinels that it knows, itself included."""
    quorum: int = 0
    """Sentinels that must agree that the primary is down."""


class SentinelProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a sentinel named no primary."""

    reason: str
    """The sentinel is the subject."""
    advice: str = "start it, or correct its address in ROUTER_REDIS_URL"
    """An imperative."""
    is_url_wrong: bool = False
    """Whether ROUTER_REDIS_URL does not fit the sentinel."""


class NoPrimaryError(RedisConnectionError):
    """Raised when the sentinels name no primary that may be written to.

    Attributes:
        is_url_wrong: Whether all of them answered, and ROUTER_REDIS_URL fits none of them.
    """

    def __init__(self, text: str, *, is_url_wrong: bool = False) -> None:
        super().__init__(text)
        self.is_url_wrong = is_url_wrong


class PrimaryChangedError(RedisConnectionError):
    """Raised for a reply of a server that is no longer the primary, or is about to be replaced."""


class SwitchEvent(msgspec.Struct, frozen=True):
    """Another server is the primary from now on."""

    address: NodeAddress


class FailoverEvent(msgspec.Struct, frozen=True):
    """A failover has begun: a replica is about to be promoted."""


class AbortEvent(msgspec.Struct, frozen=True):
    """A failover was given up; the primary stays."""


SentinelEvent = SwitchEvent | FailoverEvent | AbortEvent


def read_answer(sentinel: NodeAddress, address: Any, state: Any) -> NamedPrimary:
    """Return a sentinel's answer from its replies to the two commands.

    Raises:
        ValueError: They are not as documented.
    """
    fields = _fields(state)
    try:
        host, port = list(map(_text, address))
        flags = set(fields["flags"].split(","))
        return NamedPrimary(
            sentinel=sentinel,
            address=NodeAddress(host, int(port)),
            epoch=int(fields["config-epoch"]),
            is_down=bool(flags & {"s_down", "o_down"}),
            is_failing_over="failover_in_progress" in flags,
            replicas=int(fields["num-slaves"]),
            sentinels=int(fields["num-other-sentinels"]) + 1,
            quorum=int(fields["quorum"]),
        )
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"answered {str(address)[:100]!r}, which names no primary") from None


def read_event(channel: bytes, data: bytes, service: str) -> SentinelEvent | None:
    """Return an event that a sentinel published; None if it is about another service.

    Their texts: ``<service> <old ip> <old port> <new ip> <new port>`` of a switch, and
    ``master <service> <ip> <port>`` of the others.
    """
    name, words = _text(channel), _text(data).split()
    if name == SWITCHED:
        if len(words) < 5 or words[0] != service or not words[4].isdecimal():
            return None
        return SwitchEvent(NodeAddress(words[3], int(words[4])))
    if words[:2] != ["master", service]:
        return None
    if name == FAILING_OVER:
        return FailoverEvent()
    return AbortEvent() if name.startswith(ABORTED) else None


def role_problem(info: Any) -> str:
    """Return why a server is not to be written to, from its ``INFO replication``; ``""`` if it is.

    INFO and not ROLE, because a user with the documented rights has the first one only.
    """
    lines = dict(each.partition(":")[::2] for each in _text(info).splitlines())
    role = lines.get("role", "")
    if role == "master":
        return ""
    return "is a replica" if role == "slave" else "did not say that it is the primary"


def sentinel_problem(error: BaseException) -> SentinelProblem:
    """Return why a sentinel named no primary, from the error that asking it ended with."""
    match error:
        case TimeoutError():
            return SentinelProblem(reason="did not answer in time")
        case AuthenticationError() | NoPermissionError():
            return _of_user(error)
        case ResponseError():
            return _of_reply(str(error))
        case RedisError() | OSError() | ValueError():
            return _of_connection(error)
        case _:
            raise TypeError(f"{type(error).__name__} is no answer of a sentinel")


def _of_user(error: RedisError) -> SentinelProblem:
    if isinstance(error, NoPermissionError):
        return SentinelProblem(
            reason="forbids its user a command",
            advice="grant the user +sentinel|get-master-addr-by-name +sentinel|master +psubscribe +ping and"
            " allchannels",
            is_url_wrong=True,
        )
    if "Authentication required" in str(error):
        return SentinelProblem(
            reason="asks for a password of its own",
            advice="write it in ROUTER_REDIS_URL: ?sentinel_password=…",
            is_url_wrong=True,
        )
    return SentinelProblem(
        reason="rejects sentinel_username or sentinel_password",
        advice="correct them in ROUTER_REDIS_URL, or leave them out if sentinels have no password",
        is_url_wrong=True,
    )


def _of_reply(text: str) -> SentinelProblem:
    if _UNKNOWN_SERVICE in text:
        return SentinelProblem(
            reason="monitors no such service",
            advice="correct the service in ROUTER_REDIS_URL: redis+sentinel://host/service/0",
            is_url_wrong=True,
        )
    if "unknown command" in text:
        return SentinelProblem(
            reason="is not a sentinel",
            advice="write the port of a sentinel, 26379 by default",
            is_url_wrong=True,
        )
    return SentinelProblem(reason=f"answered {text[:_LONGEST_REASON]!r}", advice="see its log")


def _of_connection(error: BaseException) -> SentinelProblem:
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
        return SentinelProblem(reason=str(error)[:_LONGEST_REASON], advice="see its log")
    fault = tls_fault(error) or network_fault(error, names_address=False)
    if fault is None:
        return SentinelProblem(reason=f"gave no answer ({type(error).__name__})")
    return SentinelProblem(reason=fault.reason, advice=fault.advice)


def no_primary(service: str, problems: Mapping[NodeAddress, SentinelProblem]) -> NoPrimaryError:
    """Return the error for sentinels of which none named a primary."""
    said = ", ".join(f"{address} {each.reason}" for address, each in problems.items())
    advice = {each.advice for each in problems.values()}
    step = advice.pop() if len(advice) == 1 else "start the sentinels, or correct ROUTER_REDIS_URL"
    return NoPrimaryError(
        f"no sentinel names the primary of {service!r}: {said}; {step}",
        is_url_wrong=bool(problems) and all(each.is_url_wrong for each in problems.values()),
    )


def no_primary_error(error: BaseException | None) -> NoPrimaryError | None:
    """Return the NoPrimaryError among the causes of an error; redis-py wraps it."""
    for _ in range(4):
        if error is None or isinstance(error, NoPrimaryError):
            return error
        error = error.__cause__
    return None


def newest(answers: Sequence[NamedPrimary]) -> NamedPrimary | None:
    """Return the answer with the highest epoch, the first of them; None if there is none."""
    return max(answers, key=lambda each: each.epoch, default=None)


def _fields(state: Any) -> dict[str, str]:
    """Return the fields of a reply that is a list of names and values, or a map (RESP3)."""
    if isinstance(state, Mapping):
        pairs = list(state.items())
    elif isinstance(state, Sequence):
        pairs = list(zip(state[::2], state[1::2], strict=False))
    else:
        pairs = []
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
