"""``POST /api/v1/destinations/<name>/test``: send a test message and say whether it arrived."""

import asyncio
import enum
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.alerts import (
    TEST_RULE,
    Alert,
    AlertKey,
    AlertStatus,
    Delivery,
    DeliveryId,
    Severity,
    alert_id,
    alert_key,
    delivery_id,
)
from router.api.access import Access, Caller, audit_entry, caller_of
from router.api.destination_views import HealthState, read_destination
from router.api.destinations import KnownDestinations, NoQuery
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import operator_operation, operator_route
from router.api.requests import BAD_REQUEST, BadRequestError, query_params
from router.clock import Clock
from router.destinations.rendering.summary import rfc3339
from router.http.openapi import ResponseSpec
from router.journal.acknowledgement_receivers import AcknowledgementReceivers
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.journal.message_tests import PAUSE_SECONDS, MessageTests
from router.journal.pauses import PauseKind, Pauses

PATIENCE: Final = 5.0
"""Seconds for which the answer waits for the attempt."""
_POLL_SECONDS: Final = 0.05
_SOURCE: Final = "event-router"
_TYPE: Final = "event-router.test"


class MessageOutcome(enum.StrEnum):
    """The end of a test message."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """The only attempt failed or was refused."""
    WAITING = "waiting"
    """No worker has made the attempt yet."""


class MessageTested(msgspec.Struct, frozen=True, kw_only=True):
    """A test message and its end."""

    delivery: Annotated[
        str, Meta(description="Id of the delivery, for `GET /api/v1/deliveries/{id}`.")
    ]
    outcome: MessageOutcome
    reason: Annotated[
        str, Meta(description="Why it failed or waits, and what to do if that is known.")
    ] = ""
    status: Annotated[
        int | None, Meta(description="HTTP or SMTP status, null without response.")
    ] = None
    response: Annotated[str, Meta(description="First KiB of the receiver's response.")] = ""
    seconds: Annotated[float, Meta(description="Duration of the attempt.")] = 0.0


class TooEarlyError(BadRequestError):
    """Raised when a test message was sent to a destination a moment ago."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"a test message was sent a moment ago: try again in {seconds:.0f} s",
            status=429,
            code="too_early",
        )
        self.seconds = seconds


_TEST: Final = operator_operation(
    hdrs.METH_POST,
    "/api/v1/destinations/{name}/test",
    "Send a test message to a destination",
    {
        200: ResponseSpec("The message was delivered, or was not: see outcome.", MessageTested),
        202: ResponseSpec("No worker has attempted it yet.", MessageTested),
        404: ResponseSpec("The destination does not exist."),
        409: ResponseSpec("The destination is paused by an operator, or disabled: resume it."),
        429: ResponseSpec(
            f"A test message was sent less than {PAUSE_SECONDS:g} s ago.",
            headers={"Retry-After": "Seconds after which to try again."},
        ),
        **BAD_REQUEST,
    },
    description=(
        "One message that says that it is a test, on the way of all deliveries: rendered, signed,"
        " sent by a worker, under the destination's rate and circuit. It is attempted once. A"
        " destination that opens incidents is told at once that this one is resolved."
    ),
    path_parameters={"name": "Name of the destination."},
)
OPERATIONS: Final = (_TEST,)
"""Descriptions of the routes."""


def make_messages(
    destination: str, by: str, clock: Clock, *, is_resolved: bool
) -> tuple[Delivery, ...]:
    """Return the deliveries of a test message.

    Args:
        destination: Its destination.
        by: The name of who asks for it; ``""`` if it is not known.
        clock: Time and ids.
        is_resolved: Whether a second one says that the first one's alert is resolved.
    """
    now, unique = clock.now(), clock.new_id()
    asked_by = f" by {by}" if by else ""
    event = {
        "specversion": "1.0",
        "id": f"test-{unique}",
        "source": _SOURCE,
        "type": _TYPE,
        "time": rfc3339(now),
        "data": {"destination": destination, "requested_by": by},
    }
    first = alert_id(f"test:{unique}", TEST_RULE)
    alert = Alert(
        id=first,
        rule=TEST_RULE,
        severity=Severity.INFO,
        summary=f"TEST: a message to {destination} from event-router. No alert, nothing to do.",
        description=f"Sent{asked_by} to see whether this destination receives alerts.",
        raised_at=now,
        event_id=f"test-{unique}",
        event_source=_SOURCE,
        event_type=_TYPE,
        event_time=rfc3339(now),
        event_received_at=now,
        event=msgspec.json.encode(event),
        key=alert_key(TEST_RULE, (unique,)) if is_resolved else AlertKey(str(first)),
    )
    alerts = [alert]
    if is_resolved:
        ended = alert_id(f"test:{unique}:resolved", TEST_RULE)
        alerts.append(
            msgspec.structs.replace(alert, id=ended, status=AlertStatus.RESOLVED, since=now)
        )
    return tuple(
        Delivery(id=delivery_id(each.id, destination), destination=destination, alert=each)
        for each in alerts
    )


async def send_test(
    connection: Connection, clock: Clock, name: str, by: str, *, patience: float = PATIENCE
) -> MessageTested:
    """Send a test message to a destination that exists, and wait a little for its end.

    Args:
        connection: To Redis.
        clock: Time and ids.
        name: The destination.
        by: The name of who asks; ``""`` if it is not known.
        patience: Seconds to wait for the attempt.

    Raises:
        BadRequestError: The destination is paused or disabled.
        TooEarlyError: Another test message was sent a moment ago.
        JournalUnavailableError: It may be sent.
    """
    pause = (await Pauses(connection).all()).get(name)
    if pause is not None and pause.kind is not PauseKind.REFUSED:
        message = f"the destination is {pause.kind}: resume it, then test it"
        raise BadRequestError(message, status=409, code="paused")
    # Those are the kinds that open incidents, unless the rules say otherwise.
    told = await AcknowledgementReceivers(connection, clock).among([name])
    messages = make_messages(name, by, clock, is_resolved=bool(told))
    tests = MessageTests(connection, clock)
    seconds = await tests.open(name, messages)
    if seconds:
        raise TooEarlyError(seconds)
    has_worker = await tests.has_worker(name)
    tested = await _end_of(tests, messages[0].id, patience if has_worker else 0.0)
    if tested is not None:
        return tested
    health = (await read_destination(connection, clock, name)).health
    reason = _WAITING.get(health, _BUSY) if has_worker else _NO_WORKER
    return MessageTested(delivery=messages[0].id, outcome=MessageOutcome.WAITING, reason=reason)


_NO_WORKER: Final = "no worker has this destination: start one with the rules that have it"
_BUSY: Final = "the workers have not attempted it yet: its rate or other deliveries come first"
_WAITING: Final = {
    HealthState.CIRCUIT_OPEN: "the circuit is open: it is sent as the next trial",
    HealthState.PAUSED: "the destination is paused for its refusals: it is sent as the next trial",
}


async def _end_of(
    tests: MessageTests, delivery: DeliveryId, patience: float
) -> MessageTested | None:
    """Return the end of a test message; None if there is none in time."""
    seconds = asyncio.get_running_loop().time
    until = seconds() + patience
    while (result := await tests.result(delivery)) is None:
        if seconds() > until:
            return None
        await asyncio.sleep(_POLL_SECONDS)
    return MessageTested(
        delivery=delivery,
        outcome=MessageOutcome.DELIVERED if result.is_delivered else MessageOutcome.FAILED,
        reason=result.reason,
        status=result.status,
        response=result.response,
        seconds=round(result.seconds, 3),
    )


class MessageTestApi:
    """The handler of test messages.

    Args:
        connection: The journal.
        destinations: The destinations that exist.
        clock: Time and ids.
        access: Who may call.
        audit: Records each test.
        patience: Seconds to wait for the attempt.
    """

    def __init__(
        self,
        connection: Connection,
        destinations: KnownDestinations,
        clock: Clock,
        access: Access,
        audit: Audit,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._connection = connection
        self._destinations = destinations
        self._clock = clock
        self._access = access
        self._audit = audit
        self._patience = patience

    def routes(self) -> list[web.RouteDef]:
        """Return the route, for operators only."""
        return [operator_route(_TEST, self.test, self._access)]

    async def test(self, request: web.Request) -> web.StreamResponse:
        """Send a test message."""
        query_params(request, NoQuery)
        try:
            tested = await self.send(request.match_info["name"], caller_of(request))
        except TooEarlyError as error:
            response = error_response(error.status, error.code, str(error))
            response.headers[hdrs.RETRY_AFTER] = str(max(1, round(error.seconds)))
            return response
        return json_response(tested, 202 if tested.outcome is MessageOutcome.WAITING else 200)

    async def send(self, name: str, caller: Caller) -> MessageTested:
        """Send a test message for a caller. Raise as ``send_test``, and if there is no destination."""
        await self._destinations.check(name)
        tested = await send_test(
            self._connection, self._clock, name, caller.name, patience=self._patience
        )
        entry = audit_entry(
            caller,
            AuditAction.TESTED,
            Audited.DESTINATION,
            name,
            details={"outcome": tested.outcome},
        )
        await self._audit.record(entry)
        return tested
