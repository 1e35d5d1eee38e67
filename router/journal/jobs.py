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


class _Record(msgspec.Struct, frozen=True):
    f: str
    """The function."""
    a: tuple[()]
    """Its arguments."""
    k: dict[str, msgspec.Raw]
    """Those that have a name."""


_decode: Final = msgspec.msgpack.Decoder(_Record).decode


def names(record: bytes, function: str) -> bool:
    """Whether arq's record of a job says to run ``function``, with nothing but the job's id.

    Not so a foreign one (pickle, say), of which nothing is ever executed, and one that is gone.
    """
    try:
        job = _decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return job.f == function and not job.k


def payload(function: str, now_ms: int) -> bytes:
    """The job that runs ``function``; the same bytes for every id."""
    return serialize_job(function, (), {}, None, now_ms, serializer=serialize)
