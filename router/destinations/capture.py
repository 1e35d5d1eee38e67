"""The kind ``capture``: sends nothing, keeps what would have been sent.

``router dev`` puts it in the place of a destination that has no credentials, with that one's
preview, so that what is shown is what would go out.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from router.alerts import Delivered, Delivery, Failed, Outcome, Preview
from router.destinations.contract import Destination, DestinationConfig, Environment
from router.destinations.rendering.summary import (
    decode,
    facts,
    summary,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
)

OnCapture = Callable[[Delivery, Preview], None]
Show = Callable[[Delivery], Preview]


class CaptureConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rules folder says of a ``capture`` destination."""

    keep: int = 1000
    """How many captured deliveries stay in memory, the last ones."""
    file: str = ""
    """Where to append them too, one JSON object a line; ``""`` for nowhere."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep < 1:
            raise ValueError("keep must be at least 1")


class CaptureDestination:
    """One place that only remembers. ``show`` makes the preview, else it is plain JSON."""

    def __init__(
        self,
        name: str,
        config: CaptureConfig,
        environment: Environment,
        *,
        show: Show | None = None,
        on_capture: OnCapture | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.captured: deque[tuple[Delivery, Preview]] = deque(maxlen=config.keep)
        self._environment = environment
        self._show = show or _plain
        self._on_capture = on_capture
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def attempt(self, delivery: Delivery) -> Outcome:
        shown = self.preview(delivery)
        error = summary(delivery.alert, TemplateTarget.TEXT).error
        if error:
            self._environment.on_template_error(error)
        if self.config.file:
            try:
                async with asyncio.timeout(self.config.timeout), self._writing:
                    await asyncio.to_thread(_append, Path(self.config.file), delivery, shown)
            except OSError as failure:
                return Failed(f"cannot write the capture file: {failure.strerror or 'timed out'}")
        self.captured.append((delivery, shown))
        if self._on_capture is not None:
            self._on_capture(delivery, shown)
        return Delivered()

    def preview(self, delivery: Delivery) -> Preview:
        return self._show(delivery)


def capture_instead_of(
    destination: Destination, environment: Environment, on_capture: OnCapture | None = None
) -> CaptureDestination:
    """A capture that stands in for ``destination``, of whatever kind, and shows what it would."""
    config = CaptureConfig(
        timeout=destination.config.timeout,
        concurrency=destination.config.concurrency,
        retry=destination.config.retry,
    )
    return CaptureDestination(
        destination.name, config, environment, show=destination.preview, on_capture=on_capture
    )


def _plain(delivery: Delivery) -> Preview:
    event = decode(delivery.alert)
    shown = {
        "delivery": delivery.id,
        "alert": delivery.alert.id,
        "summary": summary(delivery.alert, TemplateTarget.TEXT, event).text,
        "facts": {fact.label: fact.value for fact in facts(delivery.alert, event)},
    }
    text = msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()
    return Preview((), text, "application/json")


def _append(path: Path, delivery: Delivery, shown: Preview) -> None:
    line = {
        "delivery": delivery.id,
        "destination": delivery.destination,
        "alert": delivery.alert.id,
        "rule": delivery.alert.rule,
        "attempt": delivery.attempt,
        "headers": dict(shown.headers),
        "content_type": shown.content_type,
        "body": shown.body,
    }
    with path.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")
