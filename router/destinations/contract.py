"""Where alerts go: one file per kind, each with one promise.

A destination makes one attempt and says how it ended. It never retries, never raises for the
far side's fault, waits no longer than its ``timeout``, and puts no secret into an outcome.
Adding a kind: one file here and one line in ``kinds.py``.
"""

import ssl
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from router.alerts import Alert, Delivery, Outcome, Preview
from router.datatypes import Duration, Rate, Secret
from router.settings.model import Egress

MAX_ATTEMPTS: Final = 100
_ATTEMPTS: Final = 16
_LONGEST_WAIT: Final = 30 * 86400.0


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a delivery is tried, and how long to wait in between.

    Exponential with full jitter, or exactly as a schedule says.
    """

    attempts: int = _ATTEMPTS
    first: Duration = Duration(1)
    """The upper bound of the wait after the first attempt; it doubles with each further one."""
    longest: Duration = Duration(3600)
    """No wait is longer, a receiver's Retry-After included."""
    schedule: tuple[Duration, ...] = ()
    """The wait after each attempt, instead of ``attempts`` and ``first``: one attempt more than
    there are waits. Each is drawn out by up to a tenth, so that not all come back together."""

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= MAX_ATTEMPTS or len(self.schedule) >= MAX_ATTEMPTS:
            raise ValueError(f"attempts must be from 1 to {MAX_ATTEMPTS}")
        if self.schedule and self.attempts != _ATTEMPTS:
            raise ValueError("attempts and schedule exclude each other: a schedule has its length")
        if any(not 0 <= wait <= _LONGEST_WAIT for wait in (self.longest, *self.schedule)):
            raise ValueError("schedule and longest hold waits of at most 30d")

    @property
    def all_attempts(self) -> int:
        """After so many a delivery becomes a dead letter."""
        return len(self.schedule) + 1 if self.schedule else self.attempts


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a destination counts as down, so that nothing is sent to it for a while."""

    failures: int = 10
    """Failures in a row that open the circuit."""
    share: float = 0.5
    """It opens too when so large a share of the attempts of ``window`` failed."""
    attempts: int = 20
    """As long as there were fewer attempts in ``window``, their share says nothing."""
    window: Duration = Duration(30)
    open_for: Duration = Duration(5)
    """How long it stays open before one delivery is tried; it doubles each time that one fails."""
    longest: Duration = Duration(60)
    """It stays open no longer than this at a time."""

    def __post_init__(self) -> None:
        if self.failures < 1 or self.attempts < 1:
            raise ValueError("failures and attempts must be at least 1")
        if not 0 < self.share <= 1:
            raise ValueError("share must be more than 0 and at most 1, for example 0.5")
        if not 0 < self.open_for <= self.longest or self.window <= 0:
            raise ValueError("open_for must be more than 0 and at most longest; window more than 0")


class DestinationConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every kind takes. A kind's own Struct extends this one."""

    timeout: Duration = Duration(10)
    """One attempt, from connect to the last byte of the answer."""
    concurrency: int = 20
    """Attempts under way at once in one worker process."""
    retry: RetryPolicy = RetryPolicy()
    rate: Rate | None = None
    """The most attempts in a span of time, of all workers together."""
    breaker: BreakerPolicy = BreakerPolicy()

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ValueError("timeout is 0, an attempt needs time: write for example 10s")
        if self.concurrency < 1:
            raise ValueError("concurrency must be at least 1")

    @property
    def slots(self) -> int:
        """Attempts that may be under way at once: more where several leave in one request."""
        return self.concurrency

    def due_at(self, now: float) -> float | None:  # noqa: ARG002 - for those that hold
        """When a delivery that comes ``now`` (Unix time) falls due, with all that come until then.

        None for at once, each by itself.
        """
        return None


class Links(msgspec.Struct, frozen=True):
    """Where a reader of an alert can go. ``""`` for what there is not."""

    acknowledge: str = ""
    silence: str = ""
    show: str = ""


def no_links(_alert: Alert) -> Links:
    return Links()


class DestinationStore(Protocol):
    """What a destination remembers between attempts, in whichever worker they are made.

    It may forget at any time, and it never raises: who cannot be asked has nothing to say.
    """

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Remember ``value`` for so long from now, instead of what was there."""
        ...

    async def delete(self, key: str) -> None: ...


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What all destinations of a process share. ``app`` makes the one there is."""

    egress: Egress
    now: Callable[[], float]
    """The wall clock: Unix time in seconds."""
    on_template_error: Callable[[str], None]
    """Told, in one line, of each template that failed and was sent in the plain form instead."""
    links: Callable[[Alert], Links] = no_links
    """The signed links of an alert (pure); they are part of what is sent."""
    store: DestinationStore | None = None
    """None for a process that delivers nothing."""
    proxy: Secret | None = None
    """The HTTP proxy (``ROUTER_PROXY``) for destinations that do not say otherwise."""
    tls: ssl.SSLContext = msgspec.field(default_factory=ssl.create_default_context)
    """Whom to trust. One for all, because each holds its own copy of the system's certificates."""


class Destination(Protocol):
    """One configured place. ``open`` and ``close`` run in the worker's event loop."""

    @property
    def name(self) -> str: ...
    @property
    def config(self) -> DestinationConfig: ...

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send once. Only programming errors and cancellation leave as exceptions."""
        ...

    def preview(self, delivery: Delivery) -> Preview:
        """What ``attempt`` would send, without sending it (pure)."""
        ...
