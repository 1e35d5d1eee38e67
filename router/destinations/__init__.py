"""Where alerts go: one file per kind, each with one promise.

A destination makes one attempt and says how it ended. It never retries, never raises for the
far side's fault, waits no longer than its ``timeout``, and puts no secret into an outcome.
Adding a kind: one file here and one line in ``kinds.py``.
"""

import ssl
from collections.abc import Callable
from typing import Protocol

import msgspec

from router.alerts import Alert, Delivery, Outcome, Preview
from router.settings import Egress
from router.values import Duration


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a delivery is tried, and how long to wait in between (exponential, full jitter)."""

    attempts: int = 16
    first: Duration = Duration(1)
    """The upper bound of the wait after the first attempt; it doubles with each further one."""
    longest: Duration = Duration(3600)
    """No wait is longer, a receiver's Retry-After included."""


class DestinationConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every kind takes. A kind's own Struct extends this one."""

    timeout: Duration = Duration(10)
    """One attempt, from connect to the last byte of the answer."""
    concurrency: int = 20
    """Attempts under way at once in one worker process."""
    retry: RetryPolicy = RetryPolicy()

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ValueError("timeout is 0, an attempt needs time: write for example 10s")
        if self.concurrency < 1 or self.retry.attempts < 1:
            raise ValueError("concurrency and retry.attempts must be at least 1")


class Links(msgspec.Struct, frozen=True):
    """Where a reader of an alert can go. ``""`` for what there is not."""

    acknowledge: str = ""
    silence: str = ""
    show: str = ""


def no_links(_alert: Alert) -> Links:
    return Links()


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What all destinations of a process share. ``app`` makes the one there is."""

    egress: Egress
    now: Callable[[], float]
    """The wall clock: Unix time in seconds."""
    on_template_error: Callable[[str], None]
    """Told, in one line, of each template that failed and was sent in the plain form instead."""
    links: Callable[[Alert], Links] = no_links
    """The signed links of an alert (pure); they are part of what is sent."""
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
