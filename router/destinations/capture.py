"""The kind ``capture``: sends nothing and keeps what would have been sent.

``router dev`` uses it instead of a destination without credentials, with the preview of that
destination, so that developers see what it would send.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from router.alerts import Delivered, Delivery, Failed, Outcome, Preview
from router.destinations.contract import Destination, DestinationConfig, Environment
from router.destinations.rendering.notes import notes
from router.destinations.rendering.summary import decode, facts, summary
from router.destinations.rendering.templates import TemplateTarget
from router.media_types import JSON

OnCapture = Callable[[Delivery, Preview], None]
"""Called with a captured delivery and its preview."""


class CaptureConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a ``capture`` destination."""

    keep: int = 1000
    """The number of captured deliveries that stay in memory, the last ones."""
    file: str = ""
    """A file to which they are appended, one JSON object a line; ``""`` for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep < 1:
            raise ValueError("keep must be at least 1")


class CaptureDestination:
    """A destination that only records.

    Args:
        name: The destination's name.
        config: Its configuration.
        environment: Shared by all destinations of the process.
        preview: Makes the preview of a delivery; None for plain JSON.
        on_capture: Called with each captured delivery.
    """

    def __init__(
        self,
        name: str,
        config: CaptureConfig,
        environment: Environment,
        *,
        preview: Callable[[Delivery], Preview] | None = None,
        on_capture: OnCapture | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.captured: deque[tuple[Delivery, Preview]] = deque(maxlen=config.keep)
        """The last captured deliveries."""
        self._environment = environment
        self._preview = preview or self._plain
        self._on_capture = on_capture
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Record the delivery. It fails if the file cannot be written."""
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
        """Return the preview that ``attempt`` would record."""
        return self._preview(delivery)

    def _plain(self, delivery: Delivery) -> Preview:
        event = decode(delivery.alert)
        shown = self._environment.masks.applied(event)
        content = {
            "delivery": delivery.id,
            "alert": delivery.alert.id,
            "summary": summary(delivery.alert, TemplateTarget.TEXT, event).text,
            **({"notes": remarks} if (remarks := notes(delivery.alert)) else {}),
            "facts": {fact.label: fact.value for fact in facts(delivery.alert, shown)},
        }
        text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
        return Preview((), text, JSON)


def capture_instead_of(
    destination: Destination, environment: Environment, on_capture: OnCapture | None = None
) -> CaptureDestination:
    """Return a capture with the name, limits and preview of ``destination``, of any kind."""
    config = CaptureConfig(
        timeout=destination.config.timeout,
        concurrency=destination.config.concurrency,
        retry=destination.config.retry,
    )
    return CaptureDestination(
        destination.name, config, environment, preview=destination.preview, on_capture=on_capture
    )


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
