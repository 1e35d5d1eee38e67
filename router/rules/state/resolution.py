"""The notification that an alert is resolved, and the reason for which a resolved one is suppressed."""

from typing import Final

import msgspec

from router.alerts import AlertStatus, alert_id
from router.rules.state.chain import decode_alert
from router.rules.state.decision import DecisionDraft
from router.rules.state.measured import restored
from router.rules.state.step import ChainResult, Reason
from router.tracing.contexts import is_sampled

RESOLVED: Final = Reason("resolved")
"""The alert was resolved before its group was sent, or before its event arrived."""


def notify_resolved(draft: DecisionDraft, result: ChainResult, cause: str = "") -> None:
    """Notify the destinations that were told of the alert that it is resolved.

    Args:
        draft: Gets the notification.
        result: What the store decided.
        cause: The context of the event that resolved it, as ``TraceContext.text``; ``""`` for none.
    """
    sent = restored(decode_alert(result.alert))
    resolved = msgspec.structs.replace(
        sent,
        id=alert_id(sent.id, "resolved"),
        status=AlertStatus.RESOLVED,
        raised_at=draft.now,
        since=int(result.extra[0]) / 1000 if result.extra else 0.0,
        causes=(cause,) if is_sampled(cause) else (),
        acknowledged_by=result.extra[1].decode() if len(result.extra) > 1 else "",
    )
    draft.notify_again(resolved, result.notified, result.number)
