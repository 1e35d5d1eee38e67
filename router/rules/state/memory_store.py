"""A store in memory: for rule tests and backtests, and as the model that Redis is compared with.

It runs the steps' transitions in Python. The Lua files beside the features have the same
transitions in the same order.
"""

from collections.abc import Sequence
from typing import Final

from router.alerts import Measurement
from router.rules.state.alert_limits import ALERT_LIMITS, AlertLimits
from router.rules.state.chain import Chain
from router.rules.state.keyed_alert import RESOLVED, find_alert, settle
from router.rules.state.measured import measurement
from router.rules.state.step import KEYS_LIMIT, WORK, ChainResult, ChainRun, Memory, Outcome, Step


class MemoryStore:
    """State of rules in this process.

    Args:
        keys_limit: Keys of one state at a time.
        alert_limits: Keyed alerts at a time.
    """

    def __init__(
        self, *, keys_limit: int = KEYS_LIMIT, alert_limits: AlertLimits = ALERT_LIMITS
    ) -> None:
        self.memory: Final = Memory(keys_limit=keys_limit, alert_limits=alert_limits)
        self._results: dict[str, dict[str, ChainResult]] = {}
        self._raised: dict[str, set[str]] = {}

    def open(self, work: str, now: int) -> "WorkInMemory":
        """Return the ``Store`` for a batch or timer, at ``now`` in Unix ms."""
        opened = WorkInMemory(self.memory, self._results.setdefault(work, {}), work, now)
        opened.raised = self._raised.setdefault(work, set())
        return opened

    def forget(self, work: str) -> None:
        """Drop the results of a batch or timer that is finished."""
        self._results.pop(work, None)
        self._raised.pop(work, None)
        self.memory.drop((WORK, work))

    def standing(self, step: Step) -> Measurement | None:
        """Return what a step has measured by now; None if it does not measure, or no event."""
        words = step.standing(self.memory)
        return measurement(words) if words else None

    def due_looks(self, now: int) -> tuple[str, ...]:
        """Take the keyed alerts that must be judged at ``now``, in Unix ms; forget those that are over."""
        due = []
        for key in self.memory.looks.take(now):
            record = find_alert(self.memory, key)
            if record is not None and record.status == RESOLVED:
                self.memory.forget_alert(key, record.rule)
            elif record is not None:
                due.append(key)
        return tuple(due)

    def next_look(self) -> int | None:
        """Return when a keyed alert must be judged again, in Unix ms; None if none must."""
        return self.memory.looks.next()

    def look_at_all(self, now: int) -> None:
        """Have all keyed alerts that are open judged again, because something around them has changed."""
        for key in self.memory.bodies:
            record = find_alert(self.memory, key)
            if record is not None and record.status != RESOLVED:
                self.memory.looks.bring_forward(key, now)

    def used_ratio(self, state: str) -> float:
        """Return the largest share of a state's keys that was in use; 0 if it was never nearly full."""
        return self.memory.nearly_full.get(state, 0) / self.memory.keys_limit

    def acknowledge(self, alert_key: str, at: int) -> None:
        """Note that an operator acknowledged the alerts with this key, at Unix ms."""
        self.memory.acknowledged[alert_key] = at


class WorkInMemory:
    """The ``Store`` of one batch or timer."""

    def __init__(
        self, memory: Memory, results: dict[str, ChainResult], work: str, now: int
    ) -> None:
        self._memory: Final = memory
        self._results: Final = results
        self._work: Final = work
        self._now: Final = now
        self.raised: set[str] = set()
        """The ids of the alerts of rules in lists of ``first_of`` that arose."""

    async def decide(self, chains: Sequence[Chain]) -> list[ChainResult]:
        """Decide each chain once, in order; see ``Store``."""
        return [self._results.get(chain.id) or self._decide(chain) for chain in chains]

    def _decide(self, chain: Chain) -> ChainResult:
        run = ChainRun(self._memory, work=self._work, alert=chain.alert, now=self._now)
        run.raised = self.raised
        for step in chain.steps:
            if step.run(run):
                break
        else:
            run.stop(Outcome.NOTIFY, notified=run.notified, extra=run.extra)
        settle(run)
        if run.result is None:
            raise RuntimeError("a step stopped its chain without a result")
        if run.is_stored:
            self._results[chain.id] = run.result
        return run.result
