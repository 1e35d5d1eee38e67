"""Log in with a token, log out, and the pages of addresses that do not exist."""

import logging
import re
from http import HTTPStatus
from typing import Final

from aiohttp import web

from router.api.access import Access, Caller, Role, audit_entry
from router.api.requests import BadRequestError
from router.console.login_attempts import LoginAttempts
from router.console.login_links import LINK, LoginLinks
from router.console.page_forms import PostedForm, read_form
from router.console.page_links import HOME
from router.console.pages import LOGIN, ConsoleFrame, visitor_of
from router.console.session import is_same_origin
from router.journal.audit import Audit, AuditAction, Audited, Via
from router.quantities import duration

logger = logging.getLogger(__name__)

_LIMIT: Final = 8192
_ODD: Final = re.compile(r"\\|//|/\.\.")
"""Parts of a path that browsers read in their own ways."""
_WRONG: Final = (
    "No token is this one. Copy it again from ROUTER_ADMIN_TOKEN or ROUTER_VIEWER_TOKEN, without"
    " its name and without spaces around it."
)

_USED: Final = (
    "This link was used before or is too old. Start router dev again for a new one, or log in with a"
    " token."
)


class LoginPages:
    """Handlers of login, logout and unknown addresses.

    Args:
        frame: The frame of the pages.
        access: The tokens.
        attempts: Limits the logins of an address.
        audit: The audit trail.
        links: Knows the links that log in once.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        access: Access,
        attempts: LoginAttempts,
        audit: Audit,
        links: LoginLinks,
    ) -> None:
        self._frame = frame
        self._access = access
        self._attempts = attempts
        self._audit = audit
        self._links = links

    def routes(self) -> list[web.RouteDef]:
        """Return the routes. The last one is for all other addresses below ``/console``."""
        return [
            web.get(LOGIN, self.show),
            web.post(LOGIN, self.log_in),
            self._frame.action(f"{HOME}/logout", self.log_out, role=Role.VIEWER),
            web.get(f"{HOME}/", self.to_home),
            self._frame.page(f"{HOME}/{{rest:.+}}", self.missing),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the form, or use a link; a visitor who is logged in goes on."""
        if LINK in request.query:
            return await self._use_link(request, request.query[LINK])
        if self._frame.sessions.visitor(request) is not None:
            return self._frame.redirect(request, _next(request.query.get("next", "")))
        return await self._form(request, HTTPStatus.OK, request.query.get("next", ""))

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """Give the browser the cookie of a login, if the token is one of the settings."""
        try:
            form = await read_form(request, limit=_LIMIT)
        except BadRequestError as error:
            return await self._form(request, error.status, "", str(error))
        wanted = form.text("next")
        if not is_same_origin(request, self._access.called(request)):
            problem = "The form was sent by another site. Log in here."
            return await self._form(request, HTTPStatus.FORBIDDEN, wanted, problem)
        address = self._access.address(request)
        wait = self._attempts.admit(address)
        if wait:
            problem = f"Too many attempts from {address}: try again in {duration(wait)}."
            return await self._form(request, HTTPStatus.TOO_MANY_REQUESTS, wanted, problem)
        caller = self._access.identify(f"Bearer {_token(form)}")
        if caller is None:
            await self._record(AuditAction.LOGIN_FAILED, Caller("", Role.VIEWER), address)
            return await self._form(request, HTTPStatus.FORBIDDEN, wanted, _WRONG)
        return await self._opened(request, caller, _next(wanted))

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """Have the browser forget its login."""
        response = self._frame.redirect(request, LOGIN)
        self._frame.sessions.end(response)
        caller = visitor_of(request).caller
        logger.info("console logout", extra={"by": caller.name, "role": str(caller.role)})
        return response

    async def to_home(self, request: web.Request) -> web.StreamResponse:
        """Send ``/console/`` to ``/console``."""
        return self._frame.redirect(request, HOME)

    async def missing(self, request: web.Request) -> web.StreamResponse:
        """Say that there is no such page."""
        return await self._frame.render_message(
            request,
            HTTPStatus.NOT_FOUND,
            "There is no such page",
            f"Nothing is at {request.path[:200]}. The links above lead to all pages.",
        )

    async def _use_link(self, request: web.Request, text: str) -> web.StreamResponse:
        caller = self._links.use(text)
        if caller is None:
            return await self._form(request, HTTPStatus.FORBIDDEN, "", _USED)
        return await self._opened(request, caller, HOME)

    async def _opened(self, request: web.Request, caller: Caller, path: str) -> web.StreamResponse:
        """Give the browser a new login, and send it to a page."""
        await self._record(AuditAction.LOGGED_IN, caller, self._access.address(request))
        visitor = self._frame.sessions.open(caller)
        response = self._frame.redirect(request, path)
        self._frame.sessions.store(request, response, visitor)
        return response

    async def _record(self, action: AuditAction, caller: Caller, address: str) -> None:
        seen = Caller(caller.name, caller.role, Via.CONSOLE, address)
        details = {"role": str(caller.role)} if action is AuditAction.LOGGED_IN else {}
        await self._audit.record(audit_entry(seen, action, Audited.CONSOLE, details=details))

    async def _form(
        self, request: web.Request, status: int, wanted: str, problem: str = ""
    ) -> web.StreamResponse:
        if self._frame.sessions.is_closed:
            return await self._frame.render(
                request, "closed.html.jinja", status=HTTPStatus.FORBIDDEN
            )
        return await self._frame.render(
            request, "login.html.jinja", status=status, next=wanted, problem=problem
        )


def _token(form: PostedForm) -> str:
    return form.text("token").strip()


def _next(path: str) -> str:
    """Return the page to show after the login; only pages of the console, never another site."""
    is_ours = path == HOME or path.startswith((f"{HOME}/", f"{HOME}?"))
    is_plain = path.isascii() and path.isprintable() and not _ODD.search(path)
    return path if is_ours and is_plain and not path.startswith((f"{HOME}/log",)) else HOME
