"""What happens to a few hosts and operators, step by step, and what two programs say about it.

A scenario is played on Alertmanager and on the router with the same times. Each step ends when it has
lasted long enough and all notifications that it expects have come. A notification is a text: the hosts
in it and their status, such as ``a firing + b resolved``.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from support.waiting import until

from router.clock import system_clock

SAME: Final = ""
_LATE_SECONDS: Final = 20.0
"""How long a step waits for what it expects, on a busy machine."""


class Down(msgspec.Struct, frozen=True):
    """A host goes down."""

    host: str


class Up(msgspec.Struct, frozen=True):
    """A host comes back."""

    host: str


class Silence(msgspec.Struct, frozen=True):
    """An operator silences a host."""

    host: str


class EndSilence(msgspec.Struct, frozen=True):
    """The operator ends the silence."""


class Acknowledge(msgspec.Struct, frozen=True):
    """An operator acknowledges the alert of a host. Alertmanager has nothing like it."""

    host: str


class Crash(msgspec.Struct, frozen=True):
    """The program is killed by SIGKILL, and started again."""


class Minute(msgspec.Struct, frozen=True):
    """Wait for the beginning of a minute; 0 is the first full one of the scenario."""

    number: int


Action = Down | Up | Silence | EndSilence | Acknowledge | Crash | Minute


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Some actions, and the notifications that come until the next step."""

    what: str
    """The cell of the table."""
    do: tuple[Action, ...]
    lasts: float = 1.5
    """Seconds, at least."""
    alertmanager: tuple[str, ...] = ()
    router: tuple[str, ...] = ()


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table. Intervals are seconds, and apply to both programs."""

    name: str
    steps: tuple[Step, ...]
    wait: float = 0.0
    """Of a group."""
    interval: float = 2.0
    """Of a group."""
    repeat: float = 3600.0
    """After which an alert that still fires is told again."""
    is_grouped: bool = False
    """True if all hosts are one group; each host is its own otherwise."""
    inhibits: bool = False
    """True if the host ``cause`` holds back all others."""
    muted: tuple[int, int] | None = None
    """The minutes between which all is muted."""
    keys: str = ""
    """Further keys of the router's rule, in YAML."""
    verdict: str = SAME
    """``SAME``, or why the router's notifications are better; a sentence without its full stop."""


class Minutes(msgspec.Struct, frozen=True):
    """The minutes of a scenario that is played."""

    first: float
    """Unix time at which minute 0 begins."""

    def begin(self, number: int) -> float:
        return self.first + 60.0 * number

    def text(self, number: int) -> str:
        """Return the time of day in UTC; midnight at the end of a day is ``24:00``."""
        moment = time.strftime("%H:%M", time.gmtime(self.begin(number)))
        return "24:00" if moment == "00:00" else moment


class Program(Protocol):
    """One of the two. ``notifications`` are what it has sent so far."""

    async def act(self, action: Action) -> None: ...

    def notifications(self) -> Sequence[str]: ...


def minutes_of(scenario: Scenario, now: float) -> Minutes:
    """Let minute 0 begin in 8 s at the earliest, and no mute time contain midnight."""
    first = (now + 8.0) // 60 * 60 + 60
    if scenario.muted:
        began, ended = (first + 60 * number for number in scenario.muted)
        while began // 86_400 != (ended - 1) // 86_400:
            first, began, ended = first + 60, began + 60, ended + 60
    return Minutes(first)


async def play(
    scenario: Scenario, program: Program, expected: Sequence[Sequence[str]], minutes: Minutes
) -> list[tuple[str, ...]]:
    """Return what a program sent in each step, in alphabetical order."""
    found = []
    for step, wanted in zip(scenario.steps, expected, strict=True):
        begin = len(program.notifications())
        for action in step.do:
            if isinstance(action, Minute):
                await asyncio.sleep(max(0.0, minutes.begin(action.number) - system_clock().now()))
            else:
                await program.act(action)
        await asyncio.sleep(step.lasts)

        async def all_came(count: int = begin + len(wanted)) -> bool:
            return len(program.notifications()) >= count

        with contextlib.suppress(TimeoutError):  # the comparison shows what is missing
            await until(all_came, seconds=_LATE_SECONDS)
        found.append(tuple(sorted(program.notifications()[begin:])))
    return found
