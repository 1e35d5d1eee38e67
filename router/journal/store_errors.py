"""The error replies by which Redis says that it takes no commands, or no writes, for now.

Each has a code, the first word of the reply. Most of them mean that this connection leads to a
server that is not, or no longer, the primary of a replicated Redis: after a failover the former
primary may live on as a replica, and the connections to it stay open. Only a new connection follows
the virtual address or the name to the new primary. ``router.journal.connection`` therefore closes
all connections after such a reply.

Sources: redis.io "Redis replication", "ACL", "Key eviction"; ``shared`` in server.c of Redis 7.0.
"""

import re
from typing import Final

import msgspec
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
)

from router.journal.access_rights import RIGHTS, RightKind, grants


class StoreError(msgspec.Struct, frozen=True, kw_only=True):
    """One code of an error reply."""

    code: str
    reason: str
    """The state of Redis; the subject of the sentence is Redis."""
    advice: str
    """The operator's next step, an imperative."""
    reconnects: bool = True
    """Whether another connection may lead to a server without the fault."""
    is_setup: bool = False
    """Whether only an operator can end the state: with ``strict``, a process does not start."""
    is_url_wrong: bool = False
    """Whether ROUTER_REDIS_URL does not fit this Redis: a process never starts."""

    def __str__(self) -> str:
        answer = f"answers {self.code}: it " if self.code else ""
        return f"Redis {answer}{self.reason}; {self.advice}"


READONLY: Final = StoreError(
    code="READONLY",
    reason="is a replica, which takes no writes",
    advice="point ROUTER_REDIS_URL at the primary",
    is_setup=True,
)
NOPERM: Final = StoreError(
    code="NOPERM",
    reason="forbids the user of ROUTER_REDIS_URL a command, a key or a channel",
    advice="grant the user the rights of deploy/redis/users.acl, or what ACL LOG names",
    is_setup=True,
)
OOM: Final = StoreError(
    code="OOM",
    reason="uses more than its maxmemory",
    advice="raise maxmemory, or replay or discard dead letters",
    reconnects=False,
)
LOADING: Final = StoreError(
    code="LOADING",
    reason="is loading its data after a start",
    advice="wait until it has read its append-only file",
)
_NOAUTH: Final = StoreError(
    code="NOAUTH",
    reason="rejects the user or the password of ROUTER_REDIS_URL",
    advice="correct them: redis://user:password@host:6379/0",
    is_setup=True,
    is_url_wrong=True,
)
_NO_LOGIN: Final = msgspec.structs.replace(
    _NOAUTH,
    reason="asks for a password, and ROUTER_REDIS_URL has none",
    advice="write it: redis://user:password@host:6379/0, or redis://:password@host:6379/0",
)
_NO_DATABASE: Final = StoreError(
    code="DB index is out of range",
    reason="has no database of the number in ROUTER_REDIS_URL",
    advice="write one that it has, redis://host:6379/0, or raise its setting databases",
    reconnects=False,
    is_setup=True,
    is_url_wrong=True,
)
_MISCONF: Final = StoreError(
    code="MISCONF",
    reason="cannot write its data to disk",
    advice="make room on its disk or its folder writable, see its log",
)
_CLUSTER: Final = StoreError(
    code="MOVED",
    reason="is a node of a Redis Cluster, which the router does not support",
    advice="use one without cluster mode, with replicas and Sentinel (docs/operate/redis.md)",
    reconnects=False,
    is_setup=True,
    is_url_wrong=True,
)
CLUSTER_MODE: Final = msgspec.structs.replace(_CLUSTER, code="redis_mode:cluster")
"""The state of each node of a cluster, also of the only one, by INFO."""
_CLUSTER_DOWN: Final = msgspec.structs.replace(_CLUSTER, code="CLUSTERDOWN")
_MASTER_DOWN: Final = StoreError(
    code="MASTERDOWN",
    reason="is a replica that has lost its primary",
    advice="point ROUTER_REDIS_URL at the primary, or bring that back",
)
_OTHERS: Final = (
    _MISCONF,
    _CLUSTER,
    _CLUSTER_DOWN,
    msgspec.structs.replace(_CLUSTER, code="CROSSSLOT"),
    _MASTER_DOWN,
    _NO_DATABASE,
    StoreError(
        code="NOREPLICAS",
        reason="has fewer replicas than its min-replicas-to-write",
        advice="bring the replicas back, or lower min-replicas-to-write",
    ),
    StoreError(
        code="BUSY",
        reason="is running a script or a function that does not end",
        advice="wait, or end it: SCRIPT KILL, FUNCTION KILL",
        reconnects=False,
    ),
    StoreError(
        code="max number of clients reached",
        reason="has as many clients as its maxclients",
        advice="raise maxclients, or see which clients it has: CLIENT LIST",
        reconnects=False,
    ),
    StoreError(
        code="DENIED",
        reason="is in protected mode, and answers its own machine only",
        advice="give its default user a password, or bind it to an address that only the router reaches",
        reconnects=False,
        is_setup=True,
    ),
    StoreError(
        code="UNBLOCKED",
        reason="has become a replica",
        advice="wait until the new connections lead to the primary",
    ),
)
_BY_CODE: Final = {each.code: each for each in _OTHERS}
_CODE: Final = re.compile(rf"(?:^|caused error: \W*)(?:ERR )?({'|'.join(_BY_CODE)})\b")
"""At the start of a reply, or after the words that redis-py puts before one in a pipeline."""
_BY_CLASS: Final = (
    (ReadOnlyError, READONLY),
    (BusyLoadingError, LOADING),
    (NoPermissionError, NOPERM),
    (AuthenticationError, _NOAUTH),
    (OutOfMemoryError, OOM),
    (MasterDownError, _MASTER_DOWN),  # before its superclass
    (ClusterDownError, _CLUSTER_DOWN),
    (MovedError, _CLUSTER),
)
"""The codes that redis-py removes from the text, because it has classes for them.

redis-py 5.3 leaves the last three in the text, later versions do not.
"""
_ASKS_FOR_LOGIN: Final = "Authentication required"
_FORBIDDEN_IN_SCRIPT: Final = ("The user executing the script can't", "ACL failure in script")
"""A script that lacks a right gets these texts, without the code NOPERM: Redis 7.0, and later ones."""
_UNKNOWN_COMMAND: Final = re.compile(r"unknown command ['`]?([\w|.-]{1,60})|Unknown Redis command")
"""The rest of the reply is not shown: the arguments may be the password, or an event."""
_FORBIDDEN_COMMAND: Final = re.compile(r"permissions to run the '([\w|-]+)' command")
_SCRIPT_COMMANDS: Final = frozenset({"EVAL", "EVALSHA"})
_FORBIDDEN_PATTERNS: Final = (
    (re.compile(r"\bkeys?\b"), "a key", RightKind.KEYS),
    (re.compile(r"\bchannels?\b"), "a channel", RightKind.CHANNELS),
)


def store_error(error: BaseException) -> StoreError | None:
    """Return the state of Redis of which an error tells; None if it is about the command itself."""
    for kind, state in _BY_CLASS:
        if isinstance(error, kind):
            return _of_class(state, str(error))
    text = str(error)
    unknown = _UNKNOWN_COMMAND.search(text)
    if unknown is not None:
        return unknown_commands((unknown[1] or "").upper())
    if any(words in text for words in _FORBIDDEN_IN_SCRIPT):
        return _forbidden(text)
    found = _CODE.search(text)
    return None if found is None else _BY_CODE[found[1]]


def unknown_commands(names: str) -> StoreError:
    """Return the state of a Redis that does not know commands; ``""`` for one that a script runs."""
    return StoreError(
        code="",
        reason=f"has no command {names}" if names else "lacks a command that a script runs",
        advice="remove its rename-command, or use a Redis that has it",
        reconnects=False,
        is_setup=True,
    )


def _of_class(state: StoreError, text: str) -> StoreError:
    if state is NOPERM:
        return _forbidden(text)
    return _NO_LOGIN if state is _NOAUTH and _ASKS_FOR_LOGIN in text else state


def _forbidden(text: str) -> StoreError:
    """Return NOPERM with what Redis forbids, as far as its reply says it.

    Redis 7.0 names no command that a script lacks; the next check of Redis does (``store_check``).
    """
    command = _FORBIDDEN_COMMAND.search(text)
    if command is not None and command[1].upper() in _SCRIPT_COMMANDS:
        # The rights are compared by a script.
        return _forbidden_name(
            command[1].upper(), "+eval +evalsha, and what else deploy/redis/users.acl has"
        )
    if command is not None:
        return _forbidden_name(command[1].upper(), f"+{command[1].lower()}")
    for pattern, name, kind in _FORBIDDEN_PATTERNS:
        if pattern.search(text):
            return _forbidden_name(name, grants(right for right in RIGHTS if right.kind is kind))
    return NOPERM


def _forbidden_name(name: str, grant: str) -> StoreError:
    return msgspec.structs.replace(
        NOPERM,
        reason=f"forbids the user of ROUTER_REDIS_URL {name}",
        advice=f"grant the user {grant}",
    )


def reconnects(error: BaseException) -> bool:
    """Return whether the connections should be given up after an error.

    They also are after a missed deadline, because a server that has lost its network keeps its
    connections open and answers on none of them.
    """
    if isinstance(error, TimeoutError):
        return True
    state = store_error(error)
    return state is not None and state.reconnects


class ReconnectPace:
    """Limits how often the connections are given up, so that no state of Redis makes a stampede.

    The first time is at once. While the errors go on, the pause doubles up to ``_MAX_PAUSE``: that
    is how long a process may take to find the new primary. After ``_CALM`` without an error the
    next one is the first again.
    """

    _FIRST_PAUSE: Final = 0.125
    _MAX_PAUSE: Final = 2.0
    _CALM: Final = 10.0

    def __init__(self) -> None:
        self._pause = self._FIRST_PAUSE
        self._given_up_at = float("-inf")
        self._failed_at = float("-inf")

    def may_give_up(self, now: float) -> bool:
        """Return whether to give the connections up after an error at ``now``, in seconds."""
        if now - self._failed_at > self._CALM:
            self._pause = self._FIRST_PAUSE
            self._given_up_at = float("-inf")
        self._failed_at = now
        if now - self._given_up_at < self._pause:
            return False
        if self._given_up_at > float("-inf"):
            self._pause = min(self._MAX_PAUSE, self._pause * 2)
        self._given_up_at = now
        return True
