"""``pending``: notify only of an alert that is still open after a while.

The step that opens the alert (lifecycle.py) stops while it is pending; a look (look.py) notifies.
"""

from collections.abc import Iterator
from typing import Any

from router.datatypes import Duration
from router.rules.state.feature import Feature, check_span, milliseconds, span_text


class PendingFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies only of alerts that are still open after a while."""

    key = "pending"
    purpose = "How long an alert must be open before destinations are notified; needs `resolve`."
    written = Duration
    remembers = False
    needs = ("resolve",)

    text: Duration

    @property
    def pending_ms(self) -> int:
        return milliseconds(self.text)

    @classmethod
    def check(cls, text: Any) -> None:
        """Check the value. Raises ValueError."""
        check_span(cls.key, text)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - the base class's signature
        yield f"notifies if it is still open after {span_text(self.text)}"
