"""The kind ``email``: one mail with a text and an HTML part.

Its Message-ID comes of the delivery, so that a mail sent twice (after a connection that broke at
the wrong moment) is recognised as one by those who look. Sources: RFC 5322 (headers), RFC 3834
(Auto-Submitted).
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
from router.destinations.rendering.summary import (
    decode,
    summary,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
)
from router.destinations.rendering.text import one_line
from router.destinations.transport.batching import Batcher
from router.destinations.transport.smtp import Mailer, parse_url

SUBJECT_LIMIT: Final = 200

# The deliveries of a digest fall due together; their attempts begin within a moment.
_GATHERING_SECONDS: Final = 0.2

_ADDRESS: Final = re.compile(r"[!-~]+@[A-Za-z0-9.-]+")
_NAMED: Final = re.compile(r"(?P<name>[^<>\x00-\x1f]*)<(?P<address>[^<>]*)>")


class EmailConfig(
    DestinationConfig,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """What the rules folder says of an ``email`` destination."""

    to: tuple[str, ...]
    """Addresses. They see one another."""
    from_: str
    """``router@example.com`` or ``Event router <router@example.com>``."""
    smtp_url: Secret
    """``smtps://``, ``smtp+starttls://`` or, without TLS, ``smtp://``."""
    reply_to: str = ""
    digest: DigestConfig | None = None
    """One mail for all alerts of a span of time."""

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
                "digest and rate exclude each other: a digest is one mail for each span"
            )

    @property
    def slots(self) -> int:
        return self.concurrency if self.digest is None else max(self.concurrency, digest.LIMIT)

    def due_at(self, now: float) -> float | None:
        return None if self.digest is None else self.digest.end(now)


class EmailDestination:
    """Some recipients, by one mail server."""

    def __init__(self, name: str, config: EmailConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._sender = parse_address(config.from_, "from").addr_spec
        self._mailer = Mailer(parse_url(config.smtp_url), environment, timeout=config.timeout)
        self._gathering = (
            Batcher(self._send_digest, limit=digest.LIMIT, wait=_GATHERING_SECONDS)
            if config.digest
            else None
        )

    async def open(self) -> None:
        """Connections are made when there is a mail to send."""

    async def close(self) -> None:
        await self._mailer.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        if self._gathering is not None:
            return await self._gathering.attempt(delivery)
        recipients = self._not_reached(delivery)
        if not recipients:
            return Delivered()
        mail, error = message(delivery, self.config, self._environment.links(delivery.alert))
        if error:
            self._environment.on_template_error(error)
        return await self._mailer.send(self._sender, recipients, mail.as_bytes())

    def preview(self, delivery: Delivery) -> Preview:
        if self._gathering is None:
            links = self._environment.links(delivery.alert)
            mail, _ = message(delivery, self.config, links)
        else:
            mail, _ = digest_message([delivery], self.config, self._environment.links)
        headers = tuple((name.lower(), str(value)) for name, value in mail.items())
        text, html = (_content(mail, kind) for kind in ("plain", "html"))
        return Preview(headers, text, "text/plain; charset=utf-8", html)

    async def _send_digest(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """The outcome of each. Those that have not the same recipients any more part ways."""
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
    """The mail, the same for each attempt, and why the summary's template failed, or ``""``."""
    alert = delivery.alert
    event = decode(alert)
    said = summary(alert, TemplateTarget.TEXT, event)
    subject = f"[{status_line(alert).word.upper()}] {said.text}"
    mail = new_mail(delivery.id, subject, config, at=alert.raised_at, key=alert.key)
    if alert.severity is Severity.CRITICAL and alert.status is AlertStatus.FIRING:
        mail["Importance"] = "high"
    mail["X-Router-Delivery"] = delivery.id
    set_parts(
        mail,
        delivery.id,
        text=text_part(delivery, said.text, event, links),
        html=html_part(delivery, said.text, event, links),
    )
    return mail, said.error


def digest_message(
    deliveries: Sequence[Delivery], config: EmailConfig, links: Callable[[Alert], Links]
) -> tuple[EmailMessage, list[str]]:
    """The mail about several alerts, and why templates failed."""
    told, errors = [], []
    for delivery in deliveries:
        said = summary(delivery.alert, TemplateTarget.TEXT)
        told.append(digest.DigestEntry(delivery, said.text, links(delivery.alert)))
        errors += [said.error] if said.error else []
    made = digest.digest(told)
    mail = new_mail(made.mail_id, made.subject, config, at=made.at)
    if made.urgent:
        mail["Importance"] = "high"
    set_parts(mail, made.mail_id, text=made.text, html=made.html)
    return mail, errors


def new_mail(
    mail_id: str, subject: str, config: EmailConfig, *, at: float, key: str = ""
) -> EmailMessage:
    """A mail without its text. ``at`` is Unix time in seconds; mails with one key are a thread."""
    sender = parse_address(config.from_, "from")
    mail = EmailMessage(policy=SMTP)
    # All that stems from an event has been through one_line(): it cannot begin another header.
    mail["From"] = sender
    mail["To"] = ", ".join(config.to)
    if config.reply_to:
        mail["Reply-To"] = parse_address(config.reply_to, "reply_to")
    mail["Subject"] = one_line(subject, SUBJECT_LIMIT)
    mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    mail["Message-ID"] = f"<{mail_id}@{sender.domain}>"
    if key:
        # A mail that nobody has: those that refer to it stand together all the same, whichever
        # of them arrive, and in whatever order.
        mail["In-Reply-To"] = mail["References"] = f"<{key}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def set_parts(mail: EmailMessage, mail_id: str, *, text: str, html: str) -> None:
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    # Else the library draws one at random, and no two attempts are the same.
    mail.set_boundary(f"=_{mail_id}")


def parse_address(text: str, key: str) -> Address:
    """An address with or without a name before it. Raises ValueError naming ``key``."""
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
