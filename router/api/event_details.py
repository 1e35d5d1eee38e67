"""Reads one event: what came of it, and why there was no more. The core of API, commands and console."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from router.api.delivery_reading import DeliveryReader
from router.api.delivery_views import DeliveryView
from router.api.event_explanation import (
    LISTED_RULES,
    EventContent,
    KnownEvent,
    content_of,
    endings,
    explained_rules,
    known_event,
    recorded_rules,
    rule_count,
    summary_text,
)
from router.api.event_views import (
    EventDetails,
    EventState,
    EventView,
    RuleOutcomeView,
    body_note,
    body_view,
    event_view,
)
from router.api.rule_standings import rule_standings
from router.clock import Clock
from router.configuration.model import Configuration
from router.events.json_text import UNDECODABLE
from router.events.masks import Masks
from router.events.model import Event
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.history.log_reader import LogReader
from router.history.records import EventOutcome, EventRecord
from router.history.stored import attributes_of
from router.journal.claims import is_claimed
from router.journal.connection import Connection
from router.journal.history_log import EVENTS, name_digest
from router.journal.pagination import TimeRange, collect
from router.journal.quarantine import Quarantine, QuarantineFilter, QuarantineRecord
from router.journal.waiting_events import find_waiting
from router.offline.rule_states import RuleStanding, StateQuestion, state_questions
from router.rules.index.rule_set import RuleSet
from router.settings.model import KeptBody
from router.timestamps import rfc3339_utc, utc_second

_STANDINGS: Final = 20
"""Rules whose state is read."""
_AT_ONCE: Final = 10
"""Rules that are explained before other tasks of the event loop run."""
_QUARANTINED: Final = 2000
"""Quarantined items that are searched."""
_SOURCES: Final = 50
"""Sources of recent events with which an id alone is tried."""
_RECENT: Final = 1000
_SEARCH_SECONDS: Final = 8.0
"""How long history is searched for an id alone."""
_NO_RULES: Final = (
    "this process has no rules, so that rules without a recorded result are left out: ask a worker,"
    " or use: router events show"
)


class UnknownEvent(msgspec.Struct, frozen=True):
    """An event that is neither in history nor in the journal."""

    message: Annotated[str, Meta(description="Why, as far as that is known, and what to check.")]


class EventReader:
    """Reads single events. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        clock: Time.
        configuration: Returns today's rules; None in a process that has none.
        deliveries: Reads deliveries.
        masks: The fields of events that are not shown.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        configuration: Callable[[], Configuration] | None,
        deliveries: DeliveryReader,
        masks: Masks,
    ) -> None:
        self._connection = connection
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._configuration = configuration
        self._deliveries = deliveries
        self._masks = masks
        self._history = EventHistory(connection, masks)
        self._quarantine = Quarantine(connection, clock)

    @property
    def history(self) -> EventHistory:
        """The history that it reads, masked."""
        return self._history

    async def details(
        self, source: str, event_id: str, *, rule: str = ""
    ) -> EventDetails | UnknownEvent:
        """Return an event, explained.

        Args:
            source: Its source.
            event_id: Its id.
            rule: Name of the only rule to explain; ``""`` for all.
        """
        record = await self._history.get(source, event_id)
        if record is None:
            found = await self._outside_history(event_id, source, rule)
            if found is not None:
                return found
            # It may have been evaluated meanwhile.
            record = await self._history.get(source, event_id)
        if record is None:
            return await self._unknown(source, event_id)
        return await self._explained(record, rule)

    async def of_reference(self, reference: str, *, rule: str = "") -> EventDetails | UnknownEvent:
        """Return the event of history with a reference, explained; see ``details``."""
        record = await self._history.by_reference(reference)
        if record is None:
            return UnknownEvent(
                f"history has no event with the reference {reference[:40]!r}. {await self._span()}"
            )
        return await self._explained(record, rule)

    async def of_id(self, event_id: str, *, rule: str = "") -> EventDetails | UnknownEvent:
        """Return the newest event with an id, whatever its source; see ``details``."""
        record = await self.newest(event_id)
        if record is not None:
            return await self._explained(record, rule)
        found = await self._outside_history(event_id, "", rule)
        return found or await self._unknown("", event_id)

    async def newest(self, event_id: str) -> EventRecord | None:
        """Return the newest event of history with an id, whatever its source."""
        # Events come from few sources, and an event is found at once by source and id.
        recent = await self._history.page(EventFilter(), limit=_RECENT)
        sources = dict.fromkeys(record.source for record in recent.items)
        for source in list(sources)[:_SOURCES]:
            record = await self._history.get(source, event_id)
            if record is not None:
                return record
        return await self._searched(event_id)

    async def _searched(self, event_id: str) -> EventRecord | None:
        """Search history for an id, for a while."""
        ends_at = self._monotonic() + _SEARCH_SECONDS
        duplicate, cursor = None, ""
        while self._monotonic() < ends_at:
            page = await self._history.page(EventFilter(text=event_id), cursor, limit=50)
            for record in page.items:
                if record.id == event_id and record.outcome is not EventOutcome.DUPLICATE:
                    return record
                if record.id == event_id:
                    duplicate = duplicate or record
            cursor = page.after
            if not cursor:
                break
        return duplicate

    async def _explained(self, record: EventRecord, rule: str) -> EventDetails:
        configuration = None if self._configuration is None else self._configuration()
        generation = "" if configuration is None else configuration.generation
        known = known_event(record, generation)
        quarantine_id = ""
        if record.outcome is EventOutcome.QUARANTINED:
            quarantine_id = await self._quarantine_id(record)
        return await self._details(
            known,
            configuration,
            event_view(record),
            body_view(record.body),
            rule,
            reason=record.reason,
            quarantine_id=quarantine_id,
            note=body_note(record),
        )

    async def _outside_history(self, event_id: str, source: str, rule: str) -> EventDetails | None:
        """Return an event that is not evaluated yet, or that is in quarantine."""
        configuration = None if self._configuration is None else self._configuration()
        waiting = await find_waiting(self._connection, event_id, source)
        if waiting.event is not None:
            body, is_masked = self._masks.applied_to(waiting.event.body)
            event = msgspec.structs.replace(waiting.event, body=body)
            known = KnownEvent(
                event=event, outcome=None, is_masked=is_masked, evaluated_at=self._now()
            )
            view = _view(event, "", is_masked=is_masked)
            return await self._details(known, configuration, view, body_view(body), rule)
        item = await self._in_quarantine(event_id, source)
        if item is None:
            return None
        body, is_masked = self._masks.applied_to(item.record.body)
        event = _event_of(item, body, event_id, source)
        known = KnownEvent(
            event=event,
            outcome=EventOutcome.QUARANTINED,
            is_masked=is_masked,
            evaluated_at=item.record.received_at,
        )
        view = _view(event, EventOutcome.QUARANTINED, item.record.reason, is_masked=is_masked)
        return await self._details(
            known,
            configuration,
            view,
            body_view(body),
            rule,
            reason=item.record.reason,
            quarantine_id=item.id,
        )

    async def _details(  # noqa: PLR0913 - what the places of an event have in common
        self,
        known: KnownEvent,
        configuration: Configuration | None,
        view: EventView,
        body: Any,
        rule: str,
        *,
        reason: str = "",
        quarantine_id: str = "",
        note: str = "",
    ) -> EventDetails:
        deliveries = await self._deliveries.of_event(known.event.key, known.matches)
        every = [each for some in deliveries.values() for each in some]
        notes = [note] if note else []
        if configuration is None:
            return EventDetails(
                state=_state(known),
                summary=summary_text(known, reason, every, None),
                event=view,
                body=body,
                rules=tuple(recorded_rules(known, deliveries)),
                quarantine_id=quarantine_id,
                notes=(*notes, _NO_RULES),
            )
        rules, content = configuration.rules, content_of(known)
        candidates, others = rule_count(known, rules)
        views = await self._rules(known, content, rules, rule, deliveries)
        is_changed = bool(view.generation) and view.generation != configuration.generation
        if is_changed:
            notes.append(
                f"the rules have changed since: generation {view.generation} evaluated it, today's is"
                f" {configuration.generation}"
            )
        if candidates > LISTED_RULES and not rule:
            notes.append(
                f"{candidates} rules are for its type, {LISTED_RULES} are shown: ask for one by name"
            )
        if rule and not views:
            notes.append(
                f"no rule {rule[:64]!r} is for events of this type"
                if rule in rules.by_name
                else f"there is no rule {rule[:64]!r}"
            )
        return EventDetails(
            state=_state(known),
            summary=summary_text(known, reason, every, candidates),
            event=view,
            body=body,
            rules=tuple(views),
            other_rules=others,
            endings=tuple(endings(known, content, rules)),
            generation=configuration.generation,
            rules_changed=is_changed,
            quarantine_id=quarantine_id,
            notes=tuple(notes),
        )

    async def _rules(
        self,
        known: KnownEvent,
        content: EventContent | None,
        rules: RuleSet,
        only: str,
        deliveries: Mapping[str, list[DeliveryView]],
    ) -> list[RuleOutcomeView]:
        standings = await self._standings(known, rules)
        views: list[RuleOutcomeView] = []
        found = explained_rules(
            known, content, rules, only=only, deliveries=deliveries, standings=standings
        )
        for view in found:
            views.append(view)
            if len(views) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return views

    async def _standings(self, known: KnownEvent, rules: RuleSet) -> dict[str, RuleStanding]:
        """Return what rules that remember have stored for the values of the event."""
        questions: dict[str, StateQuestion] = {}
        if known.kept is KeptBody.FULL and not known.is_masked:
            try:
                asked = state_questions(known.event, rules, now=self._now())
            except UNDECODABLE:
                asked = []
            questions = {each.rule: each for each in asked}
        for match in known.matches:
            if match.key and match.is_match:
                steps = questions[match.rule].steps if match.rule in questions else ()
                questions[match.rule] = StateQuestion(match.rule, match.key, steps)
        some = list(questions.values())[:_STANDINGS]
        return await rule_standings(self._connection, some, self._now())

    async def _quarantine_id(self, record: EventRecord) -> str:
        """Return the id in quarantine of an event of history; ``""`` if it is not there."""
        item = await self._in_quarantine(record.id, record.source)
        return "" if item is None else item.id

    async def _in_quarantine(self, event_id: str, source: str) -> QuarantineRecord | None:
        """Return the newest quarantined item that is, or seems to be, the event."""
        wanted = msgspec.json.encode(event_id)[1:-1]

        async def find(after: Any, count: int) -> Any:
            matches = await finder(after, count)
            fitting = tuple(
                each for each in matches.items if _is_about(each, wanted, event_id, source)
            )
            return msgspec.structs.replace(matches, items=fitting)

        finder = self._quarantine.find(QuarantineFilter(span=TimeRange()))
        found = await collect(find, None, count=1, max_scanned=_QUARANTINED)
        return found.items[0] if found.items else None

    async def _unknown(self, source: str, event_id: str) -> UnknownEvent:
        named = f"{event_id[:80]!r}" + (f" of source {source[:80]!r}" if source else "")
        span = await self._span()
        if source and await is_claimed(
            self._connection, f"{source}\x00{event_id}", 1000 * self._now()
        ):
            return UnknownEvent(
                f"event {named} was accepted within ROUTER_DEDUP_WINDOW, but history has no record of"
                f" it. {span}"
            )
        check = (
            "Check id and source (both are case-sensitive), and the sender's response: an event that"
            " was not answered by 2xx was not accepted."
        )
        return UnknownEvent(
            f"no event {named} is in history, waits or is in quarantine. {span} {check}"
        )

    async def _span(self) -> str:
        """Return a sentence on since when history has events."""
        segments = await LogReader(self._connection, EVENTS).segments()
        if not segments:
            return (
                "History is empty: no event was evaluated since it is on, or ROUTER_HISTORY is 0."
            )
        return f"History begins at {utc_second(segments[-1].first_ms / 1000)}."


def _state(known: KnownEvent) -> EventState:
    if known.outcome is None:
        return EventState.WAITING
    if known.outcome is EventOutcome.QUARANTINED:
        return EventState.QUARANTINED
    return EventState.EVALUATED


def _view(event: Event, outcome: str, reason: str = "", *, is_masked: bool) -> EventView:
    """Return an event that is not in history, as a list would show it."""
    return EventView(
        reference=name_digest(event.key).hex(),
        position="",
        id=event.id,
        source=event.source,
        type=event.type,
        subject="",
        time=event.time,
        received_at=rfc3339_utc(event.received_at),
        finished_at="",
        outcome=outcome,
        reason=reason,
        rules=(),
        matches=(),
        generation="",
        kept=KeptBody.FULL,
        is_masked=is_masked,
    )


def _event_of(item: QuarantineRecord, body: bytes, event_id: str, source: str) -> Event:
    """Return a quarantined item as an event, as far as it can be read."""
    event_type, time = "", ""
    try:
        attributes = attributes_of(body)
    except (*UNDECODABLE, ValueError):
        pass
    else:
        source, event_type, time = attributes.source, attributes.type, attributes.time or ""
    key = f"{source}\x00{event_id}"
    return Event(event_id, source, event_type, time, key, item.record.received_at, body)


def _is_about(item: QuarantineRecord, wanted: bytes, event_id: str, source: str) -> bool:
    body = item.record.body
    if wanted not in body:  # so that few are decoded
        return False
    try:
        attributes = attributes_of(body)
    except (*UNDECODABLE, ValueError):
        return True  # input that is no event: its id may be in it
    return attributes.id == event_id and source in {"", attributes.source}
