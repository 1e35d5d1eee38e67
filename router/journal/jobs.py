"""arq's jobs as the journal writes them: a job carries nothing, its id names the work.

arq's own ``enqueue_job`` answers None both for a duplicate and for a connection that was lost, and
gives the job a TTL; so our transactions write arq's two keys themselves, in its own format.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from arq.jobs import serialize_job

EVALUATE: Final = "evaluate"
DELIVER: Final = "deliver"
TIMER: Final = "timer"
"""The functions arq knows. Renaming one would drop the jobs of a fleet in mid-deploy."""

serialize: Final[Callable[[dict[str, Any]], bytes]] = msgspec.msgpack.encode


def deserialize(data: bytes) -> dict[str, Any]:
    """Decode a job. A foreign one (pickle, say) raises, so that none of it is ever executed."""
    job: dict[str, Any] = msgspec.msgpack.decode(data, type=dict[str, Any])
    return job


def payload(function: str, now_ms: int) -> bytes:
    """The job that runs ``function``; the same bytes for every id."""
    return serialize_job(function, (), {}, None, now_ms, serializer=serialize)
