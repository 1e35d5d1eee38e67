"""Reads one event: what came of it, and why there was no more. The core of API, commands and console."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.api.delivery_reading import DeliveryReader
from router.api.delivery_views import DeliveryView
from router.api.event_content import EventContent
from router.api.event_explanation import (
    LISTED_RULES,
    KnownEvent,
    content_of,
    endings,
    explained_rules,
    known_event,
    recorded_rules,
    rule_count,
    summary_text,
)
from router.api.event_finding import EventFinder, FoundOutside
from router.api.event_views import (
    EventDetails,
    EventState,
    RuleOutcomeView,
    body_note,
    body_view,
    event_view,
)
from router.api.rule_standings import rule_standings
from router.api.suppression_notes import compiled_silences, later_notes, suppression_notes
from router.clock import Clock
from router.configuration.model import Configuration
from router.destinations.rendering.summary import rfc3339
from router.events.json_text import UNDECODABLE
from router.events.masks import Masks
from router.history.event_history import EventHistory
from router.history.records import EventMatch, EventOutcome, EventRecord, MatchOutcome
from router.journal.connection import Connection
from router.journal.silences import Silences
from router.offline.rule_states import RuleStanding, StateQuestion, state_questions
from router.rules.index.rule_set import RuleSet
from router.rules.state.suppress import MUTED, SILENCED
from router.settings.choices import KeptBody
from router.suggestions import closest_match
from router.worker.evaluation.fan_out import raise_alert

_STANDINGS: Final = 20
"""Rules whose state is read."""
_AT_ONCE: Final = 10
"""Rules that are explained before other tasks of the event loop run."""
_LATER: Final = 5
"""Matches of which what was told later is read, and deliveries of each."""
_COMPARED: Final = 500
"""Rules, and patterns, with which an event's type is compared if no rule is for it."""
_UNTOLD: Final = frozenset(
    {
        MatchOutcome.SUPPRESSED,
        MatchOutcome.COUNTED,
        MatchOutcome.PENDING,
        MatchOutcome.EXPECTED,
        MatchOutcome.GROUPED,
    }
)
"""Outcomes after which an alert of the same key may be told later."""
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
        self._configuration = configuration
        self._deliveries = deliveries
        self._history = EventHistory(connection, masks)
        self._finder = EventFinder(connection, clock, self._history, masks)
        self._silences = Silences(connection, clock)

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
            outside = await self._finder.outside_history(event_id, source)
            if outside is not None:
                return await self._details(outside, rule)
            # It may have been evaluated meanwhile.
            record = await self._history.get(source, event_id)
        if record is None:
            return UnknownEvent(await self._finder.why_unknown(source, event_id))
        return await self._details(record, rule)

    async def of_reference(self, reference: str, *, rule: str = "") -> EventDetails | UnknownEvent:
        """Return the event of history with a reference, explained; see ``details``."""
        record = await self._history.by_reference(reference)
        if record is not None:
            return await self._details(record, rule)
        span = await self._finder.span()
        return UnknownEvent(f"history has no event with the reference {reference[:40]!r}. {span}")

    async def of_id(self, event_id: str, *, rule: str = "") -> EventDetails | UnknownEvent:
        """Return the newest event with an id, whatever its source; see ``details``."""
        found = await self._finder.newest(event_id)
        if found.record is not None:
            return await self._details(found.record, rule)
        outside = await self._finder.outside_history(event_id, "")
        if outside is not None:
            return await self._details(outside, rule)
        return UnknownEvent(await self._finder.why_unknown("", event_id, found.unsearched))

    async def _details(self, found: EventRecord | FoundOutside, rule: str) -> EventDetails:
        configuration = None if self._configuration is None else self._configuration()
        generation = "" if configuration is None else configuration.generation
        if isinstance(found, FoundOutside):
            known, view, reason = found.known, found.view, found.reason
            quarantine_id, notes = found.quarantine_id, []
        else:
            known, view, reason = known_event(found, generation), event_view(found), found.reason
            quarantine_id = await self._quarantine_id(found)
            notes = [note] if (note := body_note(found)) else []
        deliveries = await self._deliveries.of_event(known.event.key, known.matches)
        every = [each for some in deliveries.values() for each in some]
        details = EventDetails(
            state=_state(known),
            summary=summary_text(known, reason, every, None),
            event=view,
            body=body_view(known.event.body),
            quarantine_id=quarantine_id,
            notes=tuple(notes),
        )
        if configuration is None:
            return msgspec.structs.replace(
                details,
                rules=tuple(recorded_rules(known, deliveries)),
                notes=(*notes, _NO_RULES),
            )
        content = content_of(known)
        candidates, others = rule_count(known, configuration.rules)
        views = await self._rules(known, content, configuration, rule, deliveries)
        is_changed = bool(view.generation) and view.generation != generation
        if is_changed:
            notes.append(
                f"the rules have changed since: generation {view.generation} evaluated it, today's is"
                f" {generation}"
            )
        notes += _limits(configuration.rules, rule, candidates, views)
        if candidates == 0 and (nearest := _nearest_pattern(view.type, configuration.rules)):
            notes.append(f"rules are for events of the similar type {nearest}")
        return msgspec.structs.replace(
            details,
            summary=summary_text(known, reason, every, candidates),
            rules=tuple(views),
            other_rules=others,
            endings=tuple(endings(known, content, configuration.rules)),
            generation=generation,
            rules_changed=is_changed,
            notes=tuple(notes),
        )

    async def _quarantine_id(self, record: EventRecord) -> str:
        """Return the id in quarantine of an event of history; ``""`` if it is not there."""
        if record.outcome is not EventOutcome.QUARANTINED:
            return ""
        item = await self._finder.in_quarantine(record.id, record.source)
        return "" if item is None else item.id

    async def _rules(
        self,
        known: KnownEvent,
        content: EventContent | None,
        configuration: Configuration,
        only: str,
        deliveries: Mapping[str, list[DeliveryView]],
    ) -> list[RuleOutcomeView]:
        rules = configuration.rules
        standings = await self._standings(known, rules)
        more = await self._more_notes(known, content, configuration)
        views: list[RuleOutcomeView] = []
        found = explained_rules(
            known, content, rules, only=only, deliveries=deliveries, standings=standings
        )
        for view in found:
            further = more.get(view.rule, [])
            views.append(msgspec.structs.replace(view, notes=(*further, *view.notes)))
            if len(views) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return views

    async def _more_notes(
        self, known: KnownEvent, content: EventContent | None, configuration: Configuration
    ) -> dict[str, list[str]]:
        """Return sentences on what suppressed alerts, and on what was told later, by the rule."""
        notes: dict[str, list[str]] = {}
        untold = [match for match in known.matches if match.outcome in _UNTOLD]
        if content is not None and any(match.reason in {SILENCED, MUTED} for match in untold):
            silences = (
                *configuration.silences,
                *compiled_silences(await self._silences.all()),
            )
            for match in untold:
                rule = configuration.rules.by_name.get(match.rule)
                if rule is not None and match.is_match:
                    at = known.evaluated_at
                    alert = raise_alert(known.event, content.full, rule, now=at)
                    notes[match.rule] = list(
                        suppression_notes(match.reason, rule, alert, content.full, silences, at)
                    )
        for match in [match for match in untold if match.key][:_LATER]:
            notes.setdefault(match.rule, []).extend(await self._later(known, match))
        return notes

    async def _later(self, known: KnownEvent, match: EventMatch) -> list[str]:
        told = await self._deliveries.of_key(match.key, limit=_LATER)
        since = rfc3339(known.evaluated_at)
        return list(
            later_notes(
                each
                for each in reversed(told)
                if each.raised_at > since and each.event_id != known.event.id
            )
        )

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


def _nearest_pattern(event_type: str, rules: RuleSet) -> str | None:
    """Return the pattern of a rule that is most like a type; None if none is."""
    patterns = dict.fromkeys(pattern for each in rules.rules[:_COMPARED] for pattern in each.events)
    return closest_match(event_type, list(patterns)[:_COMPARED])


def _limits(
    rules: RuleSet, rule: str, candidates: int, views: Sequence[RuleOutcomeView]
) -> list[str]:
    """Return why rules are not shown."""
    if not rule:
        if candidates <= LISTED_RULES:
            return []
        return [
            f"{candidates} rules are for its type, {LISTED_RULES} are shown: ask for one by name"
        ]
    if views:
        return []
    if rule in rules.by_name:
        return [f"rule {rule[:64]!r} is not for events of this type"]
    return [f"there is no rule {rule[:64]!r}"]


def _state(known: KnownEvent) -> EventState:
    if known.outcome is None:
        return EventState.WAITING
    if known.outcome is EventOutcome.QUARANTINED:
        return EventState.QUARANTINED
    return EventState.EVALUATED
