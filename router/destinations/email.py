"""The kind ``email``: one mail with a text and an HTML part.

Its Message-ID comes of the delivery, so that a mail sent twice (after a connection that broke at
the wrong moment) is recognised as one by those who look. Sources: RFC 5322 (headers), RFC 3834
(Auto-Submitted).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from importlib.resources import files
from typing import Any, Final

import msgspec

from router.alerts import Alert, Delivered, Delivery, Outcome, Preview, Severity
from router.destinations import DestinationConfig, Environment
from router.destinations.render import COLOURS, Target, decode, facts, summary
from router.destinations.smtp import Mailer, parse_url
from router.destinations.templates import render
from router.destinations.text import one_line
from router.values import Secret

SUBJECT_LIMIT: Final = 200
DESCRIPTION_LIMIT: Final = 2000

_LAYOUT: Final = files("router.destinations").joinpath("email.html.jinja").read_text("utf-8")
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


class EmailDestination:
    """Some recipients, by one mail server."""

    def __init__(self, name: str, config: EmailConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._sender = parse_address(config.from_, "from").addr_spec
        self._mailer = Mailer(parse_url(config.smtp_url), environment, timeout=config.timeout)

    async def open(self) -> None:
        """Connections are made when there is a mail to send."""

    async def close(self) -> None:
        await self._mailer.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        reached = {address for past in delivery.failed_attempts for address in past.reached}
        recipients = [address for address in self.config.to if address not in reached]
        if not recipients:
            return Delivered()
        mail, error = message(delivery, self.config)
        if error:
            self._environment.on_template_error(error)
        return await self._mailer.send(self._sender, recipients, mail.as_bytes())

    def preview(self, delivery: Delivery) -> Preview:
        mail, _ = message(delivery, self.config)
        headers = tuple((name.lower(), str(value)) for name, value in mail.items())
        text, html = (_content(mail, kind) for kind in ("plain", "html"))
        return Preview(headers, text, "text/plain; charset=utf-8", html)


def message(delivery: Delivery, config: EmailConfig) -> tuple[EmailMessage, str]:
    """The mail, the same for each attempt, and why the summary's template failed, or ``""``."""
    alert = delivery.alert
    event = decode(alert)
    said = summary(alert, Target.TEXT, event)
    sender = parse_address(config.from_, "from")
    mail = EmailMessage(policy=SMTP)
    # All that stems from an event has been through one_line(): it cannot begin another header.
    mail["From"] = sender
    mail["To"] = ", ".join(config.to)
    if config.reply_to:
        mail["Reply-To"] = parse_address(config.reply_to, "reply_to")
    mail["Subject"] = one_line(f"[{alert.severity.upper()}] {said.text}", SUBJECT_LIMIT)
    mail["Date"] = format_datetime(datetime.fromtimestamp(alert.raised_at, UTC))
    mail["Message-ID"] = f"<{delivery.id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Router-Delivery"] = delivery.id
    if alert.severity is Severity.CRITICAL:
        mail["Importance"] = "high"
    mail.set_content(_text(delivery, said.text, event), cte="quoted-printable")
    mail.add_alternative(_html(delivery, said.text, event), subtype="html", cte="quoted-printable")
    # Else the library draws one at random, and no two attempts are the same.
    mail.set_boundary(f"=_{delivery.id}")
    return mail, said.error


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


def _text(delivery: Delivery, summary_text: str, event: Mapping[str, Any]) -> str:
    alert = delivery.alert
    found = facts(alert, event)
    width = max(len(fact.label) for fact in found) + 2
    lines = [f"{fact.label + ':':<{width}}{fact.value}" for fact in found]
    parts: Sequence[str] = (
        summary_text,
        one_line(alert.description, DESCRIPTION_LIMIT),
        "\n".join(lines),
        f"-- \nDelivery {delivery.id}, alert {alert.id}",
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(delivery: Delivery, summary_text: str, event: Mapping[str, Any]) -> str:
    alert: Alert = delivery.alert
    shown = {
        "summary": summary_text,
        "severity": str(alert.severity),
        "colour": COLOURS[alert.severity],
        "description": one_line(alert.description, DESCRIPTION_LIMIT),
        "facts": msgspec.to_builtins(facts(alert, event)),
        "delivery": delivery.id,
        "alert": alert.id,
    }
    return render(_LAYOUT, {"data": shown}, Target.HTML)


def _content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content())
