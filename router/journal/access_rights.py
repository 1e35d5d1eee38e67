"""The rights that the router needs of Redis: the least that an ACL may give its user.

``RIGHTS`` is the one list. The rule of ``deploy/redis/users.acl`` and the one in docs/operate/redis.md are
made of it, each check of Redis compares the user's rights with it (``store_check``), and the suite passes as
a user that has these rights and no others (``make test-acl``).

A pattern subscription needs its own pattern word by word: ``&router:*`` does not permit PSUBSCRIBE
``router:wake:*``.

Source: redis.io, "ACL". Redis 7.0 rejects a rule that names a command of 7.2.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

import msgspec

from router.journal import keys
from router.journal.arq_adapter import ARQ

OLDEST: Final = (7, 0)
"""The oldest version of Redis that the router supports."""
_WAITS_FOR_DISKS: Final = (7, 2)
"""The version of WAITAOF and of CLIENT SETINFO."""


class RightKind(Enum):
    """The kinds of rights: commands, patterns of keys, patterns of channels."""

    COMMAND = "+"
    KEYS = "~"
    CHANNELS = "&"


class AccessRight(msgspec.Struct, frozen=True, kw_only=True):
    """One right of a Redis user."""

    kind: RightKind = RightKind.COMMAND
    name: str
    """A command, with ``|`` before its subcommand, or a pattern of keys or of channels."""
    needed_for: str
    option: str = ""
    """The setting or option without which the right is not used; ``""`` if it always is."""
    since: tuple[int, int] = OLDEST
    """The version of Redis that has the command first."""

    @property
    def grant(self) -> str:
        """The fragment of an ACL rule that gives the right."""
        return f"{self.kind.value}{self.name.lower()}"


def _commands(needed_for: str, names: str) -> Iterable[AccessRight]:
    return (AccessRight(name=name, needed_for=needed_for) for name in names.split())


_KEYS: Final = tuple(
    AccessRight(kind=RightKind.KEYS, name=pattern, needed_for=needed_for)
    for pattern, needed_for in (
        ("router:*", "the journal"),
        (f"{ARQ.job_prefix}*", "the records of jobs"),
        (f"{ARQ.lease_prefix}*", "the leases of jobs"),
        (f"{ARQ.starts_prefix}*", "the counts of starts of jobs"),
    )
)
_CHANNELS: Final = tuple(
    AccessRight(kind=RightKind.CHANNELS, name=pattern, needed_for=needed_for)
    for pattern, needed_for in (
        (keys.WAKE_PATTERN, "waking the workers of a queue"),
        (keys.SILENCES_CHANGED, "using a new silence at once"),
    )
)
_COMMANDS: Final = (
    *_commands("running the scripts, each a transaction", "EVAL EVALSHA"),
    *_commands("other transactions", "MULTI EXEC"),
    *_commands("the time that all processes share", "TIME"),
    *_commands("the memory and the durability of Redis", "INFO"),
    *_commands(
        "waking workers, and using new silences at once", "PUBLISH SUBSCRIBE PSUBSCRIBE PING"
    ),
    *_commands("deleting keys, and letting them expire", "DEL UNLINK EXPIRE PEXPIRE PTTL"),
    *_commands("setting aside what cannot be read", "TYPE RENAME DUMP"),
    *_commands("whether work is open", "EXISTS"),
    *_commands("jobs, leases, epoch and clock", "GET SET PSETEX INCR DECR"),
    *_commands("the digests of a batch, and counts over time", "APPEND MGET BITFIELD"),
    *_commands("batches and history", "RPUSH RPUSHX LRANGE LREM LSET LTRIM"),
    *_commands("the requests that sources refused", "LPUSH"),
    *_commands("the claims on events, and inhibited alerts", "SADD SISMEMBER SPOP SUNIONSTORE"),
    *_commands(
        "the ledger, deliveries, alerts and state of rules",
        "HSET HSETNX HGET HMGET HGETALL HDEL HEXISTS HINCRBY HKEYS HLEN HSCAN HSTRLEN HVALS",
    ),
    *_commands("due times after the clock was set back", "HRANDFIELD"),
    *_commands(
        "queues, open work, timers and windows",
        "ZADD ZCARD ZCOUNT ZMSCORE ZRANGE ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE"
        " ZREVRANGE ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE",
    ),
    *_commands("the audit trail", "XADD XREVRANGE"),
    AccessRight(
        name="WAIT", needed_for="replicas that confirm a commit", option="ROUTER_ACCEPT_REPLICAS"
    ),
    AccessRight(
        name="WAITAOF",
        needed_for="disks that confirm a commit",
        option="ROUTER_ACCEPT_FSYNC",
        since=_WAITS_FOR_DISKS,
    ),
    AccessRight(
        name="SELECT",
        needed_for="a database other than 0",
        option="the database in ROUTER_REDIS_URL",
    ),
    AccessRight(
        name="CLIENT|SETNAME",
        needed_for="the name of the connections",
        option="client_name in ROUTER_REDIS_URL",
    ),
    AccessRight(
        name="CLIENT|SETINFO",
        needed_for="CLIENT LIST, which then shows the version of redis-py",
        option="redis-py",
        since=_WAITS_FOR_DISKS,
    ),
)
RIGHTS: Final = (*_KEYS, *_CHANNELS, *_COMMANDS)
"""All rights, in the order of the rule."""
ACCEPT_COMMANDS: Final = frozenset(
    {"APPEND", "EXPIRE", "HINCRBY", "HMGET", "HSET", "PUBLISH", "RPUSH", "RPUSHX", "SET", "ZADD"}
)
"""The commands that ``accept.lua`` runs."""
INGRESS_RIGHTS: Final = tuple(
    right
    for right in RIGHTS
    if right in _KEYS or right.name in ACCEPT_COMMANDS | {keys.WAKE_PATTERN}
)
"""The rights of a process that accepts events and does nothing else."""
WORKER_RIGHTS: Final = tuple(right for right in RIGHTS if not right.option)
"""The rights of a worker, whatever its settings."""


def acl_rule(version: tuple[int, int] = OLDEST) -> str:
    """Return the rule of a user with these rights and no others, for ``ACL SETUSER`` and an ACL file.

    ``version`` is that of Redis; a later one has commands that an older one rejects.
    """
    patterns = {kind: [right.grant for right in RIGHTS if right.kind is kind] for kind in RightKind}
    commands = [
        right.grant
        for right in RIGHTS
        if right.kind is RightKind.COMMAND and right.since <= version
    ]
    return " ".join(
        (
            *("resetkeys", *patterns[RightKind.KEYS]),
            *("resetchannels", *patterns[RightKind.CHANNELS]),
            *("-@all", *commands),
        )
    )


def grants(rights: Iterable[AccessRight]) -> str:
    """Return the fragment of an ACL rule that gives several rights."""
    return " ".join(right.grant for right in rights)


class RightProbe(msgspec.Struct, frozen=True):
    """A command by which Redis shows whether a user has a right. It is not run."""

    right: AccessRight
    command: tuple[str, ...]


_PROBED_KEY: Final = "router:probe"
_NEED_A_KEY: Final = frozenset({"BITFIELD", "SET"})
"""Commands that read or write, depending on their arguments: Redis takes one without a key as denied."""


def probes_of(rights: Sequence[AccessRight]) -> tuple[RightProbe, ...]:
    """Return the probes of rights. Commands have no arguments, so that nothing else is compared."""
    names = {right.name for right in rights}
    return tuple(
        RightProbe(right, command)
        for right in rights
        for command in _commands_of(right)
        # A process that may do without the command needs the pattern for the others only.
        if right.kind is not RightKind.CHANNELS or command[0] in names
    )


def _commands_of(right: AccessRight) -> tuple[tuple[str, ...], ...]:
    match right.kind:
        case RightKind.COMMAND if right.name in _NEED_A_KEY:
            return ((right.name, _PROBED_KEY),)
        case RightKind.COMMAND:
            return (tuple(right.name.split("|")),)
        case RightKind.KEYS:  # both, because a rule may permit either reads or writes
            key = right.name.replace("*", "probe")
            return ("HGET", key, ""), ("HSET", key, "", "")
        case RightKind.CHANNELS:
            subscribe = "PSUBSCRIBE" if right.name.endswith("*") else "SUBSCRIBE"
            return ("PUBLISH", right.name, ""), (subscribe, right.name)


def missing(probes: Sequence[RightProbe], denied: Iterable[int]) -> tuple[AccessRight, ...]:
    """Return the rights that a user lacks, in the order of the probes.

    A pattern is not missing if the command that probes it is, and the reverse: only the one that is
    certain is.

    Args:
        probes: The probes of which Redis was asked.
        denied: The positions, from 0, of those that it denied.
    """
    failed = [probes[position] for position in denied]
    commands = {probe.right.name for probe in failed if probe.right.kind is RightKind.COMMAND}
    keys_denied = any(
        probe.right.kind is RightKind.KEYS and probe.command[1] == _PROBED_KEY for probe in failed
    )
    found = [
        probe.right
        for probe in failed
        if (
            not (keys_denied and probe.right.name in _NEED_A_KEY)
            if probe.right.kind is RightKind.COMMAND
            else probe.command[0] not in commands
        )
    ]
    return tuple(dict.fromkeys(found))
