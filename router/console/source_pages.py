"""``/console/sources``: whether each sender gets through, and what to change if it does not."""

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from router.api.access import Role
from router.api.source_list import unknown_source
from router.api.source_reading import SourceReader
from router.api.source_views import SourceState, SourceView
from router.console.live_hub import Topic
from router.console.page_links import HOME
from router.console.page_templates import render_part
from router.console.pages import ConsoleFrame
from router.journal.source_log import REFUSALS_LIMIT
from router.quantities import number

PATH: Final = f"{HOME}/sources"
TOPIC: Final = "sources"
PARTS: Final = "source_parts.html.jinja"
_POLLS: Final = 2
STATE_KINDS: Final = {
    SourceState.REFUSING: "critical",
    SourceState.CLOSED: "warning",
    SourceState.NEVER_RECEIVED: "paused",
    SourceState.FINE: "good",
}
"""The badge of each state, the worst first."""


class SourcePages:
    """Handlers of the list and of one source. They change nothing.

    Args:
        frame: The frame of the pages.
        sources: Reads the sources.
    """

    def __init__(self, frame: ConsoleFrame, sources: SourceReader) -> None:
        self._frame = frame
        self._sources = sources

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.list),
            self._frame.page(f"{PATH}/{{name}}", self.show),
        ]

    def topic(self) -> Topic:
        """Return the topic of the states and counts of all sources."""

        def show(found: Sequence[SourceView], _role: Role) -> Mapping[str, str | int]:
            return {name: html for each in found for name, html in _moving(each).items()}

        return Topic(name=TOPIC, read=self._sources.all, show=show, every=_POLLS)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Show all sources, those that need attention first."""
        found = await self._sources.all()
        order = list(STATE_KINDS)
        found.sort(key=lambda each: order.index(each.state))  # stable: then as they are listed
        return await self._frame.render(
            request,
            "sources.html.jinja",
            sources=found,
            kinds=STATE_KINDS,
            has_own=any(not each.built_in for each in found),
        )

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show one source with its latest refusals."""
        name = request.match_info["name"]
        found = await self._sources.one(name, limit=REFUSALS_LIMIT)
        if found is None:
            raise unknown_source(name, self._sources)
        return await self._frame.render(
            request,
            "source.html.jinja",
            of=found,
            kind=STATE_KINDS[found.state],
            shown_refusals=REFUSALS_LIMIT,
        )


def _moving(of: SourceView) -> dict[str, str]:
    """Return the parts of the pages that move, by the ids of their elements.

    Times are those of the clock, which the script makes relative.
    """
    values = {"frame": {"now": None}}
    return {
        f"state-{of.name}": render_part(PARTS, "state", values, STATE_KINDS[of.state], of.state),
        f"accepted-{of.name}": number(of.accepted_last_hour),
        f"refused-{of.name}": number(of.refused_last_hour),
        f"last-{of.name}": render_part(PARTS, "last", values, of),
    }
