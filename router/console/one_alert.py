"""``/console/alerts/<key>``: one alert, what happened to it, and what its destinations were told."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web

from router.api.access import audit_entry, caller_of
from router.api.alert_actions import AlertActions, obstacle, read_details, unknown_key
from router.api.alert_messages import AlertMessages
from router.api.alert_views import AlertDetails, KeyedState
from router.api.delivery_reading import DeliveryReader
from router.api.event_views import REASONS
from router.api.requests import BadRequestError
from router.clock import Clock
from router.console.alert_timeline import TimelineSign, timeline
from router.console.alerts_page import PATH
from router.console.message_frame import MESSAGE_HEADERS
from router.console.page_links import HOME
from router.console.pages import ConsoleFrame, visitor_of
from router.console.silence_links import silence_link
from router.events.masks import Masks
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.journal.keyed_alerts import FoundAlert, KeyedAlert, KeyedAlerts
from router.journal.silences import Silences
from router.quantities import counted

_ITEM: Final = f"{PATH}/{{key}}"
_DELIVERIES: Final = 50
"""Deliveries that the timeline has."""
_MEMBERS: Final = 100
SIGNS: Final = {
    TimelineSign.BEGIN: "■",
    TimelineSign.TOLD: "→",
    TimelineSign.QUIET: "◐",
    TimelineSign.OPERATOR: "◆",
    TimelineSign.GOOD: "●",
    TimelineSign.BAD: "✕",
    TimelineSign.WAITING: "○",
}


class StateFact(msgspec.Struct, frozen=True):
    """A line about the state of an alert."""

    label: str
    text: str
    is_time: bool = False


class OneAlertPage:
    """Handlers of one alert.

    Args:
        frame: The frame of the pages.
        connection: To Redis.
        clock: Time.
        deliveries: Reads deliveries.
        messages: Renders messages.
        masks: The fields of events that are not shown.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        connection: Connection,
        clock: Clock,
        deliveries: DeliveryReader,
        messages: AlertMessages,
        masks: Masks,
    ) -> None:
        self._masks = masks
        self._frame = frame
        self._connection = connection
        self._alerts = KeyedAlerts(connection)
        self._silences = Silences(connection, clock)
        self._actions = AlertActions(connection, clock)
        self._audit = Audit(connection, clock)
        self._deliveries = deliveries
        self._messages = messages
        self._now = clock.now

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(_ITEM, self.page),
            self._frame.page(f"{_ITEM}/messages/{{destination}}", self.message),
            self._frame.action(f"{_ITEM}/acknowledge", self.acknowledge),
            self._frame.action(f"{_ITEM}/unacknowledge", self.unacknowledge),
            self._frame.action(f"{_ITEM}/resolve", self.resolve),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show one alert."""
        found = await self._found(request)
        if not isinstance(found, KeyedAlert):
            return await self._frame.render_message(
                request,
                HTTPStatus.CONFLICT,
                "The record of this alert cannot be read",
                found.reason,
            )
        details = await read_details(
            self._connection, found, self._silences, self._now(), self._masks
        )
        deliveries = await self._deliveries.of_key(found.key, limit=_DELIVERIES)
        rule = details.alert.rule
        return await self._frame.render(
            request,
            "alert.html.jinja",
            details=details,
            here=_path(found.key),
            silence_link=silence_link([found]),
            resolve_sentence=_resolve_sentence(found),
            entries=timeline(details, deliveries),
            timeline_signs=SIGNS,
            messages=self._messages.of(found),
            untold=_untold(details),
            state_facts=list(_state_facts(details)),
            members=found.alert.members[:_MEMBERS],
            events_link=f"{HOME}/events?{urlencode({'rule': rule})}",
            rule_link=f"{HOME}/rules/{quote(rule, safe='')}",
            may_change=visitor_of(request).caller.may_change,
            reasons=REASONS,
        )

    async def message(self, request: web.Request) -> web.StreamResponse:
        """Return the message to one destination as its reader sees it, for a frame of the page."""
        found = await self._found(request)
        name = request.match_info["destination"]
        shown = self._messages.to(found, name) if isinstance(found, KeyedAlert) else None
        if shown is None or not shown.html:
            raise BadRequestError("there is no such message", status=HTTPStatus.NOT_FOUND)
        return web.Response(text=shown.html, content_type="text/html", headers=MESSAGE_HEADERS)

    async def acknowledge(self, request: web.Request) -> web.StreamResponse:
        """Acknowledge the alert in the name of the operator."""
        found = await self._open_alert(request)
        told = await self._actions.acknowledge(found.key, visitor_of(request).shown_name, found)
        await self._record(request, AuditAction.ACKNOWLEDGED, found)
        said = "Acknowledged."
        if told:
            said = f"Acknowledged; {counted(told, 'destination')} {_is(told)} told of it."
        return self._frame.redirect(request, _path(found.key), said)

    async def unacknowledge(self, request: web.Request) -> web.StreamResponse:
        """Withdraw the acknowledgement."""
        found = await self._open_alert(request)
        is_withdrawn = await self._actions.unacknowledge(found.key, visitor_of(request).shown_name)
        if is_withdrawn:
            await self._record(request, AuditAction.UNACKNOWLEDGED, found)
        said = (
            "Acknowledgement withdrawn: reminders and escalation go on."
            if is_withdrawn
            else "It was not acknowledged."
        )
        return self._frame.redirect(request, _path(found.key), said)

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        """Have a worker resolve the alert."""
        found = await self._open_alert(request)
        is_done = await self._actions.resolve(found, visitor_of(request).shown_name)
        await self._record(request, AuditAction.RESOLVED, found)
        said = "Resolved." if is_done else "A worker will resolve it when it runs."
        return self._frame.redirect(request, _path(found.key), said)

    async def _record(self, request: web.Request, action: AuditAction, found: KeyedAlert) -> None:
        details = {"rule": found.alert.rule}
        entry = audit_entry(caller_of(request), action, Audited.ALERT, found.key, details=details)
        await self._audit.record(entry)

    async def _found(self, request: web.Request) -> FoundAlert:
        key = request.match_info["key"]
        found = await self._alerts.get(key)
        if found is None:
            message = await unknown_key(self._alerts, key)
            raise BadRequestError(f"{message}.", status=HTTPStatus.NOT_FOUND)
        return found

    async def _open_alert(self, request: web.Request) -> KeyedAlert:
        found = await self._found(request)
        reason = obstacle(found, self._now())
        if reason or not isinstance(found, KeyedAlert):
            raise BadRequestError(f"Nothing was changed: {reason}.", status=HTTPStatus.CONFLICT)
        return found


def _path(key: str) -> str:
    return f"{PATH}/{quote(key, safe='')}"


def _is(amount: int) -> str:
    return "is" if amount == 1 else "are"


def _resolve_sentence(found: KeyedAlert) -> str:
    told = len(found.record.told_firing())
    again = "A further event of the rule begins a new alert."
    if not told:
        return f"No destination knows of it, so that none is told that it is over. {again}"
    return (
        f"{counted(told, 'destination')} that {'was' if told == 1 else 'were'} told of it"
        f" {_is(told)} told that it is over. {again}"
    )


def _untold(details: AlertDetails) -> str:
    alert = details.alert
    if alert.suppressed is not None:
        return f"It is suppressed: {REASONS.get(alert.suppressed.reason, alert.suppressed.reason)}."
    if alert.status == KeyedState.PENDING:
        return "It is pending: destinations are told if it goes on."
    return "Its rule has no destination for it, or it waits in a group."


def _state_facts(details: AlertDetails) -> Iterator[StateFact]:
    alert = details.alert
    yield StateFact("Since", alert.since, is_time=True)
    yield StateFact("Events", f"{alert.count:,}")
    if alert.held_back:
        reasons = ", ".join(REASONS.get(each, each) for each in details.held_because)
        text = counted(alert.held_back, "notification")
        yield StateFact("Held back", f"{text}: {reasons}" if reasons else text)
    if details.reminders:
        yield StateFact("Reminders", str(details.reminders))
    for label, time in (
        ("Told if it lasts until", details.pending_until),
        ("Resolved without events", details.resolving_at),
        ("Next reminder", details.remind_at),
        ("Over without events", details.ends_at),
    ):
        if time:
            yield StateFact(label, time, is_time=True)
