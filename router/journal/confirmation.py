"""The confirmation of a commit by replicas or disks, before its events are acknowledged.

Redis acknowledges a write before its replicas have it, and with ``appendfsync everysec`` before it is
on disk. ``WAIT`` and ``WAITAOF`` wait for the writes of their connection until then. They follow the
commit in the same round trip; without them, nothing is sent and nothing costs more.

Sources: redis.io, commands WAIT and WAITAOF (Redis 7.2).
"""

from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from router.journal.connection import unavailable
from router.journal.redis_adapter import Command

CONFIRMATION_SHARE: Final = 0.75
"""Share of a commit's deadline for which it is waited; the rest is for the round trip."""
_OUT_OF_TIME: Final = "ROUTER_COMMIT_TIMEOUT of 2s or more"
_UNKNOWN: Final = "unknown command"


class Confirmation(msgspec.Struct, frozen=True):
    """The replicas and disks that must have a commit before it is acknowledged.

    The default waits for nothing.
    """

    replicas: int = 0
    """How many replicas."""
    fsync: bool = False
    """Whether it must be on disk, in the primary and in these replicas."""
    timeout_ms: int = 0
    """How long to wait."""

    @property
    def commands(self) -> tuple[Command, ...]:
        """The command that follows each write; none if there is nothing to wait for."""
        if self.fsync:
            return (("WAITAOF", 1, self.replicas, self.timeout_ms),)
        return (("WAIT", self.replicas, self.timeout_ms),) if self.replicas else ()

    def shortfall(self, reply: Any) -> str:
        """Return why a reply to the command confirms too little; ``""`` if it confirms the write."""
        if isinstance(reply, RedisError):
            if _UNKNOWN in str(reply):
                return (
                    "ROUTER_ACCEPT_FSYNC is wait, and this Redis has no WAITAOF; use 7.2 or later"
                )
            return str(unavailable(reply))
        disks, replicas = reply if self.fsync else (1, reply)
        if not disks:
            return (
                f"Redis did not write to disk within {self.timeout_ms} ms; ROUTER_ACCEPT_FSYNC=wait"
                f" with appendfsync everysec needs a {_OUT_OF_TIME}"
            )
        if replicas < self.replicas:
            return (
                f"{replicas} of {self.replicas} replicas have confirmed within {self.timeout_ms} ms;"
                " bring the replicas back, or lower ROUTER_ACCEPT_REPLICAS"
            )
        return ""


NO_CONFIRMATION: Final = Confirmation()
