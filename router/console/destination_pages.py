"""``/console/destinations``: whether each receives, and what to do if it does not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from aiohttp import web

from router.api.access import Role, caller_of
from router.api.delivery_reading import DeliveryCriteria, DeliveryReader
from router.api.destination_actions import DestinationActions
from router.api.destination_views import (
    DestinationHealthView,
    HealthState,
    read_destination,
    read_destinations,
)
from router.api.destinations import KnownDestinations
from router.api.message_testing import MessageOutcome, MessageTestApi, MessageTested
from router.api.requests import BadRequestError
from router.clock import Clock
from router.configuration.model import Configuration
from router.console.live_hub import Topic
from router.console.page_forms import PostedForm, form_of
from router.console.page_links import HOME
from router.console.page_templates import render_part
from router.console.pages import ConsoleFrame
from router.journal.connection import Connection
from router.quantities import counted, duration, number

PATH: Final = f"{HOME}/destinations"
TOPIC: Final = "destinations"
PARTS: Final = "destination_parts.html.jinja"
_DELIVERIES: Final = 20
"""Deliveries that the page of a destination shows."""
HEALTH_KINDS: Final = {
    HealthState.OK: "good",
    HealthState.FAILING: "critical",
    HealthState.CIRCUIT_OPEN: "critical",
    HealthState.PAUSED: "paused",
    HealthState.DISABLED: "warning",
}
"""The badge of each state."""


class DestinationPages:
    """Handlers of the list and of one destination.

    Args:
        frame: The frame of the pages.
        connection: To Redis.
        clock: Time.
        configuration: Returns the active configuration; None in a process without rules.
        actions: What operators do.
        tests: Sends test messages.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        connection: Connection,
        clock: Clock,
        configuration: Callable[[], Configuration] | None,
        actions: DestinationActions,
        tests: MessageTestApi,
    ) -> None:
        self._frame = frame
        self._connection = connection
        self._clock = clock
        self._configuration = configuration
        self._actions = actions
        self._tests = tests
        self._known = KnownDestinations(connection, self._names)
        self._deliveries = DeliveryReader(connection)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{PATH}/{{name}}"
        return [
            self._frame.page(PATH, self.list),
            self._frame.page(one, self.show),
            self._frame.action(one, self.act),
        ]

    def topic(self) -> Topic:
        """Return the topic of the states and queues of all destinations."""

        async def read() -> Sequence[DestinationHealthView]:
            return await read_destinations(self._connection, self._clock, self._names())

        def show(found: Sequence[DestinationHealthView], _role: Role) -> Mapping[str, str | int]:
            return {name: html for each in found for name, html in _moving(each).items()}

        return Topic(name=TOPIC, read=read, show=show)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Show all destinations, those that do not receive first."""
        found = await read_destinations(self._connection, self._clock, self._names())
        order = list(HEALTH_KINDS)
        found.sort(
            key=lambda each: (each.health is HealthState.OK, order.index(each.health), each.name)
        )
        return await self._frame.render(
            request, "destinations.html.jinja", destinations=found, kinds=HEALTH_KINDS
        )

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show one destination."""
        name = request.match_info["name"]
        await self._known.check(name)
        found = await read_destination(self._connection, self._clock, name)
        page = await self._deliveries.page(
            DeliveryCriteria(destination=name), "", limit=_DELIVERIES
        )
        return await self._frame.render(
            request,
            "destination.html.jinja",
            of=found,
            kind=HEALTH_KINDS[found.health],
            deliveries=page.deliveries,
            rules=self._rules_of(name),
            spec_kind=self._kind_of(name),
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Do what a form asks for."""
        name = request.match_info["name"]
        await self._known.check(name)
        said, kind = await self._done(request, name, form_of(request))
        back = form_of(request).text("back") or request.query.get("back", "")
        path = {"list": PATH, "overview": HOME}.get(back, f"{PATH}/{name}")
        return self._frame.redirect(request, path, said, kind)

    async def _done(self, request: web.Request, name: str, form: PostedForm) -> tuple[str, str]:
        caller = caller_of(request)
        match form.text("do"):
            case "pause":
                await self._actions.pause(name, caller, reason=form.text("reason"))
                return f"Paused {name}: its deliveries wait until it is resumed.", "good"
            case "resume":
                await self._actions.resume(name, caller)
                return f"Resumed {name}.", "good"
            case "retry-now":
                due = await self._actions.retry_now(name, caller)
                return f"{counted(due, 'delivery', 'deliveries')} to {name} are due now.", "good"
            case "test":
                return _tested(name, await self._tests.send(name, caller))
            case _:
                raise BadRequestError("the form asks for nothing that this page does")

    def _names(self) -> Iterable[str]:
        if self._configuration is None:
            return ()
        return [spec.name for spec in self._configuration().destinations]

    def _rules_of(self, name: str) -> Sequence[str]:
        if self._configuration is None:
            return []
        rules = self._configuration().rules.rules
        return sorted(rule.name for rule in rules if name in rule.destinations)

    def _kind_of(self, name: str) -> str:
        if self._configuration is None:
            return ""
        specs = self._configuration().destinations
        return next((spec.kind for spec in specs if spec.name == name), "")


def _moving(of: DestinationHealthView) -> dict[str, str]:
    """Return the parts of the pages that move, by the ids of their elements."""
    return {
        f"health-{of.name}": render_part(PARTS, "health", {}, HEALTH_KINDS[of.health], of.health),
        f"waiting-{of.name}": number(of.pending),
        f"oldest-{of.name}": duration(of.oldest_age_seconds) if of.oldest_age_seconds else "—",
        f"failed-{of.name}": number(of.failures_per_minute),
        f"dead-{of.name}": number(of.dead),
    }


def _tested(name: str, tested: MessageTested) -> tuple[str, str]:
    """Return what came of a test message, and the kind of notice."""
    status = "" if tested.status is None else f", status {tested.status}"
    match tested.outcome:
        case MessageOutcome.DELIVERED:
            took = duration(tested.seconds)
            return f"{name} has received the test message, in {took}{status}.", "good"
        case MessageOutcome.FAILED:
            return f"{name} has not received the test message: {tested.reason}{status}.", "warning"
        case MessageOutcome.WAITING:
            return f"The test message to {name} waits: {tested.reason}.", "info"
