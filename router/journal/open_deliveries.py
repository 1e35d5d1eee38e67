"""Deliveries that have not ended, for those who look: in sets, in flight, or waiting in lanes."""

import enum
from collections.abc import Sequence
from typing import Final

import msgspec

from router.alerts import Delivery
from router.errors import RecordError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keys import SetId
from router.journal.pagination import PageCursor, TimeRange, following, index_page
from router.journal.script import PackedArguments, Script, ScriptKeys
from router.journal.stored_alerts import ReferenceRecord, StoredAlerts, decode_delivery

_SETS_SEARCHED: Final = 500
_SETS_LIMIT: Final = 20_000
"""Sets that are searched for one delivery."""
_SET_SHOWN: Final = 100
"""Deliveries of a set that a page shows; only that of a digest may have more."""
_LANES: Final = "lanes-"


class OpenState(enum.StrEnum):
    """The place of a delivery that has not ended."""

    WAITING = "waiting"
    """It is attempted when it is due."""
    IN_FLIGHT = "in flight"
    """A worker has it."""
    BEHIND = "behind another"
    """An earlier delivery of its alert key has to end before."""


class OpenDelivery(msgspec.Struct, frozen=True):
    """A delivery that has not ended."""

    delivery: Delivery
    due_at: float
    """Unix time in seconds of its next attempt; 0 if that is not known."""
    state: OpenState


class OpenPage(msgspec.Struct, frozen=True):
    """Deliveries that have not ended, those that are due first first."""

    items: tuple[OpenDelivery, ...]
    after: str
    """The cursor of the next page; ``""`` at the end. A page may be empty."""


class OpenDeliveries:
    """Reads deliveries that have not ended. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._alerts = StoredAlerts(connection)

    async def page(self, destination: str, after: str = "", *, limit: int) -> OpenPage:
        """Return the deliveries of about ``limit`` sets, or of as many lanes after the sets.

        Args:
            destination: Their destination.
            after: The cursor of the page before; ``""`` for the first one.
            limit: Sets or waiting deliveries at most.

        Raises:
            ValueError: ``after`` is no cursor.
        """
        if after.startswith(_LANES):
            return await self._waiting(destination, after.removeprefix(_LANES), limit)
        found = await index_page(
            self._connection,
            keys.open_sets(destination),
            TimeRange(),
            PageCursor.parse(after) if after else None,
            count=limit,
            newest_first=False,
        )
        items: list[OpenDelivery] = []
        for member in found:
            items += await self._of_set(SetId(member.member), member.at_ms / 1000)
        cursor = following(found, len(found), limit)
        return OpenPage(tuple(items), str(cursor) if cursor else f"{_LANES}0")

    async def find(self, destination: str, delivery_id: str) -> OpenDelivery | None:
        """Return the delivery with an id; None if it has ended, or never was."""
        start = 0
        while start < _SETS_LIMIT:
            record, set_id, due_ms, searched = await self._connection.run(
                _FIND_OPEN(
                    _FindOpenKeys(
                        keys.open_sets(destination), keys.waiting_deliveries(destination)
                    ),
                    _FindOpenArguments(
                        delivery_id=delivery_id,
                        start=start,
                        count=_SETS_SEARCHED,
                        set_prefix=keys.delivery_set(SetId("")),
                    ),
                )
            )
            if record:
                name = SetId(set_id.decode())
                state = await self._state(name) if name else OpenState.BEHIND
                return next(iter(await self._decoded([record], float(due_ms) / 1000, state)), None)
            if searched < _SETS_SEARCHED:
                return None
            start += _SETS_SEARCHED
        return None

    async def _of_set(self, set_id: SetId, due_at: float) -> list[OpenDelivery]:
        redis = self._connection.redis
        _, records = await self._connection.ask(
            redis.hscan(keys.delivery_set(set_id), 0, count=_SET_SHOWN)
        )
        shown = list(records.values())[:_SET_SHOWN]
        return await self._decoded(shown, due_at, await self._state(set_id)) if shown else []

    async def _waiting(self, destination: str, after: str, limit: int) -> OpenPage:
        if not (after.isascii() and after.isdigit()):
            raise ValueError(f"{after[:60]!r} is not a cursor: use the one of the previous page")
        following_cursor, records = await self._connection.ask(
            self._connection.redis.hscan(keys.waiting_deliveries(destination), after, count=limit)
        )
        items = await self._decoded(list(records.values()), 0.0, OpenState.BEHIND)
        cursor = f"{_LANES}{following_cursor}" if int(following_cursor) else ""
        return OpenPage(tuple(items), cursor)

    async def _state(self, set_id: SetId) -> OpenState:
        redis = self._connection.redis
        has_lease = await self._connection.ask(redis.exists(keys.lease(set_id)))
        return OpenState.IN_FLIGHT if has_lease else OpenState.WAITING

    async def _decoded(
        self, records: Sequence[bytes], due_at: float, state: OpenState
    ) -> list[OpenDelivery]:
        found: list[Delivery | ReferenceRecord] = []
        for record in records:
            try:
                found.append(decode_delivery(record))
            except RecordError:
                continue  # the worker that reads it next sets it aside
        restored = await self._alerts.restore(found)
        return [
            OpenDelivery(each, due_at, state) for each in restored if isinstance(each, Delivery)
        ]


class _FindOpenKeys(ScriptKeys, frozen=True):
    open_sets: str
    waiting: str


class _FindOpenArguments(PackedArguments, frozen=True):
    delivery_id: str
    start: int
    count: int
    set_prefix: str


_FIND_OPEN: Final = Script("find_open", _FindOpenKeys, _FindOpenArguments)
