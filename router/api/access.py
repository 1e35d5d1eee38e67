"""Access to the operators' API: viewers may read, operators may change as well.

A caller proves by a bearer token who it is: one of ROUTER_ADMIN_TOKEN or ROUTER_VIEWER_TOKEN, with a
name if the setting gives the token one. Without configured tokens the API is closed, because a
router that is reachable from the internet must not obey anonymous requests.
"""

import enum
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.json_responses import error_response
from router.datatypes import Secret
from router.ingress.forwarded import Sender, resolve_sender
from router.journal.audit import AuditAction, Audited, AuditEntry, Via
from router.settings.model import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""A handler of aiohttp."""


class Role(enum.StrEnum):
    """The right of a caller."""

    OPERATOR = "operator"
    """Read and change."""
    VIEWER = "viewer"
    """Read."""


class Caller(msgspec.Struct, frozen=True):
    """The person or program behind a request."""

    name: str
    """Name of the token; ``""`` if it has none."""
    role: Role
    via: Via = Via.API
    address: str = ""
    """The address that the request came from, behind the trusted proxies; ``""`` if there is none."""

    @property
    def may_change(self) -> bool:
        """Return whether the caller is an operator."""
        return self.role is Role.OPERATOR


_CALLER: Final = web.RequestKey("caller", Caller)


def caller_of(request: web.Request) -> Caller:
    """Return the caller of a request to a route that needs one."""
    return request[_CALLER]


def remember_caller(request: web.Request, caller: Caller) -> None:
    """Let ``caller_of`` return this caller, which another proof than the bearer token has shown."""
    request[_CALLER] = caller


def audit_entry(
    caller: Caller,
    action: AuditAction,
    kind: Audited,
    object_name: str = "",
    *,
    named: str = "",
    details: Mapping[str, str | int] | None = None,
) -> AuditEntry:
    """Return the entry of what a caller did.

    Args:
        caller: The caller of the request.
        action: What was done.
        kind: What it was done to.
        object_name: Its key, id or name.
        named: The name that the request gives; it is left out if it is the caller's.
        details: What else is to be known; empty texts are left out.
    """
    return AuditEntry(
        action=action,
        kind=kind,
        object=object_name,
        by=caller.name,
        named="" if named == caller.name else named,
        via=caller.via,
        address=caller.address,
        details={name: value for name, value in (details or {}).items() if value != ""},
    )


class Access:
    """The tokens, and who has them.

    Args:
        settings: Has ROUTER_ADMIN_TOKEN, ROUTER_VIEWER_TOKEN and ROUTER_TRUSTED_PROXIES.
    """

    def __init__(self, settings: Settings) -> None:
        self._trusted = settings.trusted_proxies
        self._tokens = (
            *((token.secret, Caller(token.name, Role.VIEWER)) for token in settings.viewer_token),
            *((token.secret, Caller(token.name, Role.OPERATOR)) for token in settings.admin_token),
        )

    @property
    def tokens(self) -> tuple[tuple[Secret, Caller], ...]:
        """Return the tokens with whom each one names."""
        return self._tokens

    @property
    def is_closed(self) -> bool:
        """Return whether there is no token at all."""
        return not self._tokens

    def caller(self, request: web.Request) -> Caller | None:
        """Return the caller that the bearer token of a request names; None if it names none."""
        found = self.identify(request.headers.get(hdrs.AUTHORIZATION, ""))
        if found is None:
            return None
        return msgspec.structs.replace(found, address=self.address(request))

    def address(self, request: web.Request) -> str:
        """Return the address of the caller of a request; ``""`` if it has none."""
        return str(self._sender(request).address or "")

    def called(self, request: web.Request) -> str:
        """Return the scheme, host and port that the caller called, at a trusted proxy or here."""
        return self._sender(request).base_url

    def is_secure(self, request: web.Request) -> bool:
        """Return whether the caller sent a request by https."""
        return self.called(request).startswith("https://")

    def _sender(self, request: web.Request) -> Sender:
        return resolve_sender(
            request.remote, request.scheme, request.host, request.headers, self._trusted
        )

    def identify(self, authorization: str) -> Caller | None:
        """Return the caller of an ``Authorization`` header, None if its token is wrong.

        It compares with all tokens, each in constant time, so that the time does not depend on
        which one it is.
        """
        found = None
        for secret, caller in self._tokens:
            if secret.matches_bearer(authorization):
                found = caller
        return found


def require(role: Role, handler: Handler, access: Access) -> Handler:
    """Return ``handler`` for callers of a role; others get 401 or 403.

    Args:
        role: VIEWER permits operators as well.
        handler: Handles permitted requests; ``caller_of`` returns the caller.
        access: The tokens.
    """

    @functools.wraps(handler)
    async def permitted(request: web.Request) -> web.StreamResponse:
        if access.is_closed:
            return error_response(
                403, "closed", "set ROUTER_ADMIN_TOKEN to open the operators' API"
            )
        if not request.headers.get(hdrs.AUTHORIZATION):
            setting = "ROUTER_ADMIN_TOKEN" if role is Role.OPERATOR else "ROUTER_VIEWER_TOKEN"
            response = error_response(401, "no_token", f"send Authorization: Bearer <{setting}>")
            response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
            return response
        caller = access.caller(request)
        if caller is None:
            return error_response(403, "wrong_token", "the bearer token is wrong")
        if role is Role.OPERATOR and not caller.may_change:
            return error_response(
                403,
                "read_only",
                "a token of ROUTER_VIEWER_TOKEN may only read; this needs one of ROUTER_ADMIN_TOKEN",
            )
        remember_caller(request, caller)
        return await handler(request)

    return permitted
