"""arq's jobs as the journal writes them: a job has no arguments, its id names the work.

arq's ``enqueue_job`` returns None both for a duplicate and for a lost connection, and gives the job
a TTL. The journal's transactions therefore write arq's two keys themselves, in arq's format.
"""

from typing import Final

import msgspec

from router.journal.arq_adapter import ARQ

EVALUATE: Final = "evaluate"
DELIVER: Final = "deliver"
TIMER: Final = "timer"
"""The names of the functions in a job's record. A rename would drop the jobs of a fleet during a
rolling upgrade."""


class _Record(msgspec.Struct, frozen=True):
    f: str
    """The function."""
    a: tuple[()]
    """Its positional arguments: none."""
    k: dict[str, msgspec.Raw]
    """Its keyword arguments."""


_decode: Final = msgspec.msgpack.Decoder(_Record).decode


def is_job_for(record: bytes, function: str) -> bool:
    """Return whether a job's record says to run ``function`` without arguments.

    False for a record in another format (pickle, for example) and for an empty one. Nothing in a
    record is ever executed.
    """
    try:
        job = _decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return job.f == function and not job.k


def payload(function: str, now_ms: int) -> bytes:
    """Return the record of a job that runs ``function``; the bytes do not depend on the job's id."""
    return ARQ.serialize_job(function, (), {}, None, now_ms, serializer=msgspec.msgpack.encode)
