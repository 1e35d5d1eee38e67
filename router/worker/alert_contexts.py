"""The traces of an alert: of its own event, of what else caused the message, of what it represents."""

from collections.abc import Iterator

from router.alerts import Alert
from router.tracing.contexts import TraceContext, stored_context


def contexts_of(alert: Alert) -> Iterator[TraceContext]:
    """Yield the contexts of an alert, its further causes and its members, each one once."""
    seen = set()
    for text in (alert.trace, *alert.causes, *(member.trace for member in alert.members)):
        if not text or text in seen:
            continue
        seen.add(text)
        context = stored_context(text)
        if context is not None:
            yield context
