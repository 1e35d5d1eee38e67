"""One connection to a mail server: greeting, EHLO, TLS, login and mails, each phase with its time.

RFC 5321 (4.5.3.2) gives each phase a time of its own. The one after the last byte of a mail is by
far the longest, because a server examines a mail before it replies, and a client that gives up
earlier sends it again.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import aiosmtplib
import msgspec

from router.destinations.rendering.mailbox import Mailbox
from router.destinations.transport import egress
from router.destinations.transport.name_resolver import NameResolver
from router.destinations.transport.smtp_login import AccessLogin, log_in
from router.destinations.transport.smtp_replies import (
    CROWDED,
    NO_SMTPUTF8,
    NotOfferedError,
    Recipient,
    ReplyError,
    is_final,
)
from router.destinations.transport.smtp_server import SmtpServer, own_names
from router.settings.choices import Egress

_QUIT_SECONDS: Final = 1.0
_ALIVE_SECONDS: Final = 5.0
"""How long a connection that was used before may take to reply. A firewall may have dropped it."""
_LEADING_DOT: Final = re.compile(rb"(?m)^\.")
_NO_SUCH_CODE: Final = 553


class Envelope(msgspec.Struct, frozen=True):
    """A mail and its addresses."""

    sender: Mailbox
    recipients: tuple[Mailbox, ...]
    ascii: bytes | None
    """The mail for servers without SMTPUTF8; None if they cannot send it."""
    utf8: bytes | None = None
    """The mail for servers with SMTPUTF8; None if it does not need it."""


class Phases(msgspec.Struct, frozen=True):
    """The longest time of each phase, in seconds."""

    connect: float
    greeting: float
    command: float
    data: float


class Client(msgspec.Struct, frozen=True):
    """How this side connects."""

    server: SmtpServer
    egress: Egress
    names: NameResolver
    tls: ssl.SSLContext
    hello: str
    """The name for EHLO; ``""`` selects the host name or the address."""
    phases: Phases


class PhaseTimeoutError(TimeoutError):
    """Raised when a phase takes too long; ``waited_for`` says for what."""

    def __init__(self, waited_for: str) -> None:
        super().__init__(waited_for)
        self.waited_for = waited_for


class NoConnectionError(Exception):
    """Raised when the server did not accept a connection, or did not greet; has a cause."""


class SmtpConnection:
    """A connection, not yet open."""

    def __init__(self, client: Client) -> None:
        self._server = client.server
        self._phases = client.phases
        self._connecting = client
        self._client = aiosmtplib.SMTP(
            hostname=client.server.host,
            local_hostname="localhost",  # not used: the name is given to each EHLO
            use_tls=client.server.tls,
            start_tls=False,  # done below, so that its error is known from that of the login
            tls_context=client.tls,
            timeout=None,  # none, because each phase has its own
        )
        self.is_greeted = False
        """Whether the server has accepted it."""
        self.uses = 0
        """How many mails were sent on it, or rejected."""
        self.has_sent = False
        """Whether the last bytes of the current mail may have reached the server."""

    async def open(self, login: AccessLogin | None) -> None:
        """Connect, so that mails can be sent.

        Args:
            login: The login by access token; None for the one by password, if the server has one.

        Raises:
            NoConnectionError: The server did not accept the connection, or did not greet.
            ReplyError: It rejected EHLO, STARTTLS or the login.
            NotOfferedError: It lacks STARTTLS or the login.
            PhaseTimeoutError: It did not reply in time.
            aiosmtplib.SMTPException, OSError: The connection broke, or TLS failed.
        """
        server, phases, client = self._server, self._phases, self._client
        try:
            names = own_names(self._connecting.hello, await _connect(client, self._connecting))
            self.is_greeted = True
            name = await _greet(client, names, phases)
            if server.starttls:
                async with _phase("STARTTLS", phases.command):
                    with _offered("STARTTLS"):
                        await client.starttls()
                await _greet(client, [name], phases)
            if login or server.user:
                async with _phase("the login", phases.command):
                    with _offered("a login"):
                        await log_in(client, server, login)
        except aiosmtplib.SMTPResponseException as error:
            is_login = isinstance(error, aiosmtplib.SMTPAuthenticationError)
            step = "login" if is_login else "connection"
            raise ReplyError(step, error.code, error.message) from error

    @property
    def certificate(self) -> Mapping[str, Any]:
        """The server's certificate as ``ssl`` returns it; empty without TLS."""
        return self._client.get_transport_info("peercert") or {}

    async def is_alive(self) -> bool:
        """Return whether the server still answers on it, and forget a mail that was begun."""
        self.has_sent = False
        try:
            async with asyncio.timeout(min(_ALIVE_SECONDS, self._phases.command)):
                await self._client.rset()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True

    async def deliver(self, mail: Envelope, on_data: Callable[[], None]) -> list[Recipient]:
        """Send a mail once; return the recipients that were not accepted.

        Args:
            mail: The mail.
            on_data: Called when the server is ready for the mail itself, after which the phase
                ``data`` is the only deadline.

        Raises:
            ReplyError: The server rejected a step, or all recipients for the same reason.
            PhaseTimeoutError: It did not reply in time.
            aiosmtplib.SMTPException, OSError: The connection broke.
        """
        self.uses += 1
        uses_utf8 = mail.utf8 is not None and self._client.supports_extension("smtputf8")
        content = mail.utf8 if uses_utf8 else mail.ascii
        if content is None:
            raise ReplyError("sender", _NO_SUCH_CODE, NO_SMTPUTF8)
        options = ["SMTPUTF8", "BODY=8BITMIME"] if uses_utf8 else []
        if self._client.supports_extension("size"):
            options.append(f"SIZE={len(content)}")
        await self._step("sender", f"MAIL FROM:<{mail.sender.wire}>", *options)
        refused = [
            rejection
            for each in mail.recipients
            if (rejection := await self._name_recipient(each, uses_utf8=uses_utf8)) is not None
        ]
        if len(refused) < len(mail.recipients):
            await self._step("message", "DATA", code=354)
            on_data()
            await self._send_content(content)
        return refused

    async def _name_recipient(self, mailbox: Mailbox, *, uses_utf8: bool) -> Recipient | None:
        """Name a recipient to the server; return its rejection, if it rejects this one alone."""
        if mailbox.needs_utf8 and not uses_utf8:
            return Recipient(mailbox.address, _NO_SUCH_CODE, NO_SMTPUTF8)
        try:
            await self._step("recipient", f"RCPT TO:<{mailbox.wire}>")
        except ReplyError as error:
            if error.code in CROWDED:
                raise
            return Recipient(mailbox.address, error.code, error.text)
        return None

    async def _send_content(self, content: bytes) -> None:
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        async with _phase("the reply to the mail, which may have arrived", self._phases.data):
            self.has_sent = True
            protocol.write(_LEADING_DOT.sub(b"..", content) + b".\r\n")
            reply = await protocol.read_response()
        if not 200 <= reply.code < 300:
            raise ReplyError("message", reply.code, reply.message)

    async def _step(self, step: str, *words: str, code: int = 250) -> None:
        """Send a command; raise ReplyError unless its reply is of the kind of ``code``."""
        async with _phase(f"the reply to {words[0][:4]}", self._phases.command):
            reply = await self._client.execute_command(" ".join(words).encode())
        if reply.code // 100 != code // 100:
            raise ReplyError(step, reply.code, reply.message)

    async def quit(self) -> None:
        """Say goodbye and close it."""
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(_QUIT_SECONDS):
                await self._client.quit()
        self._client.close()

    def leave(self) -> None:
        """Close it between two mails, without waiting for the reply to QUIT."""
        with contextlib.suppress(aiosmtplib.SMTPException):
            if self._client.protocol is not None:
                self._client.protocol.write(b"QUIT\r\n")
        self._client.close()

    def close(self) -> None:
        """Close it at once."""
        self._client.close()


async def _connect(connection: aiosmtplib.SMTP, client: Client) -> str:
    """Connect and read the greeting; return the local address."""
    server, phases = client.server, client.phases
    try:
        async with _phase("the connection", phases.connect):
            connected = await egress.connect(
                server.host,
                server.port,
                client.egress,
                names=client.names,
                seconds=phases.connect,
            )
        address = str(connected.getsockname()[0])
        async with _phase("the greeting", phases.greeting):
            await connection.connect(sock=connected)  # closes the socket if it fails
    except aiosmtplib.SMTPResponseException:
        raise
    except (aiosmtplib.SMTPException, OSError) as error:
        raise NoConnectionError from error
    return address


async def _greet(connection: aiosmtplib.SMTP, names: Sequence[str], phases: Phases) -> str:
    """Say EHLO with the first name that the server accepts, else HELO; return the name.

    Some servers reject a name that they cannot look up, and some know HELO only.
    """
    async with _phase("the reply to EHLO", phases.command):
        for name in names:
            try:
                await connection.ehlo(hostname=name)
            except aiosmtplib.SMTPHeloError as error:
                if not is_final(error.code) or not connection.is_connected:
                    raise
            else:
                return name
        await connection.helo(hostname=names[-1])
    return names[-1]


@contextlib.asynccontextmanager
async def _phase(waited_for: str, seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise PhaseTimeoutError(waited_for) from error


@contextlib.contextmanager
def _offered(feature: str) -> Iterator[None]:
    """Raise NotOfferedError for an error that is neither a reply nor of the network."""
    try:
        yield
    except (aiosmtplib.SMTPResponseException, OSError):
        raise
    except aiosmtplib.SMTPException:
        raise NotOfferedError(feature) from None
