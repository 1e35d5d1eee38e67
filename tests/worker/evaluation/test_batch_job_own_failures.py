"""A batch or a timer that fails for a reason of its own: its cause goes to quarantine alone."""

from typing import Any

import pytest
from support.clock import SetClock
from support.world import World

from router.events.model import Event
from router.journal.connection import Connection
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.worker.evaluation import batch_job, decide_timer

RULES = """
rules:
  - name: one
    events: [a]
    send_to: [noc]
  - name: grouped
    events: [g]
    group: {wait: 30s}
    send_to: [noc]
"""


class CauseError(Exception):
    """As a bug of the router would raise it."""


async def reasons(world: World) -> list[str]:
    found = await Quarantine(world.connection, world.clock).find(QuarantineFilter())(None, 99)
    return [item.record.reason for item in found.items]


def failing_at(event_id: str, original: Any) -> Any:
    def fail(first: Any, *more: Any, **options: Any) -> Any:
        events = [first] if isinstance(first, Event) else [each.event for each in first]
        if any(event.id == event_id for event in events):
            raise CauseError("cannot be done")
        return original(first, *more, **options)

    return fail


@pytest.mark.parametrize("where", ["document", "decide"])
async def test_an_event_that_raises_goes_to_quarantine_and_the_others_go_on(
    connection: Connection, time: SetClock, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The mutants: ``except Exception`` removed from ``_evaluate_all``, or from ``_finish``."""
    world = World(connection, time, RULES)
    original = getattr(batch_job, where)
    monkeypatch.setattr(batch_job, where, failing_at("2", original))

    await world.send(*(world.event(str(number)) for number in range(5)))

    assert {each.alert.event_id for each in await world.told()} == {"0", "1", "3", "4"}
    assert await reasons(world) == ["evaluation failed: CauseError: cannot be done"]
    books = await world.ledger()
    assert (books.matched, books.quarantined, books.pending) == (4, 1, 0)


async def test_a_batch_whose_failure_is_of_no_event_is_retried(
    connection: Connection, time: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(connection, time, RULES)
    batch = await world.accept([world.event("1")])
    with monkeypatch.context() as patched:
        patched.setattr(batch_job.Batches, "finish", fail_always)
        with pytest.raises(CauseError):
            await world.evaluate.run(batch)

    await world.evaluate.run(batch)

    assert len(await world.told()) == 1


async def fail_always(*_: object, **__: object) -> None:
    raise CauseError


async def test_an_alert_that_raises_when_its_group_is_due_leaves_the_group(
    connection: Connection, time: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: ``except Exception`` removed from ``TimerJob._decide``."""
    world = World(connection, time, RULES)
    await world.send(*(world.event(str(number), type="g") for number in range(3)))
    original = decide_timer.rendering.summary

    def summary(alert: Any, *more: Any) -> Any:
        if alert.event_id == "1":
            raise CauseError("cannot be shown")
        return original(alert, *more)

    monkeypatch.setattr(decide_timer.rendering, "summary", summary)

    await world.passes(30)

    (message,) = await world.told()
    assert (message.alert.event_id, message.alert.grouped) == ("0", 2)
    assert await reasons(world) == ["evaluation failed: CauseError: cannot be shown"]
    assert (await world.ledger()).waiting == 0
