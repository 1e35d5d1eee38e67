"""The state of rules in Redis: a ``Store`` (rules/state/steps.py) that several workers share."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.journal import keys
from router.journal.connection import Connection, Script, ScriptCall
from router.journal.finish import OpenWork
from router.journal.keys import TimerId
from router.rules.state.steps import (
    KEYS_LIMIT,
    MARKS_LIMIT,
    MEMBERS_LIMIT,
    OPEN_MEMBERS_LIMIT,
    Chain,
    ChainResult,
    Grouped,
    Outcome,
    Reason,
    Taken,
)

_DECIDE: Final = Script("decide")
_FLUSH: Final = Script("flush_group")
_CHAINS: Final = 200
"""Chains that one call decides: Redis does nothing else meanwhile."""
_encode = msgspec.msgpack.encode


class States:
    """The journal's side of rules that remember. ``keys_limit`` bounds the keys of each state."""

    def __init__(self, connection: Connection, *, keys_limit: int = KEYS_LIMIT) -> None:
        self._connection = connection
        self._settings = _encode(
            {
                "state": keys.STATE,
                "keys": keys.STATE_KEYS,
                "timer": keys.TIMER,
                "timers": keys.TIMERS,
                "taken": keys.taken(TimerId("")),
                "timer_queue": keys.TIMER_QUEUE,
                "job": keys.job(""),
                "acknowledgement": keys.ACKNOWLEDGEMENT,
                "keys_limit": keys_limit,
                "members_limit": MEMBERS_LIMIT,
                "open_members_limit": OPEN_MEMBERS_LIMIT,
                "marks_limit": MARKS_LIMIT,
            }
        )

    async def decide(
        self, work: OpenWork, chains: Sequence[Chain], now: int
    ) -> list[ChainResult] | None:
        """The answers to all chains, in their order; None where the work is finished already.

        ``now`` is in Unix milliseconds. Idempotent. Raises JournalUnavailableError; then any of them may be decided.
        """
        calls = [
            self._call(work, chains[start : start + _CHAINS], now)
            for start in range(0, len(chains), _CHAINS)
        ]
        replies = await self._connection.run_all(calls)
        if None in replies:
            return None
        return [_answer(fields) for reply in replies for fields in reply]

    async def take(self, timer_id: TimerId, state: str, key: str) -> Taken | None:
        """Empty a group for its timer; None where the timer is finished already.

        Idempotent: asked again, it finds the same. Raises JournalUnavailableError.
        """
        fields = await self._connection.run(
            _FLUSH,
            [
                keys.timer(timer_id),
                keys.state(state, key),
                keys.taken(timer_id),
                keys.STATE_KEYS + state,
            ],
            [key, MEMBERS_LIMIT],
        )
        return None if fields is None else _taken(fields)

    def _call(self, work: OpenWork, chains: Sequence[Chain], now: int) -> ScriptCall:
        arguments: list[str | bytes | int] = [now, self._settings]
        for chain in chains:
            arguments += [chain.id, _encode(chain.steps), chain.alert]
        return ScriptCall(_DECIDE, [work.record, keys.chain_results(work.id)], arguments)


def _answer(fields: Sequence[Any]) -> ChainResult:
    outcome, reason, count, held_back, first, escalates, withdrawn, told_to, overflowed, alert = (
        fields
    )
    return ChainResult(
        Outcome(outcome.decode()),
        Reason(reason.decode()) if reason else None,
        count,
        held_back,
        bool(first),
        bool(escalates),
        withdrawn,
        tuple(told_to.decode().split()),
        bool(overflowed),
        alert,
    )


def _taken(fields: Sequence[bytes]) -> Taken:
    found = dict(zip(fields[::2], fields[1::2], strict=True))
    numbers = sorted(
        int(name.removeprefix(b"alert:")) for name in found if name.startswith(b"alert:")
    )
    members = tuple(
        Grouped(found[b"alert:%d" % number], int(found[b"held:%d" % number])) for number in numbers
    )
    return Taken(members, int(found.get(b"count", 0)))
