"""A timer's life: set by whoever finishes the work that it comes of, fired once, finished.

It is a journal record as a batch is: a key without TTL, a place among the open ones, an arq job that
is due at its time. It needs no other record to be fired by, so that rules may change meanwhile.
"""

import msgspec

from router.alerts import Alert
from router.journal import keys
from router.journal.connection import BEGIN, Connection
from router.journal.keys import TimerId


class _Timer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Base of all timers."""

    due_at: float
    """Unix time in seconds."""
    rule: str
    state: str
    key: str


class Absence(_Timer, frozen=True, kw_only=True, array_like=True, tag="absence"):
    """An alert unless what was expected comes."""

    alert: Alert
    """As it is if it is overdue."""
    event: str
    """As in the state's ``Expect``."""


class Flush(_Timer, frozen=True, kw_only=True, array_like=True, tag="flush"):
    """A group is told."""

    interval: float
    """Seconds until what comes after that is told."""


class Escalation(_Timer, frozen=True, kw_only=True, array_like=True, tag="escalation"):
    """More are told, unless somebody acknowledged."""

    alert: Alert
    """As it was told first."""
    run: str
    """As in the state's ``Escalate``."""
    level: int
    """From 1."""
    levels: tuple[tuple[float, tuple[str, ...]], ...]
    """Of this one and those that follow: seconds after the one before, and who is told."""


Timer = Absence | Flush | Escalation

_decode = msgspec.msgpack.Decoder[Timer](Timer).decode


def fixed_id(timer: Timer) -> TimerId | None:
    """The id of a timer that others must find by its state, as ``decide.lua`` does."""
    return TimerId(timer.state + timer.event) if isinstance(timer, Absence) else None


class Timers:
    """The journal's side of firing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def load(self, timer_id: TimerId) -> Timer | None:
        """A timer that is set; None when it has fired or is not needed any more, and its job is over."""
        queue = keys.TIMER_QUEUE
        record = await self._connection.run(
            BEGIN,
            [keys.filling(queue), keys.timer(timer_id), queue, *keys.job_keys(timer_id)],
            [timer_id, "GET"],
        )
        return None if record is None else _decode(record)
