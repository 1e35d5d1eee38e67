"""``remind``: notify again and again while an alert is open and not acknowledged.

Each notification (lifecycle.py) says when to remind; a look (look.py) does.
"""

from collections.abc import Iterator
from typing import Any, Final

from router.datatypes import Duration
from router.rules.state.feature import Feature, check_span, milliseconds, span_text

_LEAST: Final = 1.0
"""Seconds between two reminders, at least: each is a message."""


class RemindFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies again while its alert is open and not acknowledged."""

    key = "remind"
    purpose = (
        "Notify again and again while the alert is open and not acknowledged; needs `resolve`."
    )
    written = Duration
    remembers = False
    needs = ("resolve",)

    text: Duration

    @property
    def remind_ms(self) -> int:
        return milliseconds(self.text)

    @classmethod
    def check(cls, text: Any) -> None:
        """Check the value. Raises ValueError."""
        check_span(cls.key, text)
        if text < _LEAST:
            raise ValueError(f"remind must be at least {span_text(_LEAST)}, such as 4h")

    def describe(self, content: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - the base class's signature
        yield f"reminds every {span_text(self.text)} until it is acknowledged or resolved"
