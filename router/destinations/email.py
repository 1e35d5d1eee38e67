"""The kind ``email``: one mail with a text and an HTML part.

Its Message-ID is derived from the delivery, so that mail systems can recognise a mail that was sent
twice because a connection broke. Sources: RFC 5322 (headers), RFC 3834 (Auto-Submitted).
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from router.alerts import Alert, AlertStatus, Delivered, Delivery, Outcome, Preview, Severity
from router.datatypes import Secret
from router.destinations.contract import DestinationConfig, Environment, Links
from router.destinations.rendering import digest
from router.destinations.rendering.digest import DigestConfig
from router.destinations.rendering.email_body import html_part, text_part
from router.destinations.rendering.notes import status_line
from router.destinations.rendering.summary import decode, summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.rendering.text import one_line
from router.destinations.transport.batching import Batcher
from router.destinations.transport.smtp import Mailer, parse_url

SUBJECT_LIMIT: Final = 200
"""Characters of a subject."""

# Short, because the deliveries of a digest are due together and their attempts begin at once.
_BATCH_SECONDS: Final = 0.2

_ADDRESS: Final = re.compile(r"[!-~]+@[A-Za-z0-9.-]+")
_NAMED: Final = re.compile(r"(?P<name>[^<>\x00-\x1f]*)<(?P<address>[^<>]*)>")


class EmailConfig(
    DestinationConfig,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """The configuration of an ``email`` destination."""

    to: tuple[str, ...]
    """Addresses; each recipient sees the others."""
    from_: str
    """``router@example.com`` or ``Event router <router@example.com>``."""
    smtp_url: Secret
    """``smtps://``, ``smtp+starttls://`` or, without TLS, ``smtp://``."""
    reply_to: str = ""
    digest: DigestConfig | None = None
    """One mail for all alerts of a window of time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.to:
            raise ValueError("to is empty, name at least one address")
        for recipient in self.to:
            _check_address(recipient, "to")
        parse_address(self.from_, "from")
        if self.reply_to:
            parse_address(self.reply_to, "reply_to")
        parse_url(self.smtp_url)
        if self.digest is not None and self.rate is not None:
            raise ValueError(
                "digest and rate exclude each other: a digest is one mail for each window"
            )

    @property
    def slots(self) -> int:
        """The most concurrent attempts: all of a digest are made at once."""
        return self.concurrency if self.digest is None else max(self.concurrency, digest.LIMIT)

    def due_at(self, now: float) -> float | None:
        """Return the end of the current window (Unix time in seconds); None without a digest."""
        return None if self.digest is None else self.digest.end(now)


class EmailDestination:
    """Recipients that are reached by one mail server."""

    def __init__(self, name: str, config: EmailConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._sender = parse_address(config.from_, "from").addr_spec
        self._mailer = Mailer(parse_url(config.smtp_url), environment, timeout=config.timeout)
        self._batcher = (
            Batcher(self._send_digest, limit=digest.LIMIT, wait=_BATCH_SECONDS)
            if config.digest
            else None
        )

    async def open(self) -> None:
        """Do nothing, because connections are made when there is a mail to send."""

    async def close(self) -> None:
        """Close the connections to the mail server."""
        await self._mailer.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send once, to the recipients that no earlier attempt reached."""
        if self._batcher is not None:
            return await self._batcher.attempt(delivery)
        recipients = self._not_reached(delivery)
        if not recipients:
            return Delivered()
        mail, error = message(delivery, self.config, self._environment.links(delivery.alert))
        if error:
            self._environment.on_template_error(error)
        return await self._mailer.send(self._sender, recipients, mail.as_bytes())

    def preview(self, delivery: Delivery) -> Preview:
        """Return the mail that ``attempt`` would send, of a digest one with this alert alone."""
        if self._batcher is None:
            links = self._environment.links(delivery.alert)
            mail, _ = message(delivery, self.config, links)
        else:
            mail, _ = digest_message([delivery], self.config, self._environment.links)
        headers = tuple((name.lower(), str(value)) for name, value in mail.items())
        text, html = (_content(mail, kind) for kind in ("plain", "html"))
        return Preview(headers, text, "text/plain; charset=utf-8", html)

    async def _send_digest(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send one mail for each set of remaining recipients; return each delivery's outcome."""
        by_recipients: dict[tuple[str, ...], list[Delivery]] = {}
        for delivery in deliveries:
            by_recipients.setdefault(self._not_reached(delivery), []).append(delivery)
        outcomes: dict[str, Outcome] = {}
        for recipients, group in by_recipients.items():
            outcome = await self._send_one_digest(recipients, group)
            outcomes.update((delivery.id, outcome) for delivery in group)
        return [outcomes[delivery.id] for delivery in deliveries]

    async def _send_one_digest(
        self, recipients: Sequence[str], deliveries: Sequence[Delivery]
    ) -> Outcome:
        if not recipients:
            return Delivered()
        mail, errors = digest_message(deliveries, self.config, self._environment.links)
        for error in errors:
            self._environment.on_template_error(error)
        return await self._mailer.send(self._sender, recipients, mail.as_bytes())

    def _not_reached(self, delivery: Delivery) -> tuple[str, ...]:
        reached = {address for past in delivery.failed_attempts for address in past.reached}
        return tuple(address for address in self.config.to if address not in reached)


def message(delivery: Delivery, config: EmailConfig, links: Links) -> tuple[EmailMessage, str]:
    """Return the mail, the same for each attempt, and the error of the summary's template.

    The error is ``""`` if the template did not fail.

    Args:
        delivery: The delivery.
        config: The destination's configuration.
        links: The alert's links.
    """
    alert = delivery.alert
    event = decode(alert)
    line = summary(alert, TemplateTarget.TEXT, event)
    subject = f"[{status_line(alert).word.upper()}] {line.text}"
    mail = new_mail(delivery.id, subject, config, at=alert.raised_at, key=alert.key)
    if alert.severity is Severity.CRITICAL and alert.status is AlertStatus.FIRING:
        mail["Importance"] = "high"
    mail["X-Router-Delivery"] = delivery.id
    set_parts(
        mail,
        delivery.id,
        text=text_part(delivery, line.text, event, links),
        html=html_part(delivery, line.text, event, links),
    )
    return mail, line.error


def digest_message(
    deliveries: Sequence[Delivery], config: EmailConfig, links: Callable[[Alert], Links]
) -> tuple[EmailMessage, list[str]]:
    """Return the mail about several alerts, and the errors of their summaries' templates."""
    entries, errors = [], []
    for delivery in deliveries:
        line = summary(delivery.alert, TemplateTarget.TEXT)
        entries.append(digest.DigestEntry(delivery, line.text, links(delivery.alert)))
        errors += [line.error] if line.error else []
    content = digest.digest(entries)
    mail = new_mail(content.mail_id, content.subject, config, at=content.at)
    if content.urgent:
        mail["Importance"] = "high"
    set_parts(mail, content.mail_id, text=content.text, html=content.html)
    return mail, errors


def new_mail(
    mail_id: str, subject: str, config: EmailConfig, *, at: float, key: str = ""
) -> EmailMessage:
    """Return a mail with its headers and without content.

    Args:
        mail_id: The local part of the Message-ID.
        subject: The subject.
        config: The destination's configuration.
        at: The time of the Date header, Unix time in seconds.
        key: The alert's key; mails with the same key make a thread.
    """
    sender = parse_address(config.from_, "from")
    mail = EmailMessage(policy=SMTP)
    # Event text has passed one_line(), so it cannot begin another header.
    mail["From"] = sender
    mail["To"] = ", ".join(config.to)
    if config.reply_to:
        mail["Reply-To"] = parse_address(config.reply_to, "reply_to")
    mail["Subject"] = one_line(subject, SUBJECT_LIMIT)
    mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    mail["Message-ID"] = f"<{mail_id}@{sender.domain}>"
    if key:
        # Both refer to a mail that does not exist. Mail clients group mails that refer to the same
        # one, whichever of them arrive and in whatever order.
        mail["In-Reply-To"] = mail["References"] = f"<{key}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def set_parts(mail: EmailMessage, mail_id: str, *, text: str, html: str) -> None:
    """Give ``mail`` its text and its HTML part."""
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    # Set, because a random boundary would make each attempt another mail.
    mail.set_boundary(f"=_{mail_id}")


def parse_address(text: str, key: str) -> Address:
    """Return an address, with or without a name before it.

    Args:
        text: The address as configured.
        key: The configuration's key that it is the value of.

    Raises:
        ValueError: It is not an address; the message names ``key``.
    """
    named = _NAMED.fullmatch(text.strip())
    address = named["address"] if named else text
    _check_address(address, key)
    return Address(named["name"].strip().strip('"') if named else "", addr_spec=address)


def _check_address(address: str, key: str) -> None:
    problem = ValueError(
        f"{key}: {address!r} is not an address, write for example noc@example.com"
        " (a domain with other letters in its xn-- form)"
    )
    if not _ADDRESS.fullmatch(address):
        raise problem
    try:
        Address(addr_spec=address)
    except (ValueError, IndexError):
        raise problem from None


def _content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content())
