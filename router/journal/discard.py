"""Deletes indexed records by hand and counts them, in one transaction: dead letters, quarantine."""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.journal import keys
from router.journal.connection import Connection
from router.journal.pagination import IndexedRecords
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import bytes_of


async def discard(
    connection: Connection,
    stored: IndexedRecords,
    members: Sequence[str],
    *,
    increased: str,
    decreased: str | None = None,
) -> int:
    """Delete members. Idempotent.

    Args:
        connection: To Redis.
        stored: Where the members are stored.
        members: The members to delete.
        increased: The ledger's field that counts them from now on.
        decreased: The ledger's field that counted them until now; None if there is none.

    Returns:
        How many members still existed.

    Raises:
        JournalUnavailableError: They may or may not be deleted.
    """
    call = _DISCARD(
        _DiscardKeys(stored.records, stored.index, keys.LEDGER),
        _DiscardArguments([binary(bytes_of(each)) for each in members], increased, decreased),
    )
    return int(await connection.run(call))


class _DiscardKeys(ScriptKeys, frozen=True):
    records: str
    index: str
    ledger: str


class _DiscardArguments(PackedArguments, frozen=True):
    members: list[msgspec.Raw]
    increased: str
    decreased: str | None


_DISCARD: Final = Script("discard", _DiscardKeys, _DiscardArguments)
