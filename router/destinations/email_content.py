"""The mails of the kind ``email``: their headers and parts, from alerts and the configuration (pure).

No alert is lost to its own text: a mail that would not be as expected, which only a damaged record
can cause, is replaced by one with a fixed subject and ids of its own, and reported.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from itertools import chain
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertStatus, Delivery, Severity
from router.destinations.contract import Links
from router.destinations.email_config import EmailConfig
from router.destinations.rendering import digest
from router.destinations.rendering.digest import DigestEntry
from router.destinations.rendering.email_body import html_part, text_part
from router.destinations.rendering.email_headers import (
    MailHeader,
    fixed_header,
    mailboxes_header,
    text_header,
)
from router.destinations.rendering.email_message import MalformedMailError, compose, message_id
from router.destinations.rendering.mailbox import Mailbox, parse_mailbox, parse_mailboxes
from router.destinations.rendering.notes import message_title, status_line
from router.destinations.rendering.summary import decode, summary, template_variables
from router.destinations.rendering.templates import TemplateTarget, is_constant, render
from router.destinations.rendering.text import one_line
from router.events.masks import NO_MASKS, Masks

SUBJECT_LIMIT: Final = 200
"""Characters of a subject."""
HEADER_LIMIT: Final = 500
"""Characters of a configured header's value."""

_REASON_LIMIT: Final = 200


class Mail(msgspec.Struct, frozen=True):
    """A mail, and what people see of it."""

    headers: tuple[MailHeader, ...]
    """Those of the form for all servers, or of the other one if there is no such form."""
    text: str
    html: str
    ascii: bytes | None
    """The mail for servers without SMTPUTF8; None if the sender's address needs SMTPUTF8."""
    utf8: bytes | None
    """The mail for servers with SMTPUTF8; None if no address needs it."""
    errors: tuple[str, ...] = ()
    """Errors of templates, and why the plain form is sent, a line each."""


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A mail before it is written."""

    id: str
    subject: str
    at: float
    """Unix time in seconds."""
    key: str = ""
    """The alert's key; mails with the same key make a thread."""
    delivery: str = ""
    headers: Mapping[str, str] = {}
    """The configured headers, rendered."""
    urgent: bool = False
    text: str
    html: str
    errors: tuple[str, ...] = ()


def alert_mail(
    delivery: Delivery, config: EmailConfig, links: Links, masks: Masks = NO_MASKS
) -> Mail:
    """Return the mail about an alert, the same for each attempt.

    Args:
        delivery: The delivery.
        config: The destination's configuration.
        links: The alert's pages.
        masks: The fields of the event that facts do not have.
    """
    alert = delivery.alert
    event = decode(alert)
    line = summary(alert, TemplateTarget.TEXT, event)
    errors = [line.error] if line.error else []
    rendered = _Templates(alert, event, line.text, errors)
    subject = rendered(config.subject, "subject", SUBJECT_LIMIT)
    headers = {
        name: rendered(source, f"header {name}", HEADER_LIMIT)
        for name, source in config.headers.items()
    }
    shown = masks.applied(event)
    draft = _Draft(
        id=delivery.id,
        subject=subject or message_title(alert, line.text),
        at=alert.raised_at,
        key=alert.key,
        delivery=delivery.id,
        headers=headers,
        urgent=alert.severity is Severity.CRITICAL and alert.status is AlertStatus.FIRING,
        text=text_part(delivery, line.text, shown, links),
        html=html_part(delivery, line.text, shown, links),
        errors=tuple(errors),
    )
    return _written(draft, config, f"[{status_line(alert).word.upper()}] {alert.rule}")


def digest_mail(
    deliveries: Sequence[Delivery], config: EmailConfig, links: Callable[[Alert], Links]
) -> Mail:
    """Return the mail about several alerts."""
    entries, errors = [], []
    for delivery in deliveries:
        line = summary(delivery.alert, TemplateTarget.TEXT)
        entries.append(DigestEntry(delivery, line.text, links(delivery.alert)))
        errors += [line.error] if line.error else []
    content = digest.digest(entries)
    draft = _Draft(
        id=content.mail_id,
        subject=config.subject or content.subject,
        at=content.at,
        headers=config.headers,
        urgent=content.urgent,
        text=content.text,
        html=content.html,
        errors=tuple(errors),
    )
    return _written(draft, config, content.subject)


class _Templates:
    """Renders the configured templates for one alert. One that fails gives ``""`` and an error."""

    def __init__(
        self, alert: Alert, event: Mapping[str, Any], summary_text: str, errors: list[str]
    ) -> None:
        self._alert = alert
        self._event = event
        self._summary = summary_text
        self._errors = errors

    def __call__(self, source: str, what: str, limit: int) -> str:
        if is_constant(source):
            return one_line(source, limit)
        variables = template_variables(self._alert, self._event, self._summary)
        try:
            return one_line(render(source, variables, TemplateTarget.TEXT), limit)
        except Exception as error:  # noqa: BLE001 - an expression may raise anything
            reason = one_line(f"{type(error).__name__}: {error}", _REASON_LIMIT)
            alert = self._alert
            self._errors.append(
                f"rule {alert.rule}: the {what} of event {alert.event_id} failed, {reason}"
            )
            return ""


def _written(draft: _Draft, config: EmailConfig, plain_subject: str) -> Mail:
    """Return the mail, or the plain form of it if it would not be as expected."""
    try:
        return _mail(draft, config)
    except MalformedMailError as error:
        own_id = f"mail_{blake2b(repr((draft.id, draft.key)).encode(), digest_size=12).hexdigest()}"
        plain = msgspec.structs.replace(
            draft,
            id=own_id,
            subject=plain_subject,
            key="",
            delivery=own_id if draft.delivery else "",
            headers={},
            errors=(*draft.errors, f"mail {own_id}: sent in a plain form, {error}"),
        )
        return _mail(plain, config)


def _mail(draft: _Draft, config: EmailConfig) -> Mail:
    addresses = _addresses(config)
    forms = (
        {False, True} if any(each.needs_utf8 for each in chain(*addresses.values())) else {False}
    )
    if any(each.needs_utf8 for each in addresses["From"]):
        forms = {True}
    headers = {utf8: _headers(draft, config, addresses, utf8=utf8) for utf8 in forms}
    mails = {
        utf8: compose(found, f"=_{draft.id}", text=draft.text, html=draft.html, utf8=utf8)
        for utf8, found in headers.items()
    }
    return Mail(
        tuple(headers[min(forms)]),
        draft.text,
        draft.html,
        mails.get(False),
        mails.get(True),
        draft.errors,
    )


def _addresses(config: EmailConfig) -> dict[str, tuple[Mailbox, ...]]:
    """Return the addresses that a mail shows, by header."""
    return {
        "From": (parse_mailbox(config.from_, "from"),),
        "To": parse_mailboxes(config.to, "to"),
        "Cc": parse_mailboxes(config.cc, "cc"),
        "Reply-To": parse_mailboxes(config.reply_to, "reply_to"),
    }


def _headers(
    draft: _Draft,
    config: EmailConfig,
    addresses: Mapping[str, tuple[Mailbox, ...]],
    *,
    utf8: bool,
) -> list[MailHeader]:
    domain = addresses["From"][0].ascii_domain
    headers = [
        mailboxes_header(name, shown, utf8=utf8) for name, shown in addresses.items() if shown
    ]
    headers.append(text_header("Subject", one_line(draft.subject, SUBJECT_LIMIT)))
    fixed = {
        "Date": format_datetime(datetime.fromtimestamp(draft.at, UTC)),
        "Message-ID": message_id(draft.id, domain),
    }
    if draft.key:
        # Both refer to a mail that does not exist. Mail clients group mails that refer to the same
        # one, whichever of them arrive and in whatever order.
        fixed["In-Reply-To"] = fixed["References"] = message_id(draft.key, domain)
    fixed["Auto-Submitted"] = "auto-generated"
    fixed["X-Auto-Response-Suppress"] = "All"
    if draft.urgent:
        fixed["Importance"] = "high"
    if draft.delivery:
        fixed["X-Router-Delivery"] = draft.delivery
    configured = {name.lower() for name in config.headers}
    headers += [
        fixed_header(name, value) for name, value in fixed.items() if name.lower() not in configured
    ]
    return headers + [text_header(name, value) for name, value in draft.headers.items() if value]
