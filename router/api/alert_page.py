"""``/alerts/<ticket>``: the page that a signed link opens.

Looking at it does nothing: mail scanners and chat previews follow every link. It shows a form, and
only sending that acts. The ticket is the right to act, so there is no cookie to abuse and nothing
else to check; whoever was sent the alert has it. No script, no frame, nothing from elsewhere.
"""

import asyncio
import base64
import hashlib
import html
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from aiohttp import hdrs, web

from router.api.signed_links import PATH, InvalidLink, LinkSigner, LinkToken, Scope
from router.clock import Clock
from router.errors import JournalUnavailableError, OverloadedError
from router.http.openapi import Operation
from router.http.openapi import ResponseSpec as Described
from router.journal.acknowledgements import Acknowledgements
from router.journal.silences import Silences
from router.rules.suppression.silences import SilenceText

logger = logging.getLogger(__name__)

NAME_LIMIT: Final = 80
_COOKIE: Final = "router_name"
_COOKIE_SECONDS: Final = 365 * 86400
_BODY_SECONDS: Final = 10.0
_BODY_LIMIT: Final = 4096
_MOST_FIELDS: Final = 8
SPANS: Final = {"1h": 3600.0, "8h": 8 * 3600.0, "24h": 24 * 3600.0}
"""For how long one can silence, in seconds."""

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;"
    "color:#1f2937;background:#fff}h1{font-size:1.3rem}"
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
    # The URL is the right to act: it goes nowhere.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def _described(*statuses: int) -> dict[int, Described]:
    return {
        status: Described(_ANSWERS[status], _HTML, media_type="text/html") for status in statuses
    }


_HTML: Final = {"type": "string"}
_ANSWERS: Final = {
    200: "A page.",
    400: "The form is not understood, or the link does not allow that.",
    404: "This is no link of an alert.",
    410: "The link has expired.",
    503: "Redis did not answer.",
}
OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_GET,
        path=f"{PATH}/{{ticket}}",
        tag="readers",
        summary="What a link in an alert opens: a form",
        description="Changes nothing.",
        responses=_described(200, 404, 410),
    ),
    Operation(
        method=hdrs.METH_POST,
        path=f"{PATH}/{{ticket}}",
        tag="readers",
        summary="Acknowledge the alert, or silence it where the link allows that",
        responses=_described(200, 400, 404, 410, 503),
        body={
            "application/x-www-form-urlencoded": {
                "type": "object",
                "properties": {
                    "do": {"enum": [Scope.ACKNOWLEDGE.value, *SPANS]},
                    "name": {"type": "string", "maxLength": NAME_LIMIT},
                },
                "required": ["do"],
            }
        },
    ),
)


class AlertPages:
    def __init__(
        self,
        signer: LinkSigner,
        acknowledgements: Acknowledgements,
        silences: Silences,
        clock: Clock,
    ) -> None:
        self._signer = signer
        self._acknowledgements = acknowledgements
        self._silences = silences
        self._now = clock.now

    def routes(self) -> list[web.RouteDef]:
        return [web.get(f"{PATH}/{{ticket}}", self.show), web.post(f"{PATH}/{{ticket}}", self.act)]

    async def show(self, request: web.Request) -> web.Response:
        """The form. Changes nothing."""
        ticket = self._signer.read(request.match_info["ticket"], now=self._now())
        if isinstance(ticket, InvalidLink):
            return _refusal(ticket)
        name = _name(unquote(request.cookies.get(_COOKIE, "")))
        return _page(HTTPStatus.OK, _form(ticket, name, can_silence=ticket.scope is Scope.SILENCE))

    async def act(self, request: web.Request) -> web.Response:
        """Acknowledge or silence, as the form says and the ticket allows."""
        ticket = self._signer.read(request.match_info["ticket"], now=self._now())
        if isinstance(ticket, InvalidLink):
            return _refusal(ticket)
        form = await _read_form(request)
        if form is None:
            return _page(HTTPStatus.BAD_REQUEST, "<h1>The form could not be read</h1>")
        name = _name(form.get("name", ""))
        try:
            done = await self._do(ticket, form.get("do", ""), name)
        except (JournalUnavailableError, OverloadedError) as error:
            logger.warning("alert not acknowledged", extra={"reason": str(error)})
            return _page(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "<h1>Not done</h1><p>The router cannot keep it now. Try again in a minute.</p>",
            )
        if not done:
            return _page(HTTPStatus.BAD_REQUEST, "<h1>This link does not allow that</h1>")
        answer = _page(HTTPStatus.OK, f"<h1>{html.escape(done)}</h1>{_about(ticket)}")
        if name:
            answer.set_cookie(
                _COOKIE,
                quote(name),
                max_age=_COOKIE_SECONDS,
                path=PATH,
                httponly=True,
                samesite="Strict",
                secure=request.secure,
            )
        return answer

    async def _do(self, ticket: LinkToken, wanted: str, name: str) -> str:
        """What was done, in words; ``""`` for what the ticket does not allow."""
        now = self._now()
        by = name or "somebody with the link"
        log = {"rule": ticket.rule, "key": ticket.key, "by": by}
        if wanted == Scope.ACKNOWLEDGE:
            await self._acknowledgements.acknowledge(ticket.key, by, now)
            logger.info("alert acknowledged", extra=log)
            return "Acknowledged"
        if wanted in SPANS and ticket.scope is Scope.SILENCE:
            until = now + SPANS[wanted]
            await self._silences.add(
                SilenceText(
                    match={"rule": ticket.rule, "key": ticket.key},
                    ends=datetime.fromtimestamp(until, UTC).isoformat(),
                    author=by,
                    comment="by the link in an alert",
                )
            )
            logger.info("alert silenced", extra={**log, "for": wanted})
            return f"Silenced until {_moment(until)}"
        return ""


def _form(ticket: LinkToken, name: str, *, can_silence: bool) -> str:
    buttons = ['<button name="do" value="acknowledge">Acknowledge</button>']
    if can_silence:
        buttons += [
            f'<button name="do" value="{span}">Silence for {span}</button>' for span in SPANS
        ]
    return (
        f"<h1>{'Silence or acknowledge' if can_silence else 'Acknowledge'} this alert?</h1>"
        f"{_about(ticket)}"
        '<form method="post"><label for="name">Your name <small>(optional)</small></label>'
        f'<input id="name" name="name" maxlength="{NAME_LIMIT}" autocomplete="name"'
        f' value="{html.escape(name)}">{"".join(buttons)}</form>'
    )


def _name(text: str) -> str:
    """What may be shown of a name: one short line."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:NAME_LIMIT]


def _about(ticket: LinkToken) -> str:
    return (
        f"<p>Rule <strong>{html.escape(ticket.rule)}</strong>, raised {_moment(ticket.raised_at)}"
        f"<br><small>{html.escape(ticket.key)}</small></p>"
    )


def _moment(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _refusal(why: InvalidLink) -> web.Response:
    match why:
        case InvalidLink.EXPIRED:
            return _page(
                HTTPStatus.GONE,
                "<h1>This link has expired</h1><p>A newer message about the alert has a new one.</p>",
            )
        case InvalidLink.FORGED:
            return _page(HTTPStatus.NOT_FOUND, "<h1>This is no link of an alert</h1>")


def _page(status: HTTPStatus, content: str) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Event router</title><style>{_STYLE}</style></head><body>{content}</body></html>"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)


async def _read_form(request: web.Request) -> dict[str, str] | None:
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await request.content.read(_BODY_LIMIT + 1)
            while body and len(body) <= _BODY_LIMIT and not request.content.at_eof():
                body += await request.content.read(_BODY_LIMIT + 1 - len(body))
    except TimeoutError:
        return None
    if len(body) > _BODY_LIMIT:
        return None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}
