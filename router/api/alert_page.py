"""``/alerts/<token>``: the page behind a signed link, to see, acknowledge or silence an alert.

GET changes nothing, because mail scanners and chat previews follow every link. It shows the alert and
a form, and only a POST of that form acts. The token is the authorization: there is no cookie that another site
could abuse, and each reader of the alert has the same rights. The page has no script, no frame and
no external content.
"""

import base64
import hashlib
import html
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote, unquote

import msgspec
from aiohttp import hdrs, web

from router.alerts import AlertStatus
from router.api.acknowledging import acknowledgement_deliveries
from router.api.requests import BadRequestError, read_body
from router.api.signed_links import PATH, InvalidLink, LinkSigner, LinkToken, Scope
from router.clock import Clock
from router.errors import JournalUnavailableError, OverloadedError
from router.http.openapi import Operation, ResponseSpec
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.shown_alerts import AlertState, ShownAlerts
from router.journal.silences import Silences
from router.rules.suppression.silences import SilenceText

logger = logging.getLogger(__name__)

NAME_LIMIT: Final = 80
"""Characters of a reader's name."""
SILENCE_SECONDS: Final = {"1h": 3600.0, "8h": 8 * 3600.0, "24h": 24 * 3600.0}
"""Choices of the form: for how many seconds to silence."""

_FORM: Final = "application/x-www-form-urlencoded"
_HTML: Final = "text/html"
_UNNAMED: Final = "unknown (alert link)"
_COOKIE: Final = "router_name"
_COOKIE_SECONDS: Final = 365 * 86400
_BODY_LIMIT: Final = 4096
_MAX_FIELDS: Final = 8

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;"
    "color:#1f2937;background:#fff;overflow-wrap:anywhere}h1{font-size:1.3rem}"
    "dt{color:#6b7280;font-size:.85rem;margin-top:.5rem}dd{margin:0}"
    "label{display:block;margin:1rem 0 .2rem}input{font:inherit;padding:.4rem;width:100%;"
    "box-sizing:border-box}button{font:inherit;margin:1rem .5rem 0 0;padding:.5rem 1rem;border:0;"
    "border-radius:.3rem;background:#2563eb;color:#fff;cursor:pointer}small{color:#6b7280}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # The URL authorizes, so it must not reach another site.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

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
    summary="Acknowledge an alert, or silence it",
    description="A link to acknowledge does not allow to silence, one to see does not allow either.",
    path_parameters=_PARAMETERS,
    responses=_pages(200, 400, 404, 410, 503),
    body={
        _FORM: {
            "type": "object",
            "properties": {
                "do": {"enum": [Scope.ACKNOWLEDGE.value, *SILENCE_SECONDS]},
                "name": {"type": "string", "maxLength": NAME_LIMIT},
            },
            "required": ["do"],
        }
    },
)
OPERATIONS: Final = (_SHOW, _ACT)
"""Descriptions of the routes."""


class AlertPages:
    """Handlers of the pages behind signed links."""

    def __init__(
        self,
        signer: LinkSigner,
        acknowledgements: Acknowledgements,
        silences: Silences,
        shown: ShownAlerts,
        clock: Clock,
    ) -> None:
        self._signer = signer
        self._acknowledgements = acknowledgements
        self._shown = shown
        self._silences = silences
        self._clock = clock
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
        alert = _alert(token, await self._read(token))
        if token.scope is Scope.SHOW:
            return _page(HTTPStatus.OK, alert)
        can_silence = token.scope is Scope.SILENCE
        return _page(HTTPStatus.OK, alert + _form(name, can_silence=can_silence))

    async def act(self, request: web.Request) -> web.Response:
        """Acknowledge or silence, as the form asks and the token allows."""
        token = self._signer.read(request.match_info["token"], now=self._now())
        if isinstance(token, InvalidLink):
            return _invalid_link(token)
        form = await _read_form(request)
        if form is None:
            return _page(HTTPStatus.BAD_REQUEST, "<h1>The form could not be read</h1>")
        name = _clean_name(form.get("name", ""))
        try:
            result = await self._apply(token, form.get("do", ""), name)
        except (JournalUnavailableError, OverloadedError) as error:
            logger.warning("alert action failed", extra={"reason": str(error)})
            return _page(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "<h1>Not done</h1><p>The router could not store it. Try again in a minute.</p>",
            )
        if not result:
            return _page(HTTPStatus.BAD_REQUEST, "<h1>This link does not allow that</h1>")
        done = f"<p><strong>{html.escape(result)}</strong></p>"
        response = _page(HTTPStatus.OK, done + _alert(token, await self._read(token)))
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

    async def _read(self, token: LinkToken) -> "_Known":
        """Return what is known of the alert; nothing while Redis is unavailable."""
        try:
            return _Known(
                await self._shown.state(token.key),
                await self._acknowledgements.acknowledged(token.key),
            )
        except JournalUnavailableError as error:
            logger.warning("alert not shown", extra={"reason": str(error)})
            return _Known()

    async def _apply(self, token: LinkToken, action: str, name: str) -> str:
        """Return what was done as a heading; ``""`` if the token does not allow ``action``."""
        now = self._now()
        by = name or _UNNAMED
        log = {"rule": token.rule, "key": token.key, "by": by}
        if action == Scope.ACKNOWLEDGE and token.scope is not Scope.SHOW:
            told = acknowledgement_deliveries(await self._shown.state(token.key), name, at=now)
            opened = await self._acknowledgements.acknowledge_and_tell(
                token.key, Acknowledgement(by, now), told, self._clock
            )
            logger.info("alert acknowledged", extra={**log, "told": opened})
            return "Acknowledged"
        if action in SILENCE_SECONDS and token.scope is Scope.SILENCE:
            until = now + SILENCE_SECONDS[action]
            await self._silences.add(
                SilenceText(
                    match={"rule": token.rule, "key": token.key},
                    ends=datetime.fromtimestamp(until, UTC).isoformat(),
                    author=by,
                    comment="by the link in an alert",
                ),
                link_id=_silence_id(token),
            )
            logger.info("alert silenced", extra={**log, "for": action})
            return f"Silenced until {_utc(until)}"
        return ""


def _silence_id(token: LinkToken) -> str:
    """Return the id of the silence of a link, the same for all links of the alert's rule and key."""
    digest = hashlib.sha256(f"{token.rule}\x00{token.key}".encode()).hexdigest()
    return f"link-{digest[:20]}"


class _Known(msgspec.Struct, frozen=True):
    """The state of the alert of a link, as far as it is known."""

    state: AlertState | None = None
    acknowledgement: Acknowledgement | None = None


def _form(name: str, *, can_silence: bool) -> str:
    buttons = ['<button name="do" value="acknowledge">Acknowledge</button>']
    if can_silence:
        buttons += [
            f'<button name="do" value="{text}">Silence for {text}</button>'
            for text in SILENCE_SECONDS
        ]
    return (
        '<form method="post"><label for="name">Your name <small>(optional)</small></label>'
        f'<input id="name" name="name" maxlength="{NAME_LIMIT}" autocomplete="name"'
        f' value="{html.escape(name)}">{"".join(buttons)}</form>'
    )


def _clean_name(text: str) -> str:
    """Return a name as one line of printable characters, at most ``NAME_LIMIT``."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:NAME_LIMIT]


def _alert(token: LinkToken, known: _Known) -> str:
    """Return the alert as HTML: what a message said, its state, and who took care of it."""
    state = known.state
    if state is None:
        heading = f"Alert of the rule {token.rule}"
        listed = [("Rule", token.rule), ("Raised", _utc(token.raised_at))]
        state_text = ""
    else:
        alert = state.shown.alert
        heading = state.shown.summary
        listed = [*state.shown.facts, ("Raised", _utc(alert.raised_at))]
        since = f"since {_utc(state.since)}"
        is_resolved = state.status is AlertStatus.RESOLVED
        state_text = f"Resolved {since}." if is_resolved else f"Firing {since}."
    acknowledged = ""
    if known.acknowledgement is not None:
        by, at = known.acknowledgement.by, _utc(known.acknowledgement.at)
        name = "" if by == _UNNAMED else f" by {by}"
        acknowledged = f"Acknowledged{name} at {at}."
        if state is not None and known.acknowledgement.at < state.since:
            acknowledged = f"An earlier alert of this key was acknowledged{name} at {at}."
    lines = [state_text, acknowledged, state.shown.alert.description if state else ""]
    return (
        f"<h1>{html.escape(heading)}</h1>"
        + "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
        + "<dl>"
        + "".join(
            f"<dt>{html.escape(label)}</dt><dd>{html.escape(text)}</dd>" for label, text in listed
        )
        + f"</dl><p><small>{html.escape(token.key)}</small></p>"
    )


def _utc(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _invalid_link(reason: InvalidLink) -> web.Response:
    match reason:
        case InvalidLink.EXPIRED:
            return _page(
                HTTPStatus.GONE,
                "<h1>This link has expired</h1><p>A newer message about the alert has a new one.</p>",
            )
        case InvalidLink.FORGED:
            return _page(HTTPStatus.NOT_FOUND, "<h1>This link is not valid</h1>")


def _page(status: HTTPStatus, content: str) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Event router</title><style>{_STYLE}</style></head><body>{content}</body></html>"
    )
    return web.Response(status=status, text=text, content_type=_HTML, headers=_HEADERS)


async def _read_form(request: web.Request) -> dict[str, str] | None:
    """Return the first value of each field; None if the body is not a small form."""
    if request.content_type != _FORM:
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
