"""Resources of Twilio's APIs for Event Streams and the Debugger, and the calls that change them (pure).

Source: Twilio's OpenAPI documents twilio_events_v1.yaml and twilio_monitor_v1.yaml; each Struct names its
schema and each function its operation.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from router.datatypes import Secret


class TwilioEventType(msgspec.Struct, frozen=True, kw_only=True):
    """A type of events to which an account can subscribe: ``events.v1.event_type``."""

    type: str
    schema_id: str | None = None
    status: str | None = None
    """One of available, deprecated, restricted, discontinued."""
    description: str | None = None


class SinkConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The part of ``sink_configuration`` that a webhook has."""

    destination: str = ""
    method: str = ""


class TwilioSink(msgspec.Struct, frozen=True, kw_only=True):
    """A place to which Twilio sends events: ``events.v1.sink``."""

    sid: str
    sink_type: str = ""
    status: str = ""
    """One of initialized, validating, active, failed."""
    description: str | None = None
    sink_configuration: Any = None
    date_created: str | None = None

    @property
    def webhook(self) -> SinkConfiguration:
        """The URL and the method; empty texts for a sink of another type."""
        try:
            return msgspec.convert(self.sink_configuration, SinkConfiguration)
        except msgspec.ValidationError:
            return SinkConfiguration()


class TwilioSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """The event types that one sink gets: ``events.v1.subscription``."""

    sid: str
    sink_sid: str = ""
    account_sid: str | None = None
    description: str | None = None


class SubscribedType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of a subscription: ``events.v1.subscription.subscribed_event``."""

    type: str
    schema_version: int = 0


class DebuggerAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An error or warning in Twilio's Debugger: ``monitor.v1.alert``."""

    sid: str
    error_code: str | None = None
    log_level: str | None = None
    alert_text: str | None = None
    date_generated: str | None = None
    request_url: str | None = None
    resource_sid: str | None = None
    service_sid: str | None = None


class TwilioCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that changes something. ``--dry-run`` prints it, and TwilioApi makes it."""

    method: str
    path: str
    form: tuple[tuple[str, str], ...] = ()
    """The fields; a name may be there more than once."""
    secrets: tuple[Secret, ...] = ()
    """Secrets in the fields, which are removed from all that is shown."""

    @property
    def body(self) -> bytes:
        """The fields as they are sent."""
        return urlencode(self.form).encode()


def create_sink_call(
    description: str, destination: str, secrets: tuple[Secret, ...] = ()
) -> TwilioCall:
    """Return the call of the operation CreateSink for a webhook."""
    configuration = SinkConfiguration(destination=destination, method="POST")
    return TwilioCall(
        method="POST",
        path="/v1/Sinks",
        form=(
            ("Description", description),
            ("SinkConfiguration", msgspec.json.encode(configuration).decode()),
            ("SinkType", "webhook"),
        ),
        secrets=secrets,
    )


def sink_test_call(sink_sid: str) -> TwilioCall:
    """Return the call of the operation CreateSinkTest."""
    return TwilioCall(method="POST", path=f"/v1/Sinks/{sink_sid}/Test")


def validate_sink_call(sink_sid: str, test_id: str) -> TwilioCall:
    """Return the call of the operation CreateSinkValidate."""
    return TwilioCall(
        method="POST", path=f"/v1/Sinks/{sink_sid}/Validate", form=(("TestId", test_id),)
    )


def create_subscription_call(
    description: str, sink_sid: str, types: Sequence[SubscribedType]
) -> TwilioCall:
    """Return the call of the operation CreateSubscription."""
    written = (("Types", msgspec.json.encode(each).decode()) for each in types)
    return TwilioCall(
        method="POST",
        path="/v1/Subscriptions",
        form=(("Description", description), ("SinkSid", sink_sid), *written),
    )


def add_type_call(subscription_sid: str, added: SubscribedType) -> TwilioCall:
    """Return the call of the operation CreateSubscribedEvent."""
    return TwilioCall(
        method="POST",
        path=f"/v1/Subscriptions/{subscription_sid}/SubscribedEvents",
        form=(("Type", added.type), ("SchemaVersion", str(added.schema_version))),
    )


def delete_subscription_call(sid: str) -> TwilioCall:
    """Return the call of the operation DeleteSubscription."""
    return TwilioCall(method="DELETE", path=f"/v1/Subscriptions/{sid}")


def delete_sink_call(sid: str) -> TwilioCall:
    """Return the call of the operation DeleteSink."""
    return TwilioCall(method="DELETE", path=f"/v1/Sinks/{sid}")
