"""Job 3: a timer that is due -> what was not told until now."""

import logging

from router.clock import Clock
from router.configuration import Live
from router.journal.finish import Finish, timer_work
from router.journal.keys import TimerId
from router.journal.states import States
from router.journal.timers import Timers
from router.rules.state import Answer, Taken
from router.telemetry import Metrics
from router.worker.books import count_held, verdict_of
from router.worker.decide import Decision
from router.worker.firing import Ask, Firing, Take, fire
from router.worker.steps import Present

logger = logging.getLogger(__name__)


class FireTimers:
    """Fires timers by the rules in force."""

    def __init__(
        self,
        timers: Timers,
        states: States,
        finish: Finish,
        live: Live,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._timers = timers
        self._states = states
        self._finish = finish
        self._live = live
        self._metrics = metrics
        self._now = clock.now

    async def run(self, timer_id: TimerId) -> bool:
        """Fire one timer; always True, for none of it is left.

        A timer that has fired is left alone. Raises JournalUnavailableError; the timer is then
        there still, and firing it again does the same.
        """
        timer = await self._timers.load(timer_id)
        if timer is None:
            return True
        configuration = self._live.configuration
        present = Present(self._now(), self._live.silences)
        firing = fire(timer, configuration.rules.by_name, present)
        decision = await self._drive(timer_id, firing, int(present.now * 1000))
        if decision is not None and await self._finish(timer_work(timer_id), verdict_of(decision)):
            count_held(decision, self._metrics)
        return True

    async def _drive(self, timer_id: TimerId, firing: Firing, now_ms: int) -> Decision | None:
        """The decision; None where another worker has fired the timer."""
        reply: Answer | Taken | None = None
        while True:
            try:
                request = next(firing) if reply is None else firing.send(reply)
            except StopIteration as end:
                decision: Decision = end.value
                return decision
            match request:
                case Ask(chain=chain):
                    answers = await self._states.decide(timer_work(timer_id), [chain], now_ms)
                    reply = answers[0] if answers else None
                case Take(state=state, key=key):
                    reply = await self._states.take(timer_id, state, key)
            if reply is None:
                return None
