"""The changes that ``router twilio connect`` and ``disconnect`` make, given what is there (pure).

A sink or subscription is *ours* if its description ends with ``MARK``; only those are deleted. Twilio
allows one subscription for a sink, and no change of a sink's URL.

Source: Twilio, "Sink resource", "Subscription resource", error codes 91003, 91007 and 91100.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from router.client.send import has_credentials, without_secrets
from router.client.twilio_resources import (
    SubscribedType,
    TwilioCall,
    TwilioSink,
    TwilioSubscription,
    add_type_call,
    create_sink_call,
    create_subscription_call,
    delete_sink_call,
    delete_subscription_call,
    sink_test_call,
    validate_sink_call,
)
from router.client.twilio_urls import is_same_place
from router.datatypes import Secret
from router.errors import ConfigurationError

MARK: Final = "made by router twilio connect"
NEW_SINK: Final = "DG…"
"""Stands for the SID of a sink that is not made yet."""
NEW_TEST: Final = "…"
"""Stands for the id of a test event that has not come yet."""
SINK_LIMIT: Final = 100
_DESCRIPTION: Final = f"Event router, {MARK}"


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """The sinks of an account with their subscriptions."""

    sinks: tuple[TwilioSink, ...]
    subscriptions: tuple[TwilioSubscription, ...]
    types: Mapping[str, tuple[SubscribedType, ...]] = {}
    """The types of a subscription, by its SID; of those that were read."""

    def subscription_of(self, sink_sid: str) -> TwilioSubscription | None:
        """Return the subscription of a sink; None if it has none."""
        return next((each for each in self.subscriptions if each.sink_sid == sink_sid), None)


class ConnectPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that connect a sink."""

    sink: TwilioSink | None
    """The sink that is used; None if ``create_sink`` makes it."""
    create_sink: TwilioCall | None
    subscription: TwilioSubscription | None
    """The subscription that gets the types; None if one is made."""
    added: tuple[SubscribedType, ...]
    """The types that are not subscribed to yet."""
    older: tuple[SubscribedType, ...] = ()
    """Types that are subscribed to in an older version of their schema, which stays."""
    newest: tuple[SubscribedType, ...] = ()
    """The types that are wanted, with the newest versions of their schemas."""

    @property
    def changes_nothing(self) -> bool:
        """Whether all is there already."""
        return self.create_sink is None and not self.added

    def subscribe_calls(self, sink_sid: str) -> tuple[TwilioCall, ...]:
        """Return the calls that subscribe a sink to the types that are missing."""
        if not self.added:
            return ()
        if self.subscription is None:
            return (create_subscription_call(_DESCRIPTION, sink_sid, self.added),)
        return tuple(add_type_call(self.subscription.sid, each) for each in self.added)

    def calls(self) -> tuple[TwilioCall, ...]:
        """Return all calls in their order, for a sink that is not made yet with a sign for its SID."""
        sid = self.sink.sid if self.sink else NEW_SINK
        made = (self.create_sink,) if self.create_sink else ()
        is_inactive = self.sink is not None and self.sink.status != "active"
        validated = (validate_sink_call(sid, NEW_TEST),) if is_inactive else ()
        return (*made, sink_test_call(sid), *validated, *self.subscribe_calls(sid))


class DisconnectPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that undo ``connect``, and what stays."""

    calls: tuple[TwilioCall, ...]
    deleted: tuple[str, ...]
    """A line for each thing that is deleted, in the order of ``calls``."""
    kept: tuple[str, ...]
    """A line for each thing of this URL that stays, with the reason."""


def plan_connect(
    url: str,
    destination: str,
    state: AccountState,
    wanted: Sequence[SubscribedType],
    secrets: tuple[Secret, ...] = (),
) -> ConnectPlan:
    """Return what is to be done so that a sink of this URL gets the wanted types.

    Args:
        url: The URL of the sink.
        destination: The same with user and password, if the router requires them.
        state: What is there.
        wanted: The types, with the newest versions of their schemas.
        secrets: The secrets in ``destination``.

    Raises:
        ConfigurationError: A sink of this URL is in the way.
    """
    sink = reusable_sink(url, destination, state)
    if sink is None and len(state.sinks) >= SINK_LIMIT:
        raise ConfigurationError(
            f"the account has {len(state.sinks)} sinks, and Twilio allows {SINK_LIMIT}: delete one that"
            " is not used (router twilio status lists them)"
        )
    subscription = state.subscription_of(sink.sid) if sink else None
    subscribed = (
        {each.type: each for each in state.types.get(subscription.sid, ())}
        if (subscription)
        else {}
    )
    return ConnectPlan(
        sink=sink,
        create_sink=None if sink else create_sink_call(_DESCRIPTION, destination, secrets),
        subscription=subscription,
        added=tuple(each for each in wanted if each.type not in subscribed),
        newest=tuple(wanted),
        older=tuple(
            subscribed[each.type]
            for each in wanted
            if each.type in subscribed
            and subscribed[each.type].schema_version < each.schema_version
        ),
    )


def reusable_sink(url: str, destination: str, state: AccountState) -> TwilioSink | None:
    """Return the sink of this URL that is used; None if there is none.

    Of several ones, that with a subscription, then an active one, then the oldest.

    Raises:
        ConfigurationError: The only sinks of this URL cannot be used, and a second one beside them
            would be a surprise.
    """
    there = sinks_of(url, state.sinks)
    reasons = {sink.sid: _unusable(sink, destination) for sink in there}
    usable = [sink for sink in there if not reasons[sink.sid]]
    if there and not usable:
        sink = there[0]
        raise ConfigurationError(
            f"sink {sink.sid} has this URL, but {reasons[sink.sid]}, and Twilio cannot change that:"
            f" delete it ({_how_to_delete(sink, state)}) and run this command again"
        )
    return min(
        usable,
        key=lambda sink: (
            state.subscription_of(sink.sid) is None,
            sink.status != "active",
            sink.date_created or "",
        ),
        default=None,
    )


def sinks_of(url: str, sinks: Iterable[TwilioSink]) -> list[TwilioSink]:
    """Return the webhook sinks whose URL leads to the same place."""
    return [
        sink
        for sink in sinks
        if sink.sink_type == "webhook" and is_same_place(sink.webhook.destination, url)
    ]


def plan_disconnect(url: str, state: AccountState) -> DisconnectPlan:
    """Return what of this URL ``connect`` has made, and what stays because it has not."""
    calls: list[TwilioCall] = []
    deleted: list[str] = []
    kept: list[str] = []
    for sink in sinks_of(url, state.sinks):
        others = 0
        for each in state.subscriptions:
            if each.sink_sid != sink.sid:
                continue
            count = len(state.types.get(each.sid, ()))
            line = f"subscription {each.sid} to {count} event type{'' if count == 1 else 's'}"
            if is_ours(each.description):
                calls.append(delete_subscription_call(each.sid))
                deleted.append(line)
            else:
                others += 1
                kept.append(f"{line}: {_not_ours(each.description)}")
        line = f"sink {sink.sid} ({without_secrets(sink.webhook.destination)})"
        if not is_ours(sink.description):
            kept.append(f"{line}: {_not_ours(sink.description)}")
        elif others:
            kept.append(f"{line}: its subscription stays")
        else:
            calls.append(delete_sink_call(sink.sid))
            deleted.append(line)
    return DisconnectPlan(calls=tuple(calls), deleted=tuple(deleted), kept=tuple(kept))


def is_ours(description: str | None) -> bool:
    """Return whether ``connect`` has made what has this description."""
    return (description or "").endswith(MARK)


def _unusable(sink: TwilioSink, destination: str) -> str:
    if sink.webhook.method.upper() != "POST":
        return f"its method is {sink.webhook.method[:10] or 'not set'}, not POST"
    if has_credentials(destination) and not has_credentials(sink.webhook.destination):
        return "its URL has no user and password, which ROUTER_TWILIO_BASIC_AUTH requires"
    if sink.status == "failed":
        return "its state is failed"
    return ""


def _how_to_delete(sink: TwilioSink, state: AccountState) -> str:
    subscription = state.subscription_of(sink.sid)
    ours = is_ours(sink.description) and (subscription is None or is_ours(subscription.description))
    if ours:
        return "router twilio disconnect"
    delete = f"twilio api:events:v1:sinks:remove --sid {sink.sid}"
    if subscription is None:
        return delete
    return f"twilio api:events:v1:subscriptions:remove --sid {subscription.sid}, then {delete}"


def _not_ours(description: str | None) -> str:
    return f'not made by this command, described as "{(description or "")[:60]}"'
