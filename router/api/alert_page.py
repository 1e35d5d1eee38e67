"""``/alerts/<token>``: the page behind a signed link, to see, acknowledge or silence an alert.

GET changes nothing, because mail scanners and chat previews follow every link. It shows the alert and
a form, and only a POST of that form acts. The token is the authorization: there is no cookie that another site
could abuse, and each reader of the alert has the same rights. The page has no script, no frame and
no external content.
"""

import hashlib
import html
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from aiohttp import hdrs, web

from router.api.access import Access
from router.api.alert_actions import UNNAMED, AlertActions, obstacle, read_details
from router.api.alert_page_html import (
    HEADERS,
    NAME_LIMIT,
    RESOLVE,
    SILENCE_SECONDS,
    SILENCE_UNTIL_RESOLVED,
    UNACKNOWLEDGE,
    KnownAlert,
    alert_html,
    form_html,
    page_html,
)
from router.api.requests import BadRequestError, read_body
from router.api.signed_links import PATH, InvalidLink, LinkSigner, LinkToken, Scope
from router.clock import Clock
from router.errors import JournalUnavailableError, OverloadedError
from router.http.openapi import Operation, ResponseSpec
from router.journal.acknowledgements import Acknowledgements
from router.journal.audit import Audit, AuditAction, Audited, AuditEntry, Via
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.journal.shown_alerts import ShownAlerts
from router.journal.silences import Silences
from router.media_types import FORM
from router.rules.suppression.silences import SilenceText

logger = logging.getLogger(__name__)

_SILENCES: Final = (*SILENCE_SECONDS, SILENCE_UNTIL_RESOLVED)
_HTML: Final = "text/html"
_COOKIE: Final = "router_name"
_COOKIE_SECONDS: Final = 365 * 86400
_BODY_LIMIT: Final = 4096
_MAX_FIELDS: Final = 8

_RESPONSES: Final = {
    200: "A page.",
    400: "The form is invalid, or the link does not allow the action.",
    404: "The link is not valid.",
    410: "The link has expired.",
    503: "Redis is unavailable.",
}


def _pages(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(_RESPONSES[status], {"type": "string"}, media_types=(_HTML,))
        for status in statuses
    }


_ROUTE: Final = f"{PATH}/{{token}}"
_PARAMETERS: Final = {"token": "Payload and signature of the link."}
_SHOW: Final = Operation(
    method=hdrs.METH_GET,
    path=_ROUTE,
    tag="alerts",
    summary="Show the alert of a link, and its form",
    description="Changes nothing.",
    path_parameters=_PARAMETERS,
    responses=_pages(200, 404, 410),
)
_ACT: Final = Operation(
    method=hdrs.METH_POST,
    path=_ROUTE,
    tag="alerts",
    summary="Acknowledge an alert, withdraw that, silence it, or resolve it",
    description="A link to acknowledge does not allow to silence or resolve, one to see allows nothing.",
    path_parameters=_PARAMETERS,
    responses=_pages(200, 400, 404, 410, 503),
    body={
        FORM: {
            "type": "object",
            "properties": {
                "do": {"enum": [Scope.ACKNOWLEDGE.value, UNACKNOWLEDGE, RESOLVE, *_SILENCES]},
                "name": {"type": "string", "maxLength": NAME_LIMIT},
            },
            "required": ["do"],
        }
    },
)
OPERATIONS: Final = (_SHOW, _ACT)
"""Descriptions of the routes."""


class AlertPages:
    """Handlers of the pages behind signed links.

    Args:
        signer: Reads the links.
        connection: To Redis.
        shown: What messages showed of alerts.
        clock: The clock.
        access: Knows the trusted proxies, for the address of who uses a link.
    """

    def __init__(
        self,
        signer: LinkSigner,
        connection: Connection,
        shown: ShownAlerts,
        clock: Clock,
        access: Access,
    ) -> None:
        self._signer = signer
        self._connection = connection
        self._alerts = KeyedAlerts(connection)
        self._actions = AlertActions(connection, clock)
        self._acknowledgements = Acknowledgements(connection)
        self._silences = Silences(connection, clock)
        self._shown = shown
        self._audit = Audit(connection, clock)
        self._access = access
        self._now = clock.now

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(_ROUTE, self.show), web.post(_ROUTE, self.act)]

    async def show(self, request: web.Request) -> web.Response:
        """Return the alert and the form; change nothing."""
        token = self._signer.read(request.match_info["token"], now=self._now())
        if isinstance(token, InvalidLink):
            return _invalid_link(token)
        name = _clean_name(unquote(request.cookies.get(_COOKIE, "")))
        known = await self._read(token)
        form = form_html(token.scope, name, known)
        return _page(HTTPStatus.OK, alert_html(token, known, form))

    async def act(self, request: web.Request) -> web.Response:
        """Do what the form asks, if the token allows it."""
        token = self._signer.read(request.match_info["token"], now=self._now())
        if isinstance(token, InvalidLink):
            return _invalid_link(token)
        form = await _read_form(request)
        if form is None:
            return _page(HTTPStatus.BAD_REQUEST, "<h1>The form could not be read</h1>")
        name = _clean_name(form.get("name", ""))
        try:
            result, done = await self._apply(token, form.get("do", ""), name)
            if done is not None:
                await self._audit.record(
                    AuditEntry(
                        action=done,
                        kind=Audited.ALERT,
                        object=token.key,
                        named=name,
                        via=Via.LINK,
                        address=self._access.address(request),
                        details={"rule": token.rule},
                    )
                )
        except (JournalUnavailableError, OverloadedError) as error:
            logger.warning("alert action failed", extra={"reason": str(error)})
            return _page(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "<h1>Not done</h1><p>The router could not store it. Try again in a minute.</p>",
            )
        if not result:
            return _page(HTTPStatus.BAD_REQUEST, "<h1>This link does not allow that</h1>")
        heading = f"<p><strong>{html.escape(result)}</strong></p>"
        known = await self._read(token)
        again = form_html(token.scope, name, known)
        response = _page(HTTPStatus.OK, heading, alert_html(token, known, again))
        if name:
            response.set_cookie(
                _COOKIE,
                quote(name),
                max_age=_COOKIE_SECONDS,
                path=PATH,
                httponly=True,
                samesite="Strict",
                secure=request.secure,
            )
        return response

    async def _read(self, token: LinkToken) -> KnownAlert:
        """Return what is known of the alert; nothing while Redis is unavailable."""
        try:
            found = await self._alerts.get(token.key)
            if isinstance(found, KeyedAlert):
                details = await read_details(self._connection, found, None, self._now())
                return KnownAlert(details=details)
            return KnownAlert(
                await self._shown.state(token.key),
                await self._acknowledgements.acknowledged(token.key),
            )
        except JournalUnavailableError as error:
            logger.warning("alert not shown", extra={"reason": str(error)})
            return KnownAlert()

    async def _apply(
        self, token: LinkToken, action: str, name: str
    ) -> tuple[str, AuditAction | None]:
        """Return the result as a heading, and what was done, None if nothing.

        The heading is ``""`` if the token does not allow ``action``.
        """
        by = name or UNNAMED
        if token.scope is Scope.SHOW:
            return "", None
        match action:
            case Scope.ACKNOWLEDGE:
                return await self._acknowledge(token, by)
            case action if action == UNACKNOWLEDGE:
                return await self._unacknowledge(token, by)
            case action if action == RESOLVE and token.scope is Scope.SILENCE:
                return await self._resolve(token, by)
            case _ if action in _SILENCES and token.scope is Scope.SILENCE:
                return await self._silence(token, action, by)
            case _:
                return "", None

    async def _acknowledge(self, token: LinkToken, by: str) -> tuple[str, AuditAction | None]:
        found = await self._alerts.get(token.key)
        if isinstance(found, KeyedAlert) and obstacle(found, self._now()):
            return "Not acknowledged: it is resolved", None
        await self._actions.acknowledge(token.key, by, found, await self._shown.state(token.key))
        return "Acknowledged", AuditAction.ACKNOWLEDGED

    async def _unacknowledge(self, token: LinkToken, by: str) -> tuple[str, AuditAction | None]:
        if await self._actions.unacknowledge(token.key, by):
            return "Acknowledgement withdrawn", AuditAction.UNACKNOWLEDGED
        return "It was not acknowledged", None

    async def _resolve(self, token: LinkToken, by: str) -> tuple[str, AuditAction | None]:
        found = await self._alerts.get(token.key)
        if not isinstance(found, KeyedAlert) or obstacle(found, self._now()):
            return "Not resolved: no alert of this key is open", None
        is_done = await self._actions.resolve(found, by)
        result = "Resolved" if is_done else "Resolving: a worker ends it when it runs"
        return result, AuditAction.RESOLVED

    async def _silence(
        self, token: LinkToken, span: str, by: str
    ) -> tuple[str, AuditAction | None]:
        until = self._now() + SILENCE_SECONDS.get(span, 0.0)
        is_open_ended = span == SILENCE_UNTIL_RESOLVED
        await self._silences.add(
            SilenceText(
                match={"rule": token.rule, "key": token.key},
                ends="" if is_open_ended else datetime.fromtimestamp(until, UTC).isoformat(),
                until_resolved=is_open_ended,
                author=by,
                comment="by the link in an alert",
            ),
            link_id=_silence_id(token),
        )
        logger.info(
            "alert silenced", extra={"rule": token.rule, "key": token.key, "by": by, "for": span}
        )
        if is_open_ended:
            return "Silenced until it is resolved", AuditAction.SILENCED
        result = f"Silenced until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
        return result, AuditAction.SILENCED


def _silence_id(token: LinkToken) -> str:
    """Return the id of the silence of a link, the same for all links of the alert's rule and key."""
    digest = hashlib.sha256(f"{token.rule}\x00{token.key}".encode()).hexdigest()
    return f"link-{digest[:20]}"


def _clean_name(text: str) -> str:
    """Return a name as one line of printable characters, at most ``NAME_LIMIT``."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:NAME_LIMIT]


def _invalid_link(reason: InvalidLink) -> web.Response:
    match reason:
        case InvalidLink.EXPIRED:
            return _page(
                HTTPStatus.GONE,
                "<h1>This link has expired</h1><p>A newer message about the alert has a new one.</p>",
            )
        case InvalidLink.FORGED:
            return _page(HTTPStatus.NOT_FOUND, "<h1>This link is not valid</h1>")


def _page(status: HTTPStatus, *content: str) -> web.Response:
    text = page_html("".join(content))
    return web.Response(status=status, text=text, content_type=_HTML, headers=HEADERS)


async def _read_form(request: web.Request) -> dict[str, str] | None:
    """Return the first value of each field; None if the body is not a small form."""
    if request.content_type != FORM:
        return None
    try:
        return parse_form(await read_body(request, limit=_BODY_LIMIT))
    except BadRequestError:
        return None


def parse_form(body: bytes) -> dict[str, str] | None:
    """Return the first value of each field of a form; None if it has too many."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}
