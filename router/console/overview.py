"""``/console``: whether alerts flow, and what to do where they do not."""

from aiohttp import web

from router.console.frame_figures import FrameReader
from router.console.overall_state import notes
from router.console.page_links import HOME
from router.console.pages import ConsoleFrame


class OverviewPage:
    """Handler of the first page.

    Args:
        frame: The frame of the pages.
        figures: What it shows.
    """

    def __init__(self, frame: ConsoleFrame, figures: FrameReader) -> None:
        self._frame = frame
        self._figures = figures

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [self._frame.page(HOME, self.page)]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show the page."""
        figures = await self._figures.read()
        return await self._frame.render(
            request, "overview.html.jinja", figures=figures, notes=notes(figures.situation)
        )
