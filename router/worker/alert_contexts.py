"""The traces that an alert belongs to: that of its own event, and those of the others that it represents."""

from collections.abc import Iterator

from router.alerts import Alert
from router.tracing.contexts import TraceContext, stored_context


def contexts_of(alert: Alert) -> Iterator[TraceContext]:
    """Yield the contexts of an alert and its members, each one once."""
    seen = set()
    for text in (alert.trace, *(member.trace for member in alert.members)):
        if not text or text in seen:
            continue
        seen.add(text)
        context = stored_context(text)
        if context is not None:
            yield context
