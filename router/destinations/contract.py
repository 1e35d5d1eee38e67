"""The contract of destinations, one module for each kind.

A destination makes one attempt and returns its outcome. It never retries, never raises because of
its receiver, takes no longer than its ``longest_attempt``, and puts no secret into an outcome. To
add a kind, add its module ``<kind>.py`` here (parts of it may stand beside as
``<kind>_<part>.py``), a line in ``kinds.py``, a section in docs/reference/destinations.md, and a test that
passes the contract of tests/contracts/destination.py.
"""

import ssl
from collections.abc import Callable
from typing import ClassVar, Final, Protocol

import msgspec

from router.alerts import Alert, Delivery, Outcome, Preview
from router.datatypes import Duration, Rate, Secret
from router.destinations.transport.name_resolver import NameResolver
from router.destinations.transport.receiver import Receiver
from router.events.masks import NO_MASKS, Masks
from router.no_proxy import NoProxy
from router.settings.choices import Egress

MAX_ATTEMPTS: Final = 1000
"""The most attempts that a retry policy allows."""
# With the waits below: at least 74 hours, a weekend and a night. tests/worker/delivery/test_retry.py
# computes it.
_ATTEMPTS: Final = 160
_MAX_WAIT: Final = 30 * 86400.0


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a delivery is attempted, and how long to wait in between.

    The waits are exponential with equal jitter (half of each is random), or those of a schedule.
    """

    attempts: int = _ATTEMPTS
    """The most attempts. Throttled ones (HTTP 429) do not count."""
    first: Duration = Duration(1)
    """The longest wait after the first attempt; it doubles with each further attempt."""
    longest: Duration = Duration(3600)
    """The longest wait, also when a receiver asks for a longer one by Retry-After."""
    schedule: tuple[Duration, ...] = ()
    """The wait after each attempt, instead of ``attempts`` and ``first``: n waits make n + 1
    attempts. Each is extended by up to a tenth, so that deliveries do not return together."""

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= MAX_ATTEMPTS or len(self.schedule) >= MAX_ATTEMPTS:
            raise ValueError(f"attempts must be from 1 to {MAX_ATTEMPTS}")
        if self.schedule and self.attempts != _ATTEMPTS:
            raise ValueError("attempts and schedule exclude each other: a schedule has its length")
        if any(not 0 <= wait <= _MAX_WAIT for wait in (self.longest, *self.schedule)):
            raise ValueError("schedule and longest allow waits of at most 30d")

    @property
    def all_attempts(self) -> int:
        """The number of attempts after which a delivery becomes a dead letter."""
        return len(self.schedule) + 1 if self.schedule else self.attempts


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a destination counts as down, so that nothing is sent to it for some time."""

    failures: int = 10
    """Consecutive failures that open the circuit."""
    share: float = 0.5
    """The share of failed attempts in ``window`` that opens it too."""
    attempts: int = 20
    """Attempts in ``window`` below which ``share`` does not count."""
    window: Duration = Duration(30)
    """The time over which ``share`` and ``attempts`` are counted."""
    open_for: Duration = Duration(5)
    """How long it stays open before a trial delivery; doubled by each trial that fails."""
    longest: Duration = Duration(60)
    """The longest time for which it stays open at once."""

    def __post_init__(self) -> None:
        if self.failures < 1 or self.attempts < 1:
            raise ValueError("failures and attempts must be at least 1")
        if not 0 < self.share <= 1:
            raise ValueError("share must be more than 0 and at most 1, for example 0.5")
        if not 0 < self.open_for <= self.longest or self.window <= 0:
            raise ValueError("open_for must be more than 0 and at most longest; window more than 0")


class ConfigWarning(msgspec.Struct, frozen=True):
    """A value that is valid and probably not meant."""

    key: str
    """The key of the kind that has the value."""
    message: str
    """It does not quote the value, which may be secret."""
    hint: str
    """The correction."""


class DestinationConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration that all kinds share. A kind's own Struct extends this one."""

    timeout: Duration = Duration(10)
    """The longest time of one attempt, from connect to the last byte of the reply."""
    concurrency: int = 20
    """The most concurrent attempts of one worker process."""
    retry: RetryPolicy = RetryPolicy()
    rate: Rate | None = None
    """The most attempts in a period, of all workers together."""
    breaker: BreakerPolicy = BreakerPolicy()
    pause_after: int = 10
    """Refusals in a row for a fault of the destination that pause it; 0 for never, so that each
    refusal makes a dead letter."""
    send_resolved: bool = True
    """Whether it gets the messages of resolved alerts; if not, none is stored for it."""
    acknowledgements: bool | None = None
    """Whether it gets a message when an alert of which it was notified is acknowledged; without it, the
    kind decides."""

    tells_acknowledgements: ClassVar[bool] = False
    """The kind's default."""

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ValueError("timeout is 0, an attempt needs time: write for example 10s")
        if self.concurrency < 1:
            raise ValueError("concurrency must be at least 1")
        if self.pause_after < 0:
            raise ValueError("pause_after must be at least 1 refusal, or 0 for never")

    @property
    def slots(self) -> int:
        """The most concurrent attempts; a kind that sends several together needs more."""
        return self.concurrency

    @property
    def longest_attempt(self) -> float:
        """The seconds after which an attempt has ended, whatever the receiver does."""
        return self.timeout

    def warnings(self) -> tuple[ConfigWarning, ...]:
        """Return what ``router check`` warns of."""
        return ()

    @property
    def is_told_acknowledgements(self) -> bool:
        """Whether the destination is told that an alert is acknowledged."""
        if self.acknowledgements is None:
            return self.tells_acknowledgements
        return self.acknowledgements

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """The servers that an attempt connects to; none if the kind connects by a library."""
        return ()

    @property
    def resolve_problem(self) -> str:
        """Why a resolved alert does not end what an alert began at the receiver, and what would.

        ``""`` for kinds whose resolved message ends it, or is a message like all others.
        """
        return ""

    def due_at(self, now: float) -> float | None:  # noqa: ARG002 - for kinds that defer
        """Return when a delivery that arrives at ``now`` is due, together with all until then.

        Both are Unix time in seconds. None if each delivery is due at once and by itself.
        """
        return None


class Links(msgspec.Struct, frozen=True):
    """The signed pages of an alert, each a URL or ``""``."""

    acknowledge: str = ""
    silence: str = ""
    show: str = ""


def no_links(_alert: Alert) -> Links:
    """Return no links, for a process without a public URL."""
    return Links()


class DestinationStore(Protocol):
    """Values that a destination keeps between attempts, shared by all workers.

    A value may be lost at any time. No method raises: without Redis there are no values.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; None if there is none."""
        ...

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Replace the value of ``key`` for ``seconds`` from now."""
        ...

    async def delete(self, key: str) -> None:
        """Delete the value of ``key``."""
        ...


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The policy, clock and services that all destinations of a process share."""

    egress: Egress
    now: Callable[[], float]
    """The wall clock: Unix time in seconds."""
    on_template_error: Callable[[str], None]
    """Called with one line for each template that failed, so that the plain form was sent."""
    links: Callable[[Alert], Links] = no_links
    """Returns the signed links of an alert (pure)."""
    store: DestinationStore | None = None
    """None in a process that delivers nothing."""
    proxy: Secret | None = None
    """The HTTP proxy (``ROUTER_PROXY``) of destinations that do not name their own."""
    no_proxy: NoProxy = NoProxy()
    """The hosts that are reached without ``proxy``."""
    masks: Masks = NO_MASKS
    """The fields (``ROUTER_MASKED_FIELDS``) that facts of messages do not have."""
    names: NameResolver = msgspec.field(default_factory=NameResolver)
    """Resolves host names. One for all, so that a name is looked up once at a time."""
    tls: ssl.SSLContext = msgspec.field(default_factory=ssl.create_default_context)
    """The trusted authorities. One context for all, because each context copies the system's."""


class Destination(Protocol):
    """One configured receiver. ``open`` and ``close`` run in the worker's event loop."""

    @property
    def name(self) -> str:
        """Its key in the rules folder."""
        ...

    @property
    def config(self) -> DestinationConfig:
        """Its configuration."""
        ...

    async def open(self) -> None:
        """Prepare for attempts. It may be opened again after ``close``."""
        ...

    async def close(self) -> None:
        """Release connections. It may be called without ``open``."""
        ...

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send once. Raises only for programming errors and on cancellation."""
        ...

    def preview(self, delivery: Delivery) -> Preview:
        """Return what ``attempt`` would send (pure)."""
        ...
