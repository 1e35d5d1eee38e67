"""``/api/v1/rules``: the active rules, and what each has done lately."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.requests import BAD_REQUEST, query_params
from router.api.rule_views import (
    PLOT_MINUTES,
    RATE_MINUTES,
    RuleActivity,
    RuleDetails,
    RuleView,
    details_of,
    rule_view,
)
from router.clock import Clock
from router.http.openapi import ResponseSpec
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.series import ALL, Resolution, Series, series_name
from router.rules.model import Mode, Rule
from router.suggestions import suggestion

_PATH: Final = "/api/v1/rules"
_HOURS: Final = 25
"""Hours of the plots of one rule: a day, and the one that is still counted."""


class RuleQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules to list."""

    text: Annotated[
        str, Meta(description="In the name, description or condition; ignores case.")
    ] = ""
    mode: Annotated[Literal["", "live", "shadow"], Meta(description="Only those of a mode.")] = ""
    destination: Annotated[str, Meta(description="Only those that can notify a destination.")] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Rules of a page.")] = 100
    after: Annotated[str, Meta(description="Name of the last rule of the previous page.")] = ""


class RulePage(msgspec.Struct, frozen=True):
    """A page of rules, by name."""

    rules: Annotated[
        tuple[RuleView, ...] | None, Meta(description="Null if this process has no rules.")
    ]
    total: Annotated[int, Meta(description="Rules that match the query, in all pages.")]
    after: str
    """Cursor of the next page; ``""`` at the end."""


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List rules with what each has done lately",
    {200: ResponseSpec("A page, by name.", RulePage), **BAD_REQUEST},
    description=(
        "The rules that are active in this process: a worker, or `router run`. Counts are those of"
        " all processes, and up to five seconds late."
    ),
    query=RuleQuery,
)
_SHOW: Final = viewer_operation(
    hdrs.METH_GET,
    f"{_PATH}/{{name}}",
    "Show a rule",
    {
        200: ResponseSpec("The rule, and its last day by hours.", RuleDetails),
        404: ResponseSpec("The rule does not exist, or this process has no rules."),
    },
    path_parameters={"name": "Name of the rule."},
)
OPERATIONS: Final = (_LIST, _SHOW)
"""Descriptions of the routes."""


async def list_rules(
    rules: Mapping[str, Rule], connection: Connection, clock: Clock, query: RuleQuery
) -> RulePage:
    """Return a page of rules with what each has done lately. Raises JournalUnavailableError."""
    wanted = sorted(name for name, rule in rules.items() if _is_wanted(rule, query))
    first = next((at for at, name in enumerate(wanted) if name > query.after), len(wanted))
    page = wanted[first : first + query.limit]
    found = await read_activity(connection, clock, page)
    views = tuple(rule_view(rules[name], found[name]) for name in page)
    after = page[-1] if first + query.limit < len(wanted) else ""
    return RulePage(views, len(wanted), after)


async def show_rule(rule: Rule, connection: Connection, clock: Clock) -> RuleDetails:
    """Return a rule with its last day. Raises JournalUnavailableError."""
    activity = (await read_activity(connection, clock, [rule.name]))[rule.name]
    # Those that have ever been one, because each reason is a counter of the ledger.
    reasons = sorted((await ledger.read(connection)).suppressed_alerts)
    suppressed = {each: series_name("alerts_suppressed", rule.name, each) for each in reasons}
    names = [*_counters(rule.name), *suppressed.values()]
    hours = await Series(connection, clock).read(names, Resolution.HOUR, _HOURS)
    by_reason = {reason: hours.pop(name) for reason, name in suppressed.items()}
    return details_of(rule, activity, tuple(hours.values()), by_reason)


async def read_activity(
    connection: Connection, clock: Clock, names: Sequence[str]
) -> dict[str, RuleActivity]:
    """Return what each of these rules has done lately. Raises JournalUnavailableError."""
    series = Series(connection, clock)
    wanted = [counter for name in names for counter in _counters(name)]
    # One more, because the last one is still counted.
    minutes = await series.read(wanted, Resolution.MINUTE, max(PLOT_MINUTES, RATE_MINUTES) + 1)
    last = await series.last_added(
        [series_name(metric, name) for name in names for metric in ("rule_matches", _NOTIFIED)]
    )
    activity = {}
    for name in names:
        matches, errors, notified, suppressed = (minutes[each] for each in _counters(name))
        activity[name] = RuleActivity(
            matches=matches,
            errors=errors,
            notified=notified,
            suppressed=suppressed,
            last_match_at=last.get(series_name("rule_matches", name)),
            last_alert_at=last.get(series_name(_NOTIFIED, name)),
        )
    return activity


_NOTIFIED: Final = "alerts_notified"


def _counters(rule: str) -> tuple[str, ...]:
    """Return the series of a rule, in the order of ``RuleActivity``."""
    return (
        series_name("rule_matches", rule),
        series_name("rule_errors", rule),
        series_name(_NOTIFIED, rule),
        series_name("alerts_suppressed", rule, ALL),
    )


def _is_wanted(rule: Rule, query: RuleQuery) -> bool:
    if query.mode and rule.mode is not Mode(query.mode):
        return False
    if query.destination and query.destination not in rule.destinations:
        return False
    condition = rule.condition.source if rule.condition is not None else ""
    texts = (rule.name, rule.description, condition)
    return any(query.text.casefold() in each.casefold() for each in texts)


class RulesApi:
    """Handlers of rules.

    Args:
        rules: Returns the active rules by name; None in a process without rules.
        connection: The journal.
        clock: The time.
        access: Who may call.
    """

    def __init__(
        self,
        rules: Callable[[], Mapping[str, Rule]] | None,
        connection: Connection,
        clock: Clock,
        access: Access,
    ) -> None:
        self._rules = rules
        self._connection = connection
        self._clock = clock
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: viewers may read."""
        return [
            viewer_route(_LIST, self.list, self._access),
            viewer_route(_SHOW, self.show, self._access),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of rules."""
        query = query_params(request, RuleQuery)
        if self._rules is None:
            return json_response(RulePage(None, 0, ""))
        return json_response(await list_rules(self._rules(), self._connection, self._clock, query))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return one rule."""
        if self._rules is None:
            message = "this process has no rules: ask a worker, or a process of router run"
            return error_response(404, "no_rules", message)
        rules = self._rules()
        name = request.match_info["name"]
        if name not in rules:
            message = f"there is no rule {name[:60]!r}, {suggestion(name, rules)}"
            return error_response(404, "not_found", message)
        return json_response(await show_rule(rules[name], self._connection, self._clock))
