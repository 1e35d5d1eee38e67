"""``/console``: whether alerts flow, and what to do where they do not.

While no event has come it shows how to send one, and how Twilio sends them.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from router.api.access import Role
from router.api.destination_views import DestinationHealthView, HealthState
from router.api.event_views import REASONS
from router.configuration.model import Configuration
from router.console.concurrent_reads import concurrent_reads
from router.console.destination_pages import HEALTH_KINDS
from router.console.first_steps import SAMPLE_COMMAND, FirstSteps, SinkGuide
from router.console.frame_figures import FrameFigures, FrameReader
from router.console.live_hub import Topic
from router.console.overall_state import Attention, notes
from router.console.overview_figures import OverviewFigures, OverviewReader
from router.console.overview_words import activity, headline, link_text, memory_text
from router.console.page_links import HOME
from router.console.page_templates import render_part
from router.console.pages import ConsoleFrame
from router.errors import JournalUnavailableError

TOPIC: Final = "overview"
_POLLS: Final = 2
_PARTS: Final = "overview_parts.html.jinja"
_DESTINATIONS: Final = 8
"""Destinations that are shown, those that do not receive first."""


_SHOWN: Final = ("headline", "figures", "alerts", "destinations", "events", "rules")


class OverviewSnapshot(msgspec.Struct, frozen=True):
    """All that the page shows, at one moment."""

    frame: FrameFigures
    figures: OverviewFigures | None
    """None while Redis does not answer."""
    steps: SinkGuide | None = None
    """The first steps; None if an event has come, or while Redis does not answer."""


class OverviewPage:
    """Handler of the first page.

    Args:
        frame: The frame of the pages.
        state: The state and the destinations.
        reader: The other figures.
        steps: What to do while no event has come.
        configuration: Returns the active configuration; None in a process without rules.
        is_kept: Whether history is on.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        state: FrameReader,
        reader: OverviewReader,
        steps: FirstSteps,
        configuration: Callable[[], Configuration] | None,
        *,
        is_kept: bool,
    ) -> None:
        self._frame = frame
        self._state = state
        self._reader = reader
        self._steps = steps
        self._configuration = configuration
        self._is_kept = is_kept

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [self._frame.page(HOME, self.page)]

    def topic(self) -> Topic:
        """Return the topic of the parts of the page."""
        return Topic(name=TOPIC, read=self._read, show=self._moving, every=_POLLS)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show the page."""
        snapshot = await self._read()
        steps = snapshot.steps
        if steps is None and snapshot.figures is not None and "connect" in request.query:
            steps = await self._steps.read(snapshot.frame.situation)
        return await self._frame.render(
            request,
            "overview.html.jinja",
            status=HTTPStatus.OK
            if snapshot.figures is not None
            else HTTPStatus.SERVICE_UNAVAILABLE,
            is_first=snapshot.steps is not None,
            steps=steps,
            **self._values(snapshot),
        )

    async def _read(self) -> OverviewSnapshot:
        async def figures() -> OverviewFigures | None:
            try:
                return await self._reader.read()
            except JournalUnavailableError:
                return None  # the state says so

        async with concurrent_reads() as group:
            state = group.create_task(self._state.read())
            found = group.create_task(figures())
        snapshot = OverviewSnapshot(state.result(), found.result())
        if snapshot.figures is None or snapshot.frame.situation.has_events:
            return snapshot
        return msgspec.structs.replace(
            snapshot, steps=await self._steps.read(snapshot.frame.situation)
        )

    def _moving(self, snapshot: OverviewSnapshot, role: Role) -> Mapping[str, str | int]:
        """Return the parts of the page, by the ids of their elements.

        Times are those of the clock, which the script makes relative, so that a part that has not
        changed is not sent again.
        """
        frame = {"now": None, "may_change": role is Role.OPERATOR}
        values = {"frame": frame, **self._values(snapshot)}
        shown = _SHOWN if snapshot.figures is not None else ("headline",)
        parts = {f"overview-{name}": render_part(_PARTS, name, values) for name in shown}
        if snapshot.steps is not None:
            parts["overview-steps"] = render_part(_PARTS, "guide", values, snapshot.steps)
        return {**parts, "has-events": int(snapshot.frame.situation.has_events)}

    def _values(self, snapshot: OverviewSnapshot) -> dict[str, Any]:
        """Return the values that the parts use."""
        situation, figures = snapshot.frame.situation, snapshot.figures
        ordered = _worst_first(snapshot.frame.destinations)
        common = {
            "state": snapshot.frame.state,
            "headline_text": headline(snapshot.frame.state),
            "link_text": link_text(snapshot.frame.state),
            "is_good": snapshot.frame.state.level is Attention.GOOD,
            "notes": [(each, headline(each)) for each in notes(situation)],
            "situation": situation,
            "of": figures,
            "ordered": ordered[:_DESTINATIONS],
            "destination_count": len(ordered),
            "health_kinds": HEALTH_KINDS,
            "kinds": self._kinds(),
            "waiting": situation.unevaluated
            + sum(each.pending for each in snapshot.frame.destinations),
            "is_kept": self._is_kept,
            "sample_command": SAMPLE_COMMAND,
            "reasons": REASONS,
        }
        if figures is None:
            return {**common, "activity_text": "", "memory": ("", "")}
        return {
            **common,
            "activity_text": activity(figures, situation),
            "memory": memory_text(figures),
        }

    def _kinds(self) -> dict[str, str]:
        if self._configuration is None:
            return {}
        return {spec.name: spec.kind for spec in self._configuration().destinations}


def _worst_first(destinations: Sequence[DestinationHealthView]) -> list[DestinationHealthView]:
    order = (
        HealthState.CIRCUIT_OPEN,
        HealthState.FAILING,
        HealthState.DISABLED,
        HealthState.PAUSED,
        HealthState.OK,
    )
    return sorted(destinations, key=lambda each: (order.index(each.health), -each.pending))
