"""Whatever happens to keyed alerts, each destination knows what is true, and nothing suppressed is told.

A seed makes a history: hosts go down and come back, operators silence and acknowledge, rules are reloaded,
time passes. A real Redis and the simulation in memory live through it side by side. A history that fails is
made shorter and printed. LIFECYCLE_RUNS says how many the long form has.
"""

import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from support.fault_rows import FigureRecorder
from support.lived import (
    COOLDOWN,
    INHIBITED,
    NAMES,
    PLACES,
    SUBJECTS,
    Lived,
    Subject,
    Told,
    is_firing,
)

from router.datatypes import Secret
from router.journal.connection import Connection, connect
from router.rules.state.keyed_alert import CHAIN, FIRING, RESOLVED, AlertRecord

SEED = 1
STEPS = 40
TIMES = (1, 7, 25, 70, 400)


class Truth:
    """What is true by the history alone, and what each destination has been told of it."""

    def __init__(self, lived: Lived) -> None:
        self.lived = lived
        self.down: dict[Subject, float] = {}
        """When the last event came of what is down."""
        self.knows: dict[tuple[Subject, str], str] = {}
        self.fired: dict[tuple[Subject, str], float] = {}
        self.ids: set[tuple[str, str]] = set()
        self._read = 0

    def check(self) -> None:
        """Check each notification that came since the last call."""
        for told in self.lived.told[self._read :]:
            identity = told.destination, told.alert.id
            assert identity not in self.ids, f"one id twice: {told.alert}"
            self.ids.add(identity)
            for subject in told.subjects:
                self._check(told, subject)
        self._read = len(self.lived.told)

    def _check(self, told: Told, subject: Subject) -> None:
        place = subject, told.destination
        if not is_firing(told):
            assert self.knows.get(place) == FIRING, f"an end of which nothing was told: {told}"
            self.knows[place] = RESOLVED
            return
        assert not self.lived.is_silenced(subject, told.at), f"told though silenced: {told}"
        assert not self.lived.is_muted(subject, told.at), f"told though muted: {told}"
        cause = self.down.get(Subject("cause", subject.k))
        is_inhibited = subject.rule == "held" and cause is not None
        assert not (is_inhibited and told.at < cause + INHIBITED), f"told though inhibited: {told}"
        if subject.rule == "cooled":
            assert told.at >= self.fired.get(place, -1e9) + COOLDOWN, f"told too early: {told}"
        self.knows[place] = FIRING
        self.fired[place] = told.at


class History:
    """What can happen to a few rules. Each step has a number, which picks one of what there is."""

    def __init__(self, connection: Connection, names: tuple[str, ...]) -> None:
        self.lived = Lived(connection)
        self.truth = Truth(self.lived)
        self._names = names

    def _subject(self, number: int) -> Subject:
        return Subject(self._names[number % len(self._names)], number // 7 % SUBJECTS)

    async def down(self, number: int) -> None:
        subject = self._subject(number)
        self.truth.down[subject] = self.lived.time.now
        await self.lived.happen("down", subject)

    async def up(self, number: int) -> None:
        subject = self._subject(number)
        self.truth.down.pop(subject, None)
        await self.lived.happen("up", subject)

    async def passes(self, number: int) -> None:
        await self.lived.passes(TIMES[number % len(TIMES)])

    async def silence(self, number: int) -> None:
        subject = self._subject(number)
        match = {"data.k": subject.k} if number % 2 else {"rule": subject.rule}
        await self.lived.silence(match, (180, 3600)[number // 2 % 2])

    async def end_silence(self, number: int) -> None:
        await self.lived.end_silence(number)

    async def acknowledge(self, number: int) -> None:
        if found := await self.lived.alert_keys():
            await self.lived.acknowledge(found[number % len(found)])

    async def reload(self, _number: int) -> None:
        await self.lived.reload()

    async def check(self) -> None:
        """Redis and the simulation told the same and remember the same, and it was right."""
        self.truth.check()
        assert self.lived.differences() == ({}, {})
        for key in await self.lived.alert_keys():
            assert fields(await self.lived.record(key)) == fields(self.lived.modelled(key))


Step = Callable[[History, int], Awaitable[None]]
Steps = list[tuple[Step, int]]
LIKELY: tuple[tuple[Step, int], ...] = (
    (History.down, 4),
    (History.up, 2),
    (History.passes, 4),
    (History.silence, 1),
    (History.end_silence, 1),
    (History.acknowledge, 1),
    (History.reload, 1),
)
"""Each step, and how likely it is."""


def drawn(seed: int) -> tuple[tuple[str, ...], Steps]:
    """Return the rules of a history, and its steps."""
    chance = random.Random(seed)  # noqa: S311 - a history, not secrets
    names = set(chance.sample(NAMES, chance.randint(1, 3)))
    if "held" in names:
        names.add("cause")
    kinds, weights = zip(*LIKELY, strict=True)
    kinds = chance.choices(kinds, weights, k=STEPS)
    return tuple(sorted(names)), [(kind, chance.randrange(1000)) for kind in kinds]


def fields(record: AlertRecord | None) -> dict[str, Any]:
    """Return the fields of a record, without the ids of timers, which differ."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    for told in found["told"].values():
        told[3] = told[3] == CHAIN
    return found


async def fails(connection: Connection, names: tuple[str, ...], steps: Steps) -> str:
    """Live through a history; return what is wrong then."""
    await connection.redis.flushall()
    history = History(connection, names)
    try:
        for step, number in steps:
            await step(history, number)
            await history.check()
        await all_is_known(history)
    except AssertionError as error:
        return str(error)
    return ""


async def shortened(connection: Connection, names: tuple[str, ...], steps: Steps) -> str:
    """Leave out steps of a history that fails, as long as it still fails; return it in words."""
    for at in reversed(range(len(steps))):
        shorter = steps[:at] + steps[at + 1 :]
        if await fails(connection, names, shorter):
            steps = shorter
    what = await fails(connection, names, steps)
    return f"{names}: {', '.join(f'{step.__name__} {number}' for step, number in steps)}\n{what}"


async def all_is_known(history: History) -> None:
    """Let all that suppresses end. Then what is open has been told, and what is over has not been forgotten."""
    lived, truth = history.lived, history.truth
    while any(each.ends > lived.time.now for each in lived.silences):
        await lived.end_silence(0)
    for k in range(SUBJECTS):
        truth.down.pop(Subject("cause", k), None)
        await lived.happen("up", Subject("cause", k))
    await lived.passes(2 * COOLDOWN)
    await history.check()
    for key in await lived.alert_keys():
        record = await lived.record(key)
        subject = await lived.subject(key)
        is_acknowledged = key in lived.acknowledged
        for place in PLACES:
            told = truth.knows.get((subject, place))
            if record.status == RESOLVED:
                is_expired = record.log[-1].change == "expired"
                assert told != FIRING or is_expired, f"{subject} is over, {place} was not told"
            elif not is_acknowledged and place in lived.send_to(subject):
                assert told == FIRING, f"{subject} is open, {place} was not told"


@pytest.fixture
async def journal(redis_url: Secret) -> AsyncIterator[Connection]:
    connection = connect(redis_url, deadline=5.0, max_connections=4)
    yield connection
    await connection.close()


async def check(connection: Connection, count: int) -> None:
    for seed in range(SEED, SEED + count):
        names, steps = drawn(seed)
        if await fails(connection, names, steps):
            pytest.fail(f"seed {seed}: {await shortened(connection, names, steps)}")


async def test_each_destination_knows_what_is_true(journal: Connection) -> None:
    """Before the fix: what was suppressed and told was judged again each second (seeds 3, 6)."""
    await check(journal, 8)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_each_destination_knows_what_is_true_after_many_histories(
    journal: Connection, fault_figures: FigureRecorder
) -> None:
    count = int(os.environ.get("LIFECYCLE_RUNS", "200"))
    await check(journal, count)
    fault_figures(seed=SEED, note=f"{count} histories of {STEPS} steps")
