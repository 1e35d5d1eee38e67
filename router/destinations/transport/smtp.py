"""An SMTP client that keeps its connections, and the meaning of the server's replies.

A 4xx reply is temporary, a 5xx reply final (RFC 5321, section 4.2.1). If a server accepts some
recipients and not others, it sends the mail to the accepted ones. ``reached`` names them, so that
no later attempt writes to them again.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec

from router.alerts import RESPONSE_LIMIT, Delivered, Failed, Outcome, Refused
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.rendering.text import one_line
from router.destinations.transport import egress, network_errors
from router.destinations.transport.redaction import Redactor

_PORTS: Final = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
# Servers close idle connections after some minutes, and many limit the mails of a connection.
_IDLE_SECONDS: Final = 30.0
_MAILS_PER_CONNECTION: Final = 50
_QUIT_SECONDS: Final = 1.0


class SmtpServer(msgspec.Struct, frozen=True):
    """A mail server, and how to log in."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte."""
    starttls: bool
    """TLS by STARTTLS before the login; without it nothing is sent."""
    user: str
    password: Secret


class Recipient(msgspec.Struct, frozen=True):
    """A recipient that the server did not accept, and its reply."""

    address: str
    code: int
    text: str


class _NotOfferedError(Exception):
    """Raised when the server lacks a feature that the URL asks for."""


class _Connection:
    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.client = client
        self.mails = 0
        self.idle_since = 0.0


def parse_url(url: Secret) -> SmtpServer:
    """Return the server of an ``smtp_url``.

    Raises:
        ValueError: The URL is not valid. The message is without the URL.
    """
    try:
        parts = urlsplit(url.reveal())
        port = parts.port
    except ValueError:
        raise ValueError("smtp_url is not a URL, or its port is not a number") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(
            "smtp_url must be smtp://, smtps:// or smtp+starttls://, then"
            " [user:password@]host[:port]"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            "smtp_url must end after the port; write %2F, %3F, %23 for / ? # before it"
        )
    if parts.username and parts.scheme == "smtp" and not egress.is_loopback(parts.hostname):
        raise ValueError(
            "smtp_url would send the password in clear text, use smtp+starttls:// or smtps://"
        )
    return SmtpServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "smtps",
        parts.scheme == "smtp+starttls",
        unquote(parts.username or ""),
        Secret(unquote(parts.password or "")),
    )


class Mailer:
    """Sends mails to one server.

    Args:
        server: The server.
        environment: Gives the egress policy and the certificates to trust.
        timeout: Seconds for one mail, from connect to the last reply.
    """

    def __init__(self, server: SmtpServer, environment: Environment, *, timeout: float) -> None:
        self._server = server
        self._environment = environment
        self._timeout = timeout
        self._redact = Redactor((server.password,))
        self._idle: list[_Connection] = []

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(_QUIT_SECONDS):
                    await connection.client.quit()
            connection.client.close()

    async def send(self, sender: str, recipients: Sequence[str], mail: bytes) -> Outcome:
        """Send a mail once.

        Args:
            sender: The envelope's sender.
            recipients: The envelope's recipients.
            mail: The message as bytes.

        Returns:
            The outcome. A mail whose last reply was lost is Failed, although it may have arrived.
        """
        try:
            async with asyncio.timeout(self._timeout), self._connection() as client:
                refused, _ = await client.sendmail(sender, recipients, mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            # The codes inside decide, because a single recipient's 451 is temporary.
            rejected = [_recipient(each) for each in error.recipients]
            return self._redacted(outcome(recipients, rejected))
        except aiosmtplib.SMTPResponseException as error:
            return self._redacted(_from_reply(error))
        except _NotOfferedError as error:
            return Failed(f"the mail server does not offer {error}")
        except (aiosmtplib.SMTPException, *network_errors.NETWORK_ERRORS) as error:
            return _from_network_error(error)
        rejected = [
            Recipient(address, reply.code, reply.message) for address, reply in refused.items()
        ]
        return self._redacted(outcome(recipients, rejected))

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Lend a connection for one mail. After an error it is closed: it may be amid a mail."""
        connection = await self._reuse() or await self._connect()
        try:
            yield connection.client
        except BaseException:
            connection.client.close()
            raise
        connection.mails += 1
        connection.idle_since = asyncio.get_running_loop().time()
        if connection.mails < _MAILS_PER_CONNECTION:
            self._idle.append(connection)
        else:
            connection.client.close()

    async def _reuse(self) -> _Connection | None:
        """Return the connection used last, if the server still answers on it."""
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            alive = False
            try:
                alive = connection.idle_since >= oldest and await _answers(connection.client)
            finally:
                if not alive:
                    connection.client.close()
            if alive:
                return connection
        return None

    async def _connect(self) -> _Connection:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            local_hostname=_own_name(),
            use_tls=server.tls,
            start_tls=False,  # done below, so that its error is known from that of the login
            tls_context=self._environment.tls,
            timeout=None,  # none, because ``send`` has one deadline for everything
        )
        connected = await egress.connect(
            server.host,
            server.port,
            self._environment.egress,
            names=self._environment.names,
            seconds=self._timeout,
        )
        await client.connect(sock=connected)  # closes the socket if it fails
        try:
            if server.starttls:
                with _offered("STARTTLS"):
                    await client.starttls()
            if server.user:
                with _offered("a login"):
                    await client.login(server.user, server.password.reveal())
        except BaseException:
            client.close()
            raise
        return _Connection(client)

    def _redacted(self, result: Outcome) -> Outcome:
        if isinstance(result, Delivered):
            return result
        # one_line(), because a reply can have any bytes, and some cannot be stored.
        text = one_line(self._redact(result.response), RESPONSE_LIMIT)
        return msgspec.structs.replace(result, response=text)


def outcome(recipients: Sequence[str], refused: Sequence[Recipient]) -> Outcome:
    """Return the outcome of a mail by the replies to its recipients.

    Args:
        recipients: All recipients.
        refused: The recipients that the server did not accept.

    Returns:
        Delivered if all were accepted. Failed if some were rejected for now: those are retried.
        Refused if the others were rejected for good: the dead letter names them.
    """
    if not refused:
        return Delivered(250)
    text = "; ".join(f"{each.address}: {each.code} {each.text}" for each in refused)
    without = {each.address for each in refused}
    reached = tuple(address for address in recipients if address not in without)
    passing = [each for each in refused if not _is_final(each.code)]
    count = f"{len(passing or refused)} of {len(recipients)} recipients"
    if passing:
        return Failed(f"{count} not taken for now", passing[0].code, text, reached=reached)
    return Refused(f"{count} refused", refused[0].code, text, reached=reached)


def _recipient(error: aiosmtplib.SMTPRecipientRefused) -> Recipient:
    return Recipient(error.recipient, error.code, error.message)


def _from_reply(error: aiosmtplib.SMTPResponseException) -> Outcome:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            step = "login"
        case aiosmtplib.SMTPSenderRefused():
            step = "sender"
        case aiosmtplib.SMTPDataError():
            step = "message"
        case _:
            step = "connection"
    if _is_final(error.code):
        return Refused(f"{step} refused by the mail server", error.code, error.message)
    if 400 <= error.code < 500:
        return Failed(f"{step} not taken for now", error.code, error.message)
    return Failed("malformed answer", None, error.message)


def _from_network_error(error: Exception) -> Outcome:
    closed = aiosmtplib.SMTPServerDisconnected
    if isinstance(error, closed) or isinstance(error.__cause__, closed):
        return network_errors.outcome(error, otherwise="connection closed before the answer")
    return network_errors.outcome(error)


@contextlib.contextmanager
def _offered(feature: str) -> Iterator[None]:
    """Raise _NotOfferedError for an error that is neither a reply nor of the network."""
    try:
        yield
    except (aiosmtplib.SMTPResponseException, OSError):
        raise
    except aiosmtplib.SMTPException:
        raise _NotOfferedError(feature) from None


async def _answers(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _own_name() -> str:
    # Not getfqdn(), because it asks the name server and has no deadline.
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() and " " not in name else "localhost"
