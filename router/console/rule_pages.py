"""``/console/rules``: each rule with what it has done lately; one rule with its day and its events."""

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from aiohttp import web

from router.api.requests import BadRequestError
from router.api.rule_events import rule_events
from router.api.rule_views import RuleDetails
from router.api.rules import RuleQuery, list_rules, show_rule
from router.clock import Clock
from router.configuration.model import Configuration
from router.configuration.reload import Reloader
from router.console.page_links import HOME
from router.console.page_queries import page_query, with_query
from router.console.pages import ConsoleFrame
from router.history.event_history import EventHistory
from router.journal.connection import Connection
from router.suggestions import suggestion

PATH: Final = f"{HOME}/rules"
Kind = Literal["", "critical"]


class HourPlot(msgspec.Struct, frozen=True):
    """Counts of one kind by hours."""

    title: str
    counts: list[int]
    kind: Kind = ""

    @property
    def total(self) -> int:
        """The sum of the day."""
        return sum(self.counts)


class RulePages:
    """Handlers of the list and of one rule.

    Args:
        frame: The frame of the pages.
        connection: The Redis that has counts.
        history: The events, masked.
        clock: Time.
        configuration: Returns the active configuration; None in a process without rules.
        reloader: Knows whether the last change of the rules was rejected; None as above.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        connection: Connection,
        history: EventHistory,
        clock: Clock,
        configuration: Callable[[], Configuration] | None,
        reloader: Reloader | None,
    ) -> None:
        self._frame = frame
        self._connection = connection
        self._clock = clock
        self._configuration = configuration
        self._reloader = reloader
        self._history = history

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.list),
            self._frame.page(f"{PATH}/{{name}}", self.show),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Show a page of rules."""
        query = page_query(request, RuleQuery)
        configuration = self._configuration() if self._configuration is not None else None
        if configuration is None:
            return await self._frame.render(request, "rules_absent.html.jinja")
        rules = configuration.rules.by_name
        page = await list_rules(rules, self._connection, self._clock, query)
        is_filtered = bool(query.text or query.mode or query.destination)
        return await self._frame.render(
            request,
            "rules.html.jinja",
            page=page,
            query=query,
            is_filtered=is_filtered,
            destinations=sorted({name for rule in rules.values() for name in rule.destinations}),
            next=with_query(PATH, query, after=page.after) if page.after else "",
            first=with_query(PATH, query, after="") if query.after else "",
            generation=configuration.generation,
            rule_count=len(rules),
            rejected="" if self._reloader is None else self._reloader.report.error,
        )

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show one rule."""
        name = request.match_info["name"]
        configuration = self._configuration() if self._configuration is not None else None
        if configuration is None:
            return await self._frame.render(request, "rules_absent.html.jinja")
        rules = configuration.rules.by_name
        if name not in rules:
            message = f"there is no rule {name[:60]!r} among those of this process,"
            raise BadRequestError(f"{message} {suggestion(name, rules)}", status=404)
        details = await show_rule(rules[name], self._connection, self._clock)
        events = await rule_events(rules[name], configuration, self._history)
        return await self._frame.render(
            request,
            "rule.html.jinja",
            details=details,
            rule=details.rule,
            events=events,
            plots=hour_plots(details),
        )


def hour_plots(details: RuleDetails) -> list[HourPlot]:
    """Return the plots of a rule's last day: those that say something (pure)."""
    hours = details.hours
    suppressed = [HourPlot(f"Suppressed: {why}", of) for why, of in hours.suppressed.items()]
    shadow = [each for each in suppressed if each.title.endswith(": shadow")]
    return [
        HourPlot("Matches", hours.matches),
        *([] if shadow else [HourPlot("Notified", hours.notified)]),
        HourPlot("Errors", hours.errors, "critical"),
        *(HourPlot("In shadow", each.counts) for each in shadow),
        *(each for each in suppressed if each not in shadow),
    ]
