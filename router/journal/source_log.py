"""The requests to each source: how many came to what, and why the latest ones were refused.

Each process adds what it has counted about once a second (``router/ingress/source_record.py``), so that
any process can show the sums. Nothing depends on what is stored here, and no count is part of the
ledger: a process that is killed loses the last second.

Names of sources come from the configuration, never from a request. What is known of a source expires
``LASTS_SECONDS`` after the last request to it, so that nothing stays of one that was removed.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import msgspec

from router.clock import Clock
from router.errors import RecordError
from router.journal import source_keys
from router.journal.connection import Connection
from router.journal.records import RecordReader, version_of_map
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import report

REFUSALS_LIMIT: Final = 100
"""Refusals of a source that are stored: the newest ones."""
LASTS_SECONDS: Final = 30 * 86_400
"""How long counts and refusals are stored after the last request."""
_OUT_OF_ORDER: Final = 20
"""Further refusals that are read to find the newest ones: processes add theirs in any order."""
_WRITER_SECONDS: Final = 900
"""How long the number of a process's last addition is kept: longer than it may repeat one."""


class RefusedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was refused. No text has a secret or a signature."""

    at: float
    """Unix time in seconds."""
    status: int
    code: str
    """The stable word of the response."""
    reason: str
    """The sentence of the response."""
    hint: str = ""
    """A sentence for operators: what is probably wrong, and what to change."""
    client: str = ""
    """The address of the sender, behind the trusted proxies."""
    path: str = ""
    """The path without its query, which may have a token."""
    method: str = ""
    version: Annotated[int, msgspec.Meta(lt=200)] = 100
    """See ``router.journal.records``."""


class SourceAddition(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a source in one process since its last addition."""

    source: str
    number: int
    """Counts the additions of the process, from 1."""
    accepted: int = 0
    quarantined: int = 0
    skipped: int = 0
    refused: int = 0
    accepted_at: float = 0.0
    """Unix time of the last request that was accepted; 0 if there was none."""
    refused_at: float = 0.0
    refusals: Sequence[RefusedRequest] = ()
    """The latest ones, the oldest first; at most ``REFUSALS_LIMIT``."""


class SourceCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a source in all processes."""

    accepted: int = 0
    """Events."""
    quarantined: int = 0
    """Items of requests that became no events, and are in quarantine."""
    skipped: int = 0
    """Items that the source's ``skip`` or ``replies`` left out."""
    refused: int = 0
    """Requests."""
    since: float | None = None
    """Unix time of the first of them; None if there is none."""
    last_accepted_at: float | None = None
    """Unix time of the last request that was accepted."""
    last_refused_at: float | None = None


_encode = msgspec.msgpack.encode
_reader = RecordReader(
    "refused request", msgspec.msgpack.Decoder(RefusedRequest).decode, version=version_of_map
)
_COUNTS: Final = ("accepted", "quarantined", "skipped", "refused")
_TIMES: Final = ("since", "accepted_at", "refused_at")


class SourceLog:
    """The counts and refusals of all processes. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._set_ms = clock.journal_ms

    async def add(self, process: str, additions: Sequence[SourceAddition]) -> None:
        """Add what a process has counted. Idempotent.

        Args:
            process: The id of the process.
            additions: Those that may not have been added, one for each source.
        """
        await self._connection.run_all([self._call(process, each) for each in additions])

    async def counts(self, sources: Iterable[str]) -> dict[str, SourceCounts]:
        """Return the counts of sources; zeros for one without requests."""
        names = list(sources)
        pipeline = self._connection.redis.pipeline(transaction=False)
        for name in names:
            pipeline.hmget(source_keys.source_counts(name), *_COUNTS, *_TIMES)
        # An error reply is a key of another type.
        replies = await self._connection.ask(pipeline.execute(raise_on_error=False))
        return {name: _counts(reply) for name, reply in zip(names, replies, strict=True)}

    async def refusals(
        self, sources: Iterable[str], *, limit: int = REFUSALS_LIMIT
    ) -> dict[str, list[RefusedRequest]]:
        """Return up to ``limit`` of the latest refusals of sources, newest first."""
        names = list(sources)
        pipeline = self._connection.redis.pipeline(transaction=False)
        for name in names:
            pipeline.lrange(source_keys.source_refusals(name), 0, limit + _OUT_OF_ORDER - 1)
        replies = await self._connection.ask(pipeline.execute(raise_on_error=False))
        return {
            name: _refusals(name, reply)[:limit] for name, reply in zip(names, replies, strict=True)
        }

    def _call(self, process: str, addition: SourceAddition) -> Any:
        return _ADD_SOURCE(
            _AddSourceKeys(
                source_keys.source_writer(process),
                source_keys.source_counts(addition.source),
                source_keys.source_refusals(addition.source),
            ),
            _AddSourceArguments(
                source=addition.source,
                number=addition.number,
                accepted=addition.accepted,
                quarantined=addition.quarantined,
                skipped=addition.skipped,
                refused=addition.refused,
                accepted_ms=int(addition.accepted_at * 1000),
                refused_ms=int(addition.refused_at * 1000),
                refusals=[binary(_encode(each)) for each in addition.refusals],
                limit=REFUSALS_LIMIT,
                lasts_seconds=LASTS_SECONDS,
                writer_seconds=_WRITER_SECONDS,
                set_ms=self._set_ms(),
            ),
        )


def _counts(reply: object) -> SourceCounts:
    if not isinstance(reply, list):
        return SourceCounts()
    numbers = [int(each) if each is not None and each.isdigit() else 0 for each in reply]
    since, accepted_at, refused_at = (ms / 1000 or None for ms in numbers[len(_COUNTS) :])
    return SourceCounts(
        **dict(zip(_COUNTS, numbers, strict=False)),
        since=since,
        last_accepted_at=accepted_at,
        last_refused_at=refused_at,
    )


def _refusals(source: str, reply: object) -> list[RefusedRequest]:
    """Return the refusals of a list, newest first; one that cannot be read is left out and reported."""
    found = []
    for record in reply if isinstance(reply, list) else ():
        try:
            found.append(_reader.read(record))
        except RecordError as error:
            report("refused request", source, str(error))
    # Each process adds its own once a second, so that the list is out of order by as much.
    return sorted(found, key=lambda each: each.at, reverse=True)


class _AddSourceKeys(ScriptKeys, frozen=True):
    writer: str
    counts: str
    refusals: str


class _AddSourceArguments(PackedArguments, frozen=True):
    source: str
    number: int
    accepted: int
    quarantined: int
    skipped: int
    refused: int
    accepted_ms: int
    refused_ms: int
    refusals: list[msgspec.Raw]
    limit: int
    lasts_seconds: int
    writer_seconds: int
    set_ms: int


_ADD_SOURCE: Final = Script("add_source", _AddSourceKeys, _AddSourceArguments)
