"""The frame of the console: who may see a page, and how a page is written.

Each page is a handler that ``ConsoleFrame.page`` makes a route of, each form one that
``ConsoleFrame.action`` makes a route of. The frame asks for a login, checks the CSRF token and the
role, and turns errors into pages. A page renders a template in the frame by ``render``; an action
ends with ``redirect``, so that a reload of the browser repeats nothing.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web
from markupsafe import Markup

from router import __version__
from router.api.access import Role, remember_caller
from router.api.requests import BadRequestError
from router.clock import Clock
from router.console.frame_figures import FrameFigures, FrameReader, LinkCount
from router.console.page_forms import DEFAULT_LIMIT, read_form
from router.console.page_links import HOME, PageLink, links
from router.console.page_templates import render_part, render_template
from router.console.session import Flash, Sessions, Visitor
from router.console.static_files import StaticFiles
from router.errors import JournalUnavailableError, OverloadedError

logger = logging.getLogger(__name__)

PageHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOGIN: Final = f"{HOME}/login"
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-src 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    # Paths have ids of events, and addresses have filters.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of each page. Pages are not compressed: they have a CSRF token beside texts of senders,
whose length a reader of the connection could compare (BREACH)."""
_VISITOR: Final = web.RequestKey("visitor", Visitor)


class FrameValues(msgspec.Struct, frozen=True, kw_only=True):
    """The values of the frame in a template, as ``frame``."""

    now: float
    version: str
    asset: Callable[[str], str]
    scripts: tuple[str, ...]
    visitor: Visitor | None
    csrf: str
    links: tuple[PageLink, ...] = ()
    counts: dict[str, LinkCount] = {}
    state_html: Markup = Markup()
    flash: Flash | None = None

    @property
    def may_change(self) -> bool:
        """Whether the visitor is an operator: only then has a page forms that change something."""
        return self.visitor is not None and self.visitor.caller.may_change


class ConsoleFrame:
    """The parts that all pages share.

    Args:
        sessions: The logins.
        figures: Reads the state and the counts that each page shows.
        clock: Time.
    """

    def __init__(self, sessions: Sessions, figures: FrameReader, clock: Clock) -> None:
        self.sessions = sessions
        self.static = StaticFiles()
        self.now = clock.now
        self._figures = figures
        self._served: set[str] = set()

    def page(self, path: str, handler: PageHandler) -> web.RouteDef:
        """Return the route of a page, for viewers and operators."""
        self._served.add(path)
        return web.get(path, self._guarded(handler))

    def serves(self, path: str) -> bool:
        """Return whether this process has a page at a path."""
        return path in self._served

    def action(
        self,
        path: str,
        handler: PageHandler,
        *,
        role: Role = Role.OPERATOR,
        limit: int = DEFAULT_LIMIT,
    ) -> web.RouteDef:
        """Return the route of a form.

        Args:
            path: The path of the route.
            handler: Called with the form read, its token checked.
            role: VIEWER if it changes nothing, as a preview.
            limit: Bytes of the form.
        """

        async def act(request: web.Request) -> web.StreamResponse:
            visitor = visitor_of(request)
            if role is Role.OPERATOR and not visitor.caller.may_change:
                return await self.render_message(
                    request,
                    HTTPStatus.FORBIDDEN,
                    "You may read and not change",
                    "Your token is one of ROUTER_VIEWER_TOKEN. Log in with one of"
                    " ROUTER_ADMIN_TOKEN to do this.",
                )
            form = await read_form(request, limit=limit)
            if not self.sessions.is_token_of(visitor, form.text("csrf")):
                return await self.render_message(
                    request,
                    HTTPStatus.FORBIDDEN,
                    "This form is from another login",
                    "Nothing was changed. Open the page again, then repeat what you did.",
                )
            response = await handler(request)
            self._figures.forget()
            return response

        return web.post(path, self._guarded(act))

    async def render(
        self, request: web.Request, template: str, *, status: int = HTTPStatus.OK, **values: Any
    ) -> web.Response:
        """Return a page.

        Args:
            request: The request that it answers.
            template: File name in ``templates/``.
            status: Status of the response.
            values: The values of the template; ``frame`` is added.
        """
        frame = await self.frame_values(request)
        response = web.Response(
            status=status,
            text=render_template(template, {"frame": frame, **values}),
            content_type="text/html",
            headers=HEADERS,
        )
        if frame.flash is not None:
            self.sessions.forget_flash(response)
        if frame.visitor is not None:
            self.sessions.renew(request, response, frame.visitor)
        return response

    async def frame_values(self, request: web.Request) -> FrameValues:
        """Return the values of the frame for a request."""
        visitor = request.get(_VISITOR)
        common = FrameValues(
            now=self.now(),
            version=__version__,
            asset=self.static.path,
            scripts=self.static.scripts,
            visitor=None,
            csrf="",
        )
        if visitor is None:
            return common
        figures = await self._figures.read()
        return msgspec.structs.replace(
            common,
            flash=self.sessions.flash(request, visitor),
            visitor=visitor,
            csrf=self.sessions.token_of(visitor),
            links=tuple(links(self._served, request.path)),
            counts=figures.counts,
            state_html=Markup(state_html(figures)),  # noqa: S704 - a template has made it
        )

    async def render_message(
        self, request: web.Request, status: int, title: str, text: str, **more: Any
    ) -> web.Response:
        """Return a page that says one thing: an error, or that something is missing."""
        return await self.render(
            request, "message.html.jinja", status=status, heading=title, text=text, **more
        )

    def redirect(
        self, request: web.Request, path: str, said: str = "", kind: str = "good"
    ) -> web.Response:
        """Return the redirect that ends an action.

        Args:
            request: The request that it answers.
            path: The page to show, with its query.
            said: A sentence that this page shows once: what was done.
            kind: good, info, warning or critical.
        """
        response = web.Response(
            status=HTTPStatus.SEE_OTHER, headers={**HEADERS, hdrs.LOCATION: path}
        )
        visitor = request.get(_VISITOR)
        if said and visitor is not None:
            self.sessions.set_flash(request, response, visitor, Flash(kind, said))
        return response

    def stream(self, path: str, handler: PageHandler) -> web.RouteDef:
        """Return the route of an event stream: as a page, but 401 where a page asks for a login."""

        async def get(request: web.Request) -> web.StreamResponse:
            if not self._admit(request):
                return web.Response(status=HTTPStatus.UNAUTHORIZED, headers=HEADERS)
            return await handler(request)

        return web.get(path, get)

    def _admit(self, request: web.Request) -> bool:
        """Remember the visitor of a request; return False if it has no login."""
        visitor = self.sessions.visitor(request)
        if visitor is None:
            return False
        request[_VISITOR] = visitor
        remember_caller(request, visitor.caller)
        return True

    def _guarded(self, handler: PageHandler) -> PageHandler:
        """Return ``handler`` for visitors, with its errors as pages."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if self.sessions.is_closed:
                return await self.render(request, "closed.html.jinja", status=HTTPStatus.FORBIDDEN)
            if not self._admit(request):
                return self._to_login(request)
            try:
                return await handler(request)
            except BadRequestError as error:
                title = (
                    "There is no such page" if error.status == HTTPStatus.NOT_FOUND else "Not done"
                )
                return await self.render_message(request, error.status, title, str(error))
            except OverloadedError as error:
                return await self.render_message(
                    request, HTTPStatus.CONFLICT, "Not done", str(error)
                )
            except JournalUnavailableError as error:
                logger.warning("page not shown", extra={"reason": str(error)})
                return await self.render_message(
                    request,
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "Redis does not answer",
                    "Nothing was changed, and nothing can be shown until it does."
                    " Look at Redis and the network to it, then load this page again.",
                )

        return guarded

    def _to_login(self, request: web.Request) -> web.Response:
        wanted = request.path_qs if request.method == hdrs.METH_GET else HOME
        query = f"?next={quote(wanted, safe='')}" if wanted != HOME else ""
        return self.redirect(request, f"{LOGIN}{query}")


def visitor_of(request: web.Request) -> Visitor:
    """Return the visitor of a request to a page or an action."""
    return request[_VISITOR]


def state_html(figures: FrameFigures) -> str:
    """Return the overall state as each page shows it."""
    return render_part("state.html.jinja", "state", {}, figures.state)
