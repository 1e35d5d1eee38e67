"""The state of rules in Redis: a ``Store`` (rules/state/chain.py) that several workers share."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec

from router.journal import keys
from router.journal.connection import Connection
from router.journal.finish import OpenWork
from router.journal.keys import TimerId
from router.journal.script import (
    ALERT_STORE,
    ALLOW_OOM,
    PlainArguments,
    Script,
    ScriptCall,
    ScriptKeys,
    pack,
)
from router.rules.state.alert_limits import ALERT_LIMITS, AlertLimits
from router.rules.state.chain import Chain, WorkFinishedError
from router.rules.state.features import FEATURES
from router.rules.state.step import KEYS_LIMIT, ChainResult, Outcome, Reason

_COUNTED_AT_ONCE: Final = 500
_CHAINS: Final = 200
"""Chains that one call decides, because Redis runs nothing else meanwhile."""


def script_source() -> str:
    """Return the script that decides chains: what features share, they in order, a dispatcher."""
    modules = dict.fromkeys(kind.__module__.rpartition(".")[2] for kind in FEATURES)
    folder = files("router.rules.state")
    names = ("window", "keyed_alert", *modules, "look", "dispatch")
    prelude, *others = ((folder / f"{name}.lua").read_text("utf-8") for name in ("prelude", *names))
    return ALLOW_OOM + "\n".join((prelude, ALERT_STORE, *others))


async def count_keys(connection: Connection, states: Sequence[str], now: float) -> list[int]:
    """Return how many keys of each state have not expired at a Unix time.

    Raises JournalUnavailableError.
    """
    counts: list[int] = []
    for start in range(0, len(states), _COUNTED_AT_ONCE):
        pipeline = connection.redis.pipeline(transaction=False)
        for state in states[start : start + _COUNTED_AT_ONCE]:
            pipeline.zcount(keys.STATE_KEYS + state, int(now * 1000) + 1, "+inf")
        found = await connection.ask(pipeline.execute(raise_on_error=False))
        # An error is a key of another type, which the script deletes when it meets it.
        counts += [count if isinstance(count, int) else 0 for count in found]
    return counts


class RuleState:
    """The journal's side of rules that remember.

    Args:
        connection: To Redis.
        alert_limits: Keyed alerts at a time.
        keys_limit: Keys of one state at a time.
    """

    def __init__(
        self,
        connection: Connection,
        alert_limits: AlertLimits = ALERT_LIMITS,
        *,
        keys_limit: int = KEYS_LIMIT,
    ) -> None:
        self._connection = connection
        settings: dict[str, str | int] = {
            "state": keys.STATE,
            "keys": keys.STATE_KEYS,
            "timer": keys.TIMER,
            "timers": keys.TIMERS,
            "taken": keys.taken(TimerId("")),
            "timer_queue": keys.TIMER_QUEUE,
            "job": keys.job(""),
            "acknowledgement": keys.ACKNOWLEDGEMENT,
            "alert_prefix": keys.keyed_alert(""),
            "alerts": keys.KEYED_ALERTS,
            "alert_counts": keys.ALERT_COUNTS,
            "looks": keys.LOOKS,
            "ended_alerts": keys.ENDED_ALERTS,
            "sweep": keys.SWEEP,
            "latest_number": keys.LATEST_NUMBER,
            "keys_limit": keys_limit,
            "alerts_limit": alert_limits.of_all,
            "rule_alerts_limit": alert_limits.of_rule,
            "unreadable": keys.UNREADABLE_KEY,
            "unreadable_counts": keys.UNREADABLE,
        }
        for kind in FEATURES:
            settings.update(kind.limits)
        self._settings = pack(settings)

    def open(self, work: OpenWork, now: int) -> "WorkInRedis":
        """Return the ``Store`` for a batch or timer, at ``now`` in Unix ms."""
        return WorkInRedis(self._connection, self._settings, work, now)


class WorkInRedis:
    """The ``Store`` of one batch or timer."""

    def __init__(self, connection: Connection, settings: bytes, work: OpenWork, now: int) -> None:
        self._connection: Final = connection
        self._settings: Final = settings
        self._work: Final = work
        self._now: Final = now

    async def decide(self, chains: Sequence[Chain]) -> list[ChainResult]:
        """Decide each chain once, in order; see ``Store``."""
        calls = [
            self._call(chains[start : start + _CHAINS]) for start in range(0, len(chains), _CHAINS)
        ]
        replies = await self._connection.run_all(calls)
        if None in replies:
            raise WorkFinishedError(f"{self._work.id} is finished")
        return [_result(int(number), fields) for reply in replies for number, fields in reply]

    def _call(self, chains: Sequence[Chain]) -> ScriptCall:
        first = len(_DecideArguments.__struct_fields__) + 1
        packed = pack(
            [_Chain(chain.id, chain.steps, first + at) for at, chain in enumerate(chains)]
        )
        return _DECIDE(
            _DecideKeys(self._work.record, keys.chain_results(self._work.id)),
            _DecideArguments(self._now, self._settings, packed),
            # Not part of the packed list, because they are long, and packing would copy them.
            [chain.alert for chain in chains],
        )


def _result(number: int, fields: Sequence[Any]) -> ChainResult:
    outcome, reason, count, held_back, first, escalates, withdrawn, *more = fields
    notified, overflowed, alert, *extra = more
    words = extra.pop(0) if extra and isinstance(extra[0], list) else ()
    return ChainResult(
        Outcome(outcome.decode()),
        Reason(reason.decode()) if reason else None,
        count,
        held_back,
        bool(first),
        bool(escalates),
        withdrawn,
        tuple(notified.decode().split()),
        bool(overflowed),
        alert,
        tuple(extra),
        number,
        tuple(word.decode() for word in words),
    )


class _DecideKeys(ScriptKeys, frozen=True):
    work: str
    results: str


class _DecideArguments(PlainArguments, frozen=True):
    now: int
    """Unix ms."""
    settings: bytes
    """Prefixes of keys and limits: a msgpack map."""
    chains: bytes
    """A ``_Chain`` for each chain, packed."""


class _Chain(msgspec.Struct, frozen=True, array_like=True):
    id: str
    program: Sequence[Any]
    """The steps."""
    alert_at: int
    """The position of the chain's alert in ARGV."""


_DECIDE: Final = Script("decide", _DecideKeys, _DecideArguments, script_source())
