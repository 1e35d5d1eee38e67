"""The sinks of an account with their types and their errors (pure)."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from router.client.send import without_secrets
from router.client.twilio_advice import Advice, alerts_of, of_alert
from router.client.twilio_plan import AccountState, is_ours
from router.client.twilio_resources import DebuggerAlert, SubscribedType, TwilioSink
from router.client.twilio_urls import is_same_place


class SinkFailure(msgspec.Struct, frozen=True, kw_only=True):
    """The errors of one code that the Debugger has about a sink."""

    code: str
    count: int
    latest_at: str
    """The time of the newest one, as Twilio writes it."""
    problem: str
    remedy: str


class SinkOverview(msgspec.Struct, frozen=True, kw_only=True):
    """One sink."""

    sid: str
    type: str
    status: str
    url: str
    """Without user, password and query; ``""`` for a sink that is no webhook."""
    description: str
    is_this_router: bool
    """Whether its URL is that of this router."""
    is_made_by_connect: bool
    subscription_sid: str
    """``""`` if it has none."""
    types: tuple[SubscribedType, ...]
    failures: tuple[SinkFailure, ...]


def sink_overviews(
    state: AccountState, alerts: Sequence[DebuggerAlert], own_url: str
) -> list[SinkOverview]:
    """Return the sinks of an account, those of this router first.

    Args:
        state: The sinks, and the types of all subscriptions.
        alerts: The errors of the Debugger.
        own_url: The URL of this router's sink; ``""`` if it is not known.
    """
    overviews = [_overview(sink, state, alerts, own_url) for sink in state.sinks]
    return sorted(overviews, key=lambda each: (not each.is_this_router, each.url, each.sid))


def _overview(
    sink: TwilioSink, state: AccountState, alerts: Sequence[DebuggerAlert], own_url: str
) -> SinkOverview:
    subscription = state.subscription_of(sink.sid)
    destination = sink.webhook.destination
    return SinkOverview(
        sid=sink.sid,
        type=sink.sink_type,
        status=sink.status,
        url=without_secrets(destination),
        description=sink.description or "",
        is_this_router=is_same_place(destination, own_url),
        is_made_by_connect=is_ours(sink.description),
        subscription_sid=subscription.sid if subscription else "",
        types=state.types.get(subscription.sid, ()) if subscription else (),
        failures=_failures(alerts_of(sink.sid, alerts)),
    )


def _failures(alerts: Sequence[DebuggerAlert]) -> tuple[SinkFailure, ...]:
    """Return the alerts by code, the most frequent first; they come newest first."""
    counts = Counter(alert.error_code or "" for alert in alerts)
    newest: dict[str, str] = {}
    for alert in alerts:
        newest.setdefault(alert.error_code or "", alert.date_generated or "")
    return tuple(
        _failure(code, count, newest[code], of_alert(code)) for code, count in counts.most_common()
    )


def _failure(code: str, count: int, latest_at: str, advice: Advice) -> SinkFailure:
    return SinkFailure(
        code=code, count=count, latest_at=latest_at, problem=advice.problem, remedy=advice.remedy
    )
