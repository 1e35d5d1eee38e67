"""``/console/alerts``: what is wrong now, who takes care of it, and why some of it is silent."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from router.alerts import Severity
from router.api.access import audit_entry, caller_of
from router.api.alert_actions import AlertActions, obstacle
from router.api.alert_counts import COUNTED, AlertCounts, count_alerts
from router.api.alert_filter import AlertFilter
from router.api.alert_views import OPEN, KeyedState, alert_view
from router.api.event_views import REASONS
from router.api.keyed_alerts import MAX_SCANNED, AlertQuery
from router.api.requests import BadRequestError, parse_cursor
from router.clock import Clock
from router.configuration.model import Configuration
from router.console.empty_state import EmptyState
from router.console.filter_choices import rule_names
from router.console.live_hub import Topic
from router.console.page_filters import sentence
from router.console.page_forms import PostedForm, form_of
from router.console.page_links import HOME
from router.console.page_queries import page_query, with_query
from router.console.pages import ConsoleFrame, visitor_of
from router.console.silence_links import silence_link
from router.events.masks import Masks
from router.journal import keys
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.journal.pagination import collect
from router.quantities import counted, number

PATH: Final = f"{HOME}/alerts"
TOPIC: Final = "alerts"
_SELECTED_LIMIT: Final = 200
"""Alerts that one form acts on."""
_OPEN_STATES: Final = ",".join(sorted(OPEN))


class AlertTab(msgspec.Struct, frozen=True):
    """A view of the list."""

    title: str
    state: str
    """The parameter ``state``."""
    empty: str
    """Why it may be empty, and what would fill it."""


_TABS: Final = (
    AlertTab(
        "Open",
        _OPEN_STATES,
        "Rules with resolve, cooldown, escalate, pending or remind have alerts that last."
        " Messages of other rules are shown with their events.",
    ),
    AlertTab(
        "Pending",
        KeyedState.PENDING,
        "Alerts of rules with pending wait here until they have gone on for that long.",
    ),
    AlertTab(
        "Suppressed",
        KeyedState.SUPPRESSED,
        "Alerts are here while a silence, a mute time, a cooldown or another alert keeps them quiet.",
    ),
    AlertTab(
        "Acknowledged",
        KeyedState.ACKNOWLEDGED,
        "Alerts are here after an operator has acknowledged them, until they are over.",
    ),
    AlertTab(
        "Resolved", KeyedState.RESOLVED, "Alerts that are over are here for a day, then no more."
    ),
)
_ACTIONS: Final = frozenset({"acknowledge", "silence", "resolve"})


class AlertListPage:
    """Handlers of the list.

    Args:
        frame: The frame of the pages.
        connection: To Redis.
        clock: Time.
        configuration: Returns the active rules; None in a process without rules.
        masks: The fields of events that are not shown.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        connection: Connection,
        clock: Clock,
        configuration: Callable[[], Configuration] | None,
        masks: Masks,
    ) -> None:
        self._masks = masks
        self._frame = frame
        self._connection = connection
        self._alerts = KeyedAlerts(connection)
        self._actions = AlertActions(connection, clock)
        self._audit = Audit(connection, clock)
        self._now = clock.now
        self._configuration = configuration

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [self._frame.page(PATH, self.page), self._frame.action(PATH, self.act)]

    def topic(self) -> Topic:
        """Return the topic that says when an alert has changed."""
        return Topic(name=TOPIC, read=self._changed_ms, show=lambda at, _role: {"number": at})

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show a page of alerts, the latest change first."""
        problem = ""
        query, wanted, after = AlertQuery(state=(_OPEN_STATES,)), _NOTHING, None
        try:
            query = page_query(request, AlertQuery)
            query = msgspec.structs.replace(query, state=query.state or (_OPEN_STATES,))
            after = parse_cursor(query.after)
            wanted = query.filter()
        except BadRequestError as error:
            problem = sentence(str(error))
        now = self._now()
        found = await collect(
            self._alerts.find(lambda each: wanted.matches(each, now)),
            after,
            count=query.limit,
            max_scanned=MAX_SCANNED,
        )
        counts = await count_alerts(self._alerts, wanted, now)
        tab = _tab_of(query)
        first = with_query(PATH, query, after="", state=_state(query))
        may_change = visitor_of(request).caller.may_change
        is_filtered = _is_narrowed(query)
        return await self._frame.render(
            request,
            "alerts.html.jinja",
            alerts=[alert_view(each, now, self._masks) for each in found.items],
            tabs=[_tab(each, tab, query, counts) for each in _TABS],
            tab_title=tab.title if tab is not None else "Selected",
            query=query,
            state=_state(query),
            severity=",".join(query.severity),
            severities=[("", "any"), *((each.value, each.value) for each in reversed(Severity))],
            rule_names=rule_names(self._configuration),
            is_filtered=is_filtered,
            problem=problem,
            empty=_empty(tab, query, counts, is_cut=found.after is not None),
            next=with_query(PATH, query, after=str(found.after), state=_state(query))
            if found.after
            else "",
            first=first if query.after else "",
            back=request.path_qs,
            may_change=may_change,
            reasons=REASONS,
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Act on the alerts that are selected."""
        form = form_of(request)
        action, selected = form.text("do"), tuple(dict.fromkeys(form.texts("select")))
        back = _back(form)
        if action not in _ACTIONS:
            raise BadRequestError("the form names no action: use a button of the page")
        if not selected:
            said = f"No alert is selected: check some, then {action}."
            return self._frame.redirect(request, back, said, "warning")
        if len(selected) > _SELECTED_LIMIT:
            raise BadRequestError(f"select at most {_SELECTED_LIMIT} alerts at once")
        found, left_out = await self._selected(selected)
        if action == "silence" and found:
            return self._frame.redirect(request, silence_link(found))
        if action == "acknowledge":
            said = await self._acknowledge(found, visitor_of(request).shown_name)
            await self._record(request, AuditAction.ACKNOWLEDGED, found)
        elif action == "resolve":
            said = await self._resolve(found, visitor_of(request).shown_name)
            await self._record(request, AuditAction.RESOLVED, found)
        else:
            said = "No silence was begun."
        if left_out:
            said += f" {counted(left_out, 'alert')} left out: over, unknown or unreadable."
        return self._frame.redirect(request, back, said, "warning" if left_out else "good")

    async def _selected(self, selected: Sequence[str]) -> tuple[list[KeyedAlert], int]:
        """Return the alerts that are not over, and how many others there are."""
        read = [await self._alerts.get(key) for key in selected]
        found = [
            each
            for each in read
            if isinstance(each, KeyedAlert) and not obstacle(each, self._now())
        ]
        return found, len(selected) - len(found)

    async def _acknowledge(self, found: Sequence[KeyedAlert], name: str) -> str:
        told = 0
        for each in found:
            told += await self._actions.acknowledge(each.key, name, each)
        said = f"{counted(len(found), 'alert')} acknowledged"
        return f"{said}; {counted(told, 'message')} tell of it." if told else f"{said}."

    async def _resolve(self, found: Sequence[KeyedAlert], name: str) -> str:
        done = []

        async def resolve(each: KeyedAlert) -> None:
            if await self._actions.resolve(each, name):
                done.append(each)

        async with asyncio.TaskGroup() as group:
            for each in found:
                group.create_task(resolve(each))
        said = f"{counted(len(done), 'alert')} resolved."
        waiting = len(found) - len(done)
        if waiting:
            said += f" {counted(waiting, 'alert')} will be when a worker runs."
        return said

    async def _record(
        self, request: web.Request, action: AuditAction, found: Sequence[KeyedAlert]
    ) -> None:
        for each in found:
            entry = audit_entry(
                caller_of(request),
                action,
                Audited.ALERT,
                each.key,
                details={"rule": each.alert.rule},
            )
            await self._audit.record(entry)

    async def _changed_ms(self) -> int:
        latest = await self._connection.ask(
            self._connection.redis.zrange(keys.KEYED_ALERTS, 0, 0, desc=True, withscores=True)
        )
        return int(latest[0][1]) if latest else 0


_NOTHING: Final = AlertFilter(rule="\x00")


def _state(query: AlertQuery) -> tuple[str, ...]:
    """Return the states as a link has them: none for those that are open."""
    return () if query.state == (_OPEN_STATES,) else query.state


def _tab_of(query: AlertQuery) -> AlertTab | None:
    return next((each for each in _TABS if query.state == (each.state,)), None)


def _is_narrowed(query: AlertQuery) -> bool:
    return bool(query.rule or query.severity or query.label or query.text)


def _tab(
    tab: AlertTab, current: AlertTab | None, query: AlertQuery, counts: AlertCounts
) -> dict[str, Any]:
    amount = number(getattr(counts, tab.title.lower()))
    state = () if tab.state == _OPEN_STATES else (tab.state,)
    return {
        "text": tab.title,
        "href": with_query(PATH, query, state=state, after=""),
        "count": amount if counts.complete else f"{amount}+",
        "current": tab is current,
    }


def _empty(
    tab: AlertTab | None, query: AlertQuery, counts: AlertCounts, *, is_cut: bool
) -> EmptyState:
    title = f"No {tab.title.lower()} alert" if tab is not None else "No such alert"
    if is_cut:
        return EmptyState(
            title=title,
            text=f"None among the {number(MAX_SCANNED)} that were read. Older ones are on the next page.",
        )
    if _is_narrowed(query):
        cleared = AlertQuery(state=query.state)
        others = f"{counted(counts.open, 'open alert')} of another state match the filter."
        return EmptyState(
            title=f"{title} matches the filter",
            text=others if counts.open else "No alert of another state matches it either.",
            href=with_query(PATH, cleared, state=_state(cleared)),
            link="Show all without the filter",
        )
    text = tab.empty if tab is not None else f"None of the {number(COUNTED)} that changed last."
    return EmptyState(title=title, text=text)


def _back(form: PostedForm) -> str:
    """Return the page to show after an action: a page of the list, and no other address."""
    path = form.text("back")
    return path if path == PATH or path.startswith(f"{PATH}?") else PATH
