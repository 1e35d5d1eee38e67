"""The version of the Redis schema, and the types of its keys: checked at start and by each sweep.

A version has the form of a record's version (``router.journal.records``): its hundreds change if an
older router must not work on the same Redis. A router refuses to start on a Redis that one of later
hundreds has written to. What a running router of older hundreds meets is set aside record by record.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

from router.errors import ConfigurationError, JournalUnavailableError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, PlainArguments, Script, ScriptKeys
from router.journal.unreadable import report

logger = logging.getLogger(__name__)

VERSION: Final = 100
"""The version of the schema in ``router.journal.keys``."""
_RETRY_SECONDS: Final = 5.0
_KEPT_SECONDS: Final = 7 * 86_400
"""How long a key that was moved aside is stored."""
_TYPES: Final = (
    (keys.UNREADABLE, "hash"),  # the first, because the others are counted in it
    (keys.UNREADABLE_LEDGER, "hash"),
    (keys.LEDGER, "hash"),
    (keys.BATCHES, "zset"),
    (keys.TIMERS, "zset"),
    (keys.EVALUATE_QUEUE, "zset"),
    (keys.TIMER_QUEUE, "zset"),
    (keys.filling(keys.EVALUATE_QUEUE), "hash"),
    (keys.QUARANTINE, "hash"),
    (keys.QUARANTINE_INDEX, "zset"),
    (keys.TWILIO_TESTS, "zset"),
    (keys.RULES_IN_USE, "zset"),
    (keys.ORPHANED, "hash"),
    (keys.UNKNOWN_RULES, "hash"),
    (keys.PAUSES, "hash"),
    (keys.KEYED_ALERTS, "zset"),
    (keys.LOOKS, "zset"),
    (keys.ALERT_COUNTS, "hash"),
    (keys.SWEEP, "string"),
    (keys.ACKNOWLEDGEMENT_RECEIVERS, "zset"),
    (keys.AUDIT, "stream"),
    (keys.AUDIT_OTHERS, "stream"),
    (keys.SILENCES, "hash"),
    (keys.SILENCE_ENDS, "zset"),
    (keys.LANE_AGES, "zset"),
    (keys.SHOWN_AGES, "zset"),
    (keys.LATEST_NUMBER, "string"),
    (keys.CLOCK, "string"),
    (keys.CLOCK_MOVES, "hash"),
    (keys.EPOCH, "string"),
    (keys.PROBE, "string"),
    (keys.STREAMS, "hash"),
    (keys.HISTORY, "hash"),
    (keys.HISTORY_SEGMENTS, "zset"),
)


async def check_version(connection: Connection) -> None:
    """Record the version of this router's schema.

    Raises:
        ConfigurationError: A router of a later, incompatible version has written to this Redis.
        JournalUnavailableError: Redis did not answer in time.
    """
    found = await connection.run(
        _CHECK_SCHEMA(_CheckSchemaKeys(keys.SCHEMA), _CheckSchemaArguments(VERSION))
    )
    problem = version_problem(found)
    if problem:
        raise ConfigurationError(problem)


async def stored_version(connection: Connection) -> int | None:
    """Return the version of the schema of what is stored; None if nothing is, or it is no version.

    Raises JournalUnavailableError.
    """
    text: bytes | None = await connection.ask(connection.redis.get(keys.SCHEMA))
    return int(text) if text is not None and text.isdigit() else None


def version_problem(found: int) -> str:
    """Return why a router of this version does not work on a schema; ``""`` if it does (pure)."""
    if found // 100 <= VERSION // 100:
        return ""
    return (
        f"this Redis was written by a newer router (schema {found}, this router has {VERSION}):"
        " start that version, or go back as docs/operate/upgrading.md describes"
    )


async def check_version_later(connection: Connection) -> NoReturn:
    """Check the version once Redis is available, if it was not at start; then wait for ever.

    Raises ConfigurationError as ``check_version``.
    """
    while True:
        try:
            await check_version(connection)
            break
        except JournalUnavailableError:
            await asyncio.sleep(_RETRY_SECONDS)
    await asyncio.Event().wait()
    raise AssertionError("nothing sets the event above")


async def check_types(connection: Connection, destinations: Iterable[str]) -> int:
    """Move keys of the schema that have another type aside; return how many.

    Raises JournalUnavailableError.
    """
    expected = [*_TYPES, *(each for name in destinations for each in _of_destination(name))]
    moved: list[bytes] = await connection.run(
        _CHECK_TYPES(
            _CheckTypesKeys(tuple(key for key, _ in expected)),
            _CheckTypesArguments(
                types=[kind for _, kind in expected],
                prefix=keys.UNREADABLE_KEY,
                counts=keys.UNREADABLE,
                seconds=_KEPT_SECONDS,
            ),
        )
    )
    for name, kind in zip(moved[::2], moved[1::2], strict=True):
        report("key", name.decode(), f"it was a {kind.decode()}; moved to {keys.UNREADABLE_KEY}…")
    return len(moved) // 2


def _of_destination(name: str) -> Iterator[tuple[str, str]]:
    queue = keys.deliver_queue(name)
    yield queue, "zset"
    yield keys.filling(queue), "hash"
    yield keys.open_sets(name), "zset"
    yield keys.dead_letters(name), "hash"
    yield keys.dead_letter_index(name), "zset"
    yield keys.rate(name), "string"
    yield keys.lanes(name), "zset"
    yield keys.waiting_deliveries(name), "hash"


class _CheckSchemaKeys(ScriptKeys, frozen=True):
    schema: str


class _CheckSchemaArguments(PlainArguments, frozen=True):
    version: int


class _CheckTypesKeys(ScriptKeys, frozen=True):
    names: tuple[str, ...]


class _CheckTypesArguments(PackedArguments, frozen=True):
    types: list[str]
    prefix: str
    counts: str
    seconds: int


_CHECK_SCHEMA: Final = Script("check_schema", _CheckSchemaKeys, _CheckSchemaArguments)
_CHECK_TYPES: Final = Script("check_types", _CheckTypesKeys, _CheckTypesArguments)
