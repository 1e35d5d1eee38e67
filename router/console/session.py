"""The logins of the console: who a browser is, and that a form comes from one of its own pages.

A login is a signed text (``signed_texts.py``) in a cookie, which is HttpOnly, SameSite=Strict and limited
to ``/console``. It ends after 12 hours without a page, and 7 days after the login; no process stores
anything.

Each form has a CSRF token, which is derived from its login. A message that the next page shows once
(``Flash``) is signed too, because else another site could put words there.
"""

import hmac
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.access import Access, Caller
from router.console.page_links import HOME
from router.console.signed_texts import SignedTexts
from router.journal.audit import Via

COOKIE: Final = "router_session"
FLASH_COOKIE: Final = "router_said"
IDLE_SECONDS: Final = 12 * 3600
LONGEST_SECONDS: Final = 7 * 86400
RENEW_SECONDS: Final = 600
"""Age at which a cookie is replaced by a new one."""
FLASH_SECONDS: Final = 60
_FLASH_LENGTH: Final = 600


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind a browser."""

    caller: Caller
    login: str
    """Random text of this login, from which its CSRF token is derived."""
    began: float
    """Unix seconds of the login."""
    renewed: float
    """Unix seconds of the cookie."""

    @property
    def shown_name(self) -> str:
        """The name of the token, or the role if it has none."""
        return self.caller.name or str(self.caller.role)


class Flash(msgspec.Struct, frozen=True):
    """A sentence that the next page shows once."""

    kind: str
    """good, info, warning or critical."""
    text: str


class _Login(msgspec.Struct, frozen=True, array_like=True):
    login: str
    began: float
    renewed: float


class _Said(msgspec.Struct, frozen=True, array_like=True):
    kind: str
    text: str
    login: str


_LOGIN: Final = "login"
_SAID: Final = "said"


class Sessions:
    """Signs and reads the cookies.

    Args:
        access: The tokens that open the console; none closes it.
        now: Returns Unix seconds.
        new_id: Returns a random text.
    """

    def __init__(self, access: Access, now: Callable[[], float], new_id: Callable[[], str]) -> None:
        self.is_closed = access.is_closed
        """Whether no token is set."""
        self._access = access
        self.texts = SignedTexts(access.tokens)
        self._now = now
        self._new_id = new_id

    def open(self, caller: Caller) -> Visitor:
        """Return the login of a caller who has shown a token."""
        now = self._now()
        return Visitor(caller=caller, login=self._new_id(), began=now, renewed=now)

    def visitor(self, request: web.Request) -> Visitor | None:
        """Return the visitor of a request; None without a login that is valid now."""
        found = self.texts.read(_LOGIN, request.cookies.get(COOKIE, ""), _Login)
        if found is None:
            return None
        caller, login = found
        now = self._now()
        if now - login.renewed > IDLE_SECONDS or now - login.began > LONGEST_SECONDS:
            return None
        seen = Caller(caller.name, caller.role, Via.CONSOLE, self._access.address(request))
        return Visitor(caller=seen, login=login.login, began=login.began, renewed=login.renewed)

    def store(self, request: web.Request, response: web.StreamResponse, visitor: Visitor) -> None:
        """Give the browser the cookie of a login."""
        value = _Login(visitor.login, visitor.began, self._now())
        text = self.texts.sign(visitor.caller, _LOGIN, value)
        self._set_cookie(request, response, COOKIE, text, IDLE_SECONDS)

    def renew(self, request: web.Request, response: web.StreamResponse, visitor: Visitor) -> None:
        """Replace the cookie of a visitor if it has reached an age."""
        if self._now() - visitor.renewed > RENEW_SECONDS:
            self.store(request, response, visitor)

    def end(self, response: web.StreamResponse) -> None:
        """Have the browser forget its login."""
        response.del_cookie(COOKIE, path=HOME)

    def token_of(self, visitor: Visitor) -> str:
        """Return the CSRF token of a visitor's forms."""
        return self.texts.code(visitor.caller, f"csrf {visitor.login}")

    def is_token_of(self, visitor: Visitor, token: str) -> bool:
        """Return whether a form has the visitor's CSRF token; in constant time."""
        return hmac.compare_digest(
            token.encode("utf-8", "surrogatepass"), self.token_of(visitor).encode()
        )

    def set_flash(
        self, request: web.Request, response: web.StreamResponse, visitor: Visitor, flash: Flash
    ) -> None:
        """Have the next page of a visitor show a sentence."""
        value = _Said(flash.kind, flash.text[:_FLASH_LENGTH], visitor.login)
        text = self.texts.sign(visitor.caller, _SAID, value)
        self._set_cookie(request, response, FLASH_COOKIE, text, FLASH_SECONDS)

    def flash(self, request: web.Request, visitor: Visitor) -> Flash | None:
        """Return the sentence that a page of a visitor shows."""
        found = self.texts.read(_SAID, request.cookies.get(FLASH_COOKIE, ""), _Said)
        if found is None or found[1].login != visitor.login:
            return None
        return Flash(found[1].kind, found[1].text)

    def forget_flash(self, response: web.StreamResponse) -> None:
        """Have the browser forget the sentence."""
        response.del_cookie(FLASH_COOKIE, path=HOME)

    def _set_cookie(
        self,
        request: web.Request,
        response: web.StreamResponse,
        name: str,
        value: str,
        seconds: int,
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=HOME,
            httponly=True,
            samesite="Strict",
            secure=self._access.is_secure(request),
        )


def is_same_origin(request: web.Request, called: str) -> bool:
    """Return whether a request does not come from a page of another site, as browsers tell.

    A login has no CSRF token yet, and another site must not log a reader in.

    Args:
        request: The request.
        called: Scheme, host and port that the browser called, which a proxy may have changed.
    """
    site = request.headers.get("Sec-Fetch-Site", "")
    if site:
        return site in {"same-origin", "none"}
    origin = request.headers.get(hdrs.ORIGIN, "")
    # Not its scheme: a proxy that is not trusted may end TLS.
    return not origin or origin.partition("://")[2] in {request.host, called.partition("://")[2]}
