"""``/console/events/<reference>``: one event, what came of it by each rule, and why not more."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web

from router.api.access import audit_entry, caller_of
from router.api.delivery_reading import DeliveryReader
from router.api.delivery_views import DeliveryDetails, DeliveryState, DeliveryView
from router.api.event_details import EventReader, UnknownEvent
from router.api.event_queries import EventSelection
from router.api.event_replaying import EventReplayer, EventReplayResult
from router.api.event_views import EventDetails, EventState, RuleVerdict
from router.api.requests import BadRequestError
from router.clock import Clock
from router.configuration.model import Configuration
from router.console.events_page import PATH
from router.console.page_filters import pretty_json, sentence
from router.console.page_links import HOME
from router.console.pages import ConsoleFrame, visitor_of
from router.events.json_text import UNDECODABLE
from router.events.model import Event
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.offline.rule_tests.writing import written_test
from router.settings.choices import KeptBody
from router.timestamps import unix_seconds

FIND: Final = f"{PATH}/find"
PLAYGROUND: Final = f"{HOME}/playground"
_ITEM: Final = f"{PATH}/{{reference}}"
_ATTEMPTED: Final = 20
"""Deliveries whose attempts are read for one page."""
_TEST_BYTES: Final = 64 * 1024
"""Bytes of an event that is shown as a test, too."""
VERDICT_KINDS: Final = {
    RuleVerdict.MATCHED: "info",
    RuleVerdict.ERROR: "warning",
    RuleVerdict.UNKNOWN: "warning",
}
"""The kinds of badges; any other verdict asks for nothing."""


class PageNotice(msgspec.Struct, frozen=True):
    """A sentence above the explanation, with a link."""

    kind: str
    text: str
    href: str = ""
    link: str = ""


class OneEventPage:
    """Handlers of one event.

    Args:
        frame: The frame of the pages.
        connection: To Redis.
        clock: Time.
        configuration: Returns the active rules; None in a process without rules.
        events: Reads and explains events.
        deliveries: Reads deliveries.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        connection: Connection,
        clock: Clock,
        configuration: Callable[[], Configuration] | None,
        events: EventReader,
        deliveries: DeliveryReader,
    ) -> None:
        self._frame = frame
        self._configuration = configuration
        self._events = events
        self._deliveries = deliveries
        self._replayer = EventReplayer(connection, clock)
        self._audit = Audit(connection, clock)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(FIND, self.find),
            self._frame.page(_ITEM, self.page),
            self._frame.action(f"{_ITEM}/replay", self.replay),
        ]

    async def find(self, request: web.Request) -> web.StreamResponse:
        """Show the newest event with an id, also one that waits or is in quarantine."""
        event_id = request.query.get("id", "").strip()
        if not event_id:
            raise BadRequestError("give the id of the event: /console/events/find?id=EZ…")
        return await self._show(request, await self._events.of_id(event_id))

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show one event of history."""
        return await self._show(
            request, await self._events.of_reference(request.match_info["reference"])
        )

    async def _show(
        self, request: web.Request, details: EventDetails | UnknownEvent
    ) -> web.StreamResponse:
        if isinstance(details, UnknownEvent):
            return await self._frame.render_message(
                request,
                HTTPStatus.NOT_FOUND,
                "This event is not known",
                sentence(details.message),
            )
        reference = details.event.reference
        is_kept = details.state is EventState.EVALUATED
        return await self._frame.render(
            request,
            "event.html.jinja",
            details=details,
            here=_path(reference),
            body=details.body if isinstance(details.body, str) else pretty_json(details.body),
            test_case=self._test_case(details),
            attempts=await self._attempts(details),
            notices=list(_notices(details)),
            playground_link=f"{PLAYGROUND}?{urlencode({'event': reference})}" if is_kept else "",
            verdict_kinds=VERDICT_KINDS,
            may_replay=is_kept and visitor_of(request).caller.may_change,
        )

    async def replay(self, request: web.Request) -> web.StreamResponse:
        """Accept the event again."""
        reference = request.match_info["reference"]
        result = await self._replayer.replay(EventSelection(references=(reference,)))
        if result.replayed:
            caller = caller_of(request)
            entry = audit_entry(caller, AuditAction.REPLAYED, Audited.EVENTS, reference)
            await self._audit.record(entry)
        said, kind = _said(result)
        return self._frame.redirect(request, _path(reference), said, kind)

    async def _attempts(self, details: EventDetails) -> dict[str, DeliveryDetails]:
        """Return the deliveries that have failed attempts, with these, by their ids."""
        failed = [view for rule in details.rules for view in rule.deliveries if _has_failed(view)]
        found = [await self._deliveries.get(view.id) for view in failed[:_ATTEMPTED]]
        return {each.delivery.id: each for each in found if each is not None}

    def _test_case(self, details: EventDetails) -> str:
        """Return the event as a rule test; ``""`` if its body is not kept, or is large."""
        if self._configuration is None or details.event.kept == KeptBody.NONE:
            return ""
        if not isinstance(details.body, dict):
            return ""
        body = msgspec.json.encode(details.body)
        view = details.event
        received_at = unix_seconds(view.received_at) or 0.0
        event = Event(
            view.id,
            view.source,
            view.type,
            view.time,
            f"{view.source}\x00{view.id}",
            received_at,
            body,
        )
        if len(body) > _TEST_BYTES:
            return ""
        configuration = self._configuration()
        notes = [f"Event {view.id} of {view.source}, received {view.received_at}.", *details.notes]
        try:
            return written_test(event, configuration.rules, configuration.silences, notes=notes)
        except UNDECODABLE:
            return ""


def _path(reference: str) -> str:
    return f"{PATH}/{quote(reference, safe='')}"


def _has_failed(view: DeliveryView) -> bool:
    return view.attempts > 1 or bool(view.reason) or view.state is DeliveryState.DEAD_LETTERED


def _notices(details: EventDetails) -> Iterator[PageNotice]:
    if details.state is EventState.WAITING:
        yield PageNotice("info", "It is accepted, and no worker has evaluated it yet.")
    if details.state is EventState.QUARANTINED:
        place = f"{HOME}/quarantine/{quote(details.quarantine_id, safe='')}"
        text = f"It is in quarantine: {details.event.reason}."
        if details.quarantine_id:
            yield PageNotice("warning", text, place, "Replay or discard it there")
        else:
            yield PageNotice("warning", f"{text} It was replayed or discarded meanwhile.")
    for note in details.notes:
        yield PageNotice("info", sentence(note))


def _said(result: EventReplayResult) -> tuple[str, str]:
    if result.replayed:
        return "The event is accepted again, and evaluated by the current rules.", "good"
    reasons = "; ".join(each.reason for each in result.refused)
    return f"Not replayed: {reasons or 'it is not in history any more'}.", "warning"
