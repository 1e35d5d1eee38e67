"""The kind ``email``: one mail with a text and an HTML part.

Its Message-ID is derived from the delivery, so that mail systems can recognise a mail that was sent
twice because a connection broke. Sources: RFC 5322 (headers), RFC 3834 (Auto-Submitted).
"""

import ssl
from collections.abc import Sequence
from typing import Final

from router.alerts import Delivered, Delivery, Outcome, Preview
from router.destinations.contract import Environment
from router.destinations.email_config import EmailConfig, recipients
from router.destinations.email_content import Mail, alert_mail, digest_mail
from router.destinations.rendering import digest
from router.destinations.rendering.mailbox import Mailbox, parse_mailbox
from router.destinations.transport.batching import Batcher
from router.destinations.transport.credentials import AccessTokenCache
from router.destinations.transport.http_client import HttpOptions
from router.destinations.transport.smtp import Mailer, MailLogin
from router.destinations.transport.smtp_connection import Client, Envelope, Phases
from router.destinations.transport.smtp_server import parse_url
from router.destinations.transport.tls import client_context
from router.errors import ConfigurationError

# Short, because the deliveries of a digest are due together and their attempts begin at once.
_BATCH_SECONDS: Final = 0.2


class EmailDestination:
    """Recipients that are reached by one mail server."""

    def __init__(self, name: str, config: EmailConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._sender = parse_mailbox(config.from_, "from")
        self._recipients = recipients(config)
        self._mailer = _mailer(name, config, environment)
        self._batcher = (
            Batcher(self._send_digest, limit=digest.LIMIT, wait=_BATCH_SECONDS)
            if config.digest
            else None
        )

    async def open(self) -> None:
        """Open the client of the token server. Connections are made when there is a mail."""
        await self._mailer.open()

    async def close(self) -> None:
        """Close the connections to the mail server."""
        await self._mailer.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send once, to the recipients that no earlier attempt reached."""
        if self._batcher is not None:
            return await self._batcher.attempt(delivery)
        remaining = self._not_reached(delivery)
        if not remaining:
            return Delivered()
        return await self._send(remaining, self._mail([delivery]))

    def preview(self, delivery: Delivery) -> Preview:
        """Return the mail that ``attempt`` would send, of a digest one with this alert alone."""
        mail = self._mail([delivery])
        headers = tuple((header.name.lower(), header.text) for header in mail.headers)
        return Preview(headers, mail.text, "text/plain; charset=utf-8", mail.html)

    def _mail(self, deliveries: Sequence[Delivery]) -> Mail:
        links = self._environment.links
        if self._batcher is not None:
            return digest_mail(deliveries, self.config, links)
        return alert_mail(
            deliveries[0], self.config, links(deliveries[0].alert), self._environment.masks
        )

    async def _send(self, remaining: Sequence[Mailbox], mail: Mail) -> Outcome:
        for error in mail.errors:
            self._environment.on_template_error(error)
        return await self._mailer.send(
            Envelope(self._sender, tuple(remaining), mail.ascii, mail.utf8)
        )

    async def _send_digest(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send one mail for each set of remaining recipients; return each delivery's outcome."""
        by_recipients: dict[tuple[Mailbox, ...], list[Delivery]] = {}
        for delivery in deliveries:
            by_recipients.setdefault(self._not_reached(delivery), []).append(delivery)
        outcomes: dict[str, Outcome] = {}
        for remaining, group in by_recipients.items():
            sent = await self._send(remaining, self._mail(group)) if remaining else Delivered()
            outcomes.update((delivery.id, sent) for delivery in group)
        return [outcomes[delivery.id] for delivery in deliveries]

    def _not_reached(self, delivery: Delivery) -> tuple[Mailbox, ...]:
        reached = {address for past in delivery.failed_attempts for address in past.reached}
        return tuple(each for each in self._recipients if each.address not in reached)


def _mailer(name: str, config: EmailConfig, environment: Environment) -> Mailer:
    server = parse_url(config.smtp_url)
    times = config.timeouts
    phases = Phases(times.connect, times.greeting, times.command, times.data)
    tls = _certificates(name, config, environment)
    client = Client(server, environment.egress, environment.names, tls, config.hello, phases)
    login = None
    if config.oauth2 is not None:
        options = HttpOptions(timeout=min(config.timeout, times.command), connections=1)
        tokens = AccessTokenCache(config.oauth2, environment, options)
        login = MailLogin(server.user or parse_mailbox(config.from_, "from").wire, tokens)
    return Mailer(client, timeout=config.timeout, login=login)


def _certificates(name: str, config: EmailConfig, environment: Environment) -> ssl.SSLContext:
    """Return the TLS context for the mail server.

    Raises:
        ConfigurationError: A file has changed since the rules were loaded and is not valid.
    """
    if config.tls is None:
        return environment.tls
    try:
        return client_context(config.tls, environment.tls)
    except ValueError as error:
        raise ConfigurationError(f"destination {name}: tls: {error}") from None
