"""Rows of a table that a rule expects to hear of, and the event that stands for one that never spoke."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from router.events.model import Event
from router.media_types import JSON
from router.timestamps import rfc3339_utc

EXPECTED_TYPE: Final = "router.absent.expected"
"""The type of the event of which an alert about a row is raised."""
SOURCE: Final = "router"


class ExpectedRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a table."""

    rows: Mapping[str, Mapping[str, Any]]
    """The values of each row by column."""
    path: tuple[str, ...]
    """The field of an event's ``data`` that has the key of a row."""
    keys: tuple[str, ...]
    digest: str
    """Represents the keys: other columns may change."""

    @classmethod
    def of(cls, rows: Mapping[str, Mapping[str, Any]], path: tuple[str, ...]) -> "ExpectedRows":
        """Return the rows of a table, by the field of an event that has the key."""
        keys = tuple(sorted(rows))
        digest = blake2b(msgspec.json.encode(keys), digest_size=8).hexdigest()
        return cls(rows=rows, path=path, keys=keys, digest=digest)

    def has(self, content: Mapping[str, Any]) -> bool:
        """Return whether there is a row of an event, a whole CloudEvent."""
        value: Any = content.get("data")
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return isinstance(value, str) and value in self.rows

    def event(self, key: str, rule: str, since: float) -> Event:
        """Return the event that stands for a row that has been expected since a Unix time.

        Its ``data`` has the columns of the row, and the key in its field.
        """
        data: dict[str, Any] = dict(self.rows[key])
        at = data
        for name in self.path[:-1]:
            at[name] = {}
            at = at[name]
        at[self.path[-1]] = key
        own_id = f"{rule}/{key}/{since:.3f}"
        time = rfc3339_utc(since)
        body = {
            "specversion": "1.0",
            "id": own_id,
            "source": SOURCE,
            "type": EXPECTED_TYPE,
            "time": time,
            "datacontenttype": JSON,
            "data": data,
        }
        return Event(
            id=own_id,
            source=SOURCE,
            type=EXPECTED_TYPE,
            time=time,
            key=f"{SOURCE}\x00{own_id}",
            received_at=since,
            body=msgspec.json.encode(body),
        )
