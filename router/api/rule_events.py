"""``/api/v1/rules/{name}/events``: the last events that a rule matched, and that it nearly matched."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access
from router.api.event_explanation import content_of, explained_rules, known_event
from router.api.event_views import EventView, PartResult, RuleOutcomeView, RuleVerdict, event_view
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.views import Time
from router.cel import Verdict
from router.configuration.model import Configuration
from router.destinations.rendering.summary import rfc3339
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.history.records import EventOutcome, EventRecord
from router.http.openapi import ResponseSpec
from router.rules.model import Rule
from router.suggestions import suggestion

_SHOWN: Final = 10
"""Events of each kind."""
_SCANNED: Final = 5000
"""Events of history in which matches are looked for."""
_JUDGED: Final = 500
"""Events of the rule's types that are evaluated to find near misses."""
_JUDGED_AT_ONCE: Final = 50
"""Events that are evaluated without a pause, so that other requests are served."""
_EVALUATED: Final = frozenset(
    {EventOutcome.MATCHED, EventOutcome.FILTERED, EventOutcome.SUPPRESSED}
)


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """An event for which exactly one part of the condition was false."""

    event: EventView
    part: Annotated[str, Meta(description="That part, in CEL.")]
    values: Annotated[str, Meta(description="The fields that it read, with their values.")]


class RuleEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The last events of a rule, the newest first."""

    matches: tuple[EventView, ...]
    near_misses: tuple[NearMiss, ...]
    judged: Annotated[
        int, Meta(description="How many of the latest events were evaluated to find near misses.")
    ]
    judged_since: Annotated[
        Time | None, Meta(description="The oldest of them; null if there was none.")
    ]


_EVENTS: Final = viewer_operation(
    hdrs.METH_GET,
    "/api/v1/rules/{name}/events",
    "List the last events that a rule matched or nearly matched",
    {
        200: ResponseSpec("The events.", RuleEvents),
        404: ResponseSpec("The rule does not exist, or this process has no rules."),
    },
    description=(
        f"Up to {_SHOWN} of each kind. Near misses are found by evaluating today's rule for the"
        f" latest {_JUDGED} events of its types in history."
    ),
    path_parameters={"name": "Name of the rule."},
)
OPERATIONS: Final = (_EVENTS,)
"""Descriptions of the routes."""


async def rule_events(
    rule: Rule, configuration: Configuration, history: EventHistory
) -> RuleEvents:
    """Return the last events of a rule. Raise JournalUnavailableError."""
    matched = await history.page(EventFilter(rule=rule.name), limit=_SHOWN, max_scanned=_SCANNED)
    found: list[NearMiss] = []
    judged, since, after = 0, 0.0, ""
    wanted = EventFilter(types=rule.events, outcomes=_EVALUATED)
    while rule.condition is not None and judged < _JUDGED and len(found) < _SHOWN:
        page = await history.page(wanted, after, limit=_JUDGED_AT_ONCE, max_scanned=_SCANNED // 10)
        for record in page.items:
            near = _near_miss(rule, record, configuration)
            found += [] if near is None else [near]
        judged += len(page.items)
        since, after = page.reached_at or since, page.after
        if not after or not page.items:
            break
        await asyncio.sleep(0)
    return RuleEvents(
        matches=tuple(map(event_view, matched.items)),
        near_misses=tuple(found[:_SHOWN]),
        judged=judged,
        judged_since=rfc3339(since) if judged else None,
    )


def _near_miss(rule: Rule, record: EventRecord, configuration: Configuration) -> NearMiss | None:
    """Return an event of which one part of the rule's condition is false, and all others true."""
    if any(match.rule == rule.name and match.is_match for match in record.matches):
        return None
    known = known_event(record, configuration.generation)
    content = content_of(known)
    # The verdict alone is fast; the values of all parts are not.
    if (
        content is None
        or rule.condition is None
        or rule.condition.verdict(content.full) is not Verdict.NO_MATCH
    ):
        return None
    judged = next(explained_rules(known, content, configuration.rules, only=rule.name), None)
    return _with_one_false_part(record, judged)


def _with_one_false_part(record: EventRecord, judged: RuleOutcomeView | None) -> NearMiss | None:
    if judged is None or judged.verdict is not RuleVerdict.NOT_MATCHED:
        return None
    false = [part for part in judged.parts if part.result is not PartResult.TRUE]
    if len(false) != 1 or false[0].result is not PartResult.FALSE:
        return None
    return NearMiss(event=event_view(record), part=false[0].text, values=false[0].values)


class RuleEventsApi:
    """The handler.

    Args:
        configuration: Returns the active configuration; None in a process without rules.
        history: Events that were.
        access: Who may call.
    """

    def __init__(
        self,
        configuration: Callable[[], Configuration] | None,
        history: EventHistory,
        access: Access,
    ) -> None:
        self._configuration = configuration
        self._history = history
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: viewers may read."""
        return [viewer_route(_EVENTS, self.events, self._access)]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Return the last events of a rule."""
        if self._configuration is None:
            message = "this process has no rules: ask a worker, or a process of router run"
            return error_response(404, "no_rules", message)
        configuration = self._configuration()
        rules = configuration.rules.by_name
        name = request.match_info["name"]
        if name not in rules:
            message = f"there is no rule {name[:60]!r}, {suggestion(name, rules)}"
            return error_response(404, "not_found", message)
        return json_response(await rule_events(rules[name], configuration, self._history))
