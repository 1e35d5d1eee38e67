"""One mail to an SMTP server, over connections that are kept, and what the replies mean.

A reply 4xx is "not now", 5xx "never" (RFC 5321, section 4.2.1). Where a server takes some
recipients and not others the mail goes out to those it takes; ``reached`` says who they are, so
that no later attempt writes to them again.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec

from router.alerts import RESPONSE_LIMIT, Delivered, Failed, Outcome, Refused
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.rendering.text import one_line
from router.destinations.transport import egress
from router.destinations.transport import network_errors as network
from router.destinations.transport.redaction import Redactor

_PORTS: Final = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
# Servers close idle connections after some minutes, and many count the mails of a connection.
_IDLE_SECONDS: Final = 30.0
_MAILS_PER_CONNECTION: Final = 50
_QUIT_SECONDS: Final = 1.0


class SmtpServer(msgspec.Struct, frozen=True):
    """Where and how mail is handed in."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte."""
    starttls: bool
    """TLS before anything that matters, or nothing is sent."""
    user: str
    password: Secret


class Recipient(msgspec.Struct, frozen=True):
    """A recipient whom the server did not take, and its reply."""

    address: str
    code: int
    text: str


class _Connection:
    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.client = client
        self.mails = 0
        self.idle_since = 0.0


def parse_url(url: Secret) -> SmtpServer:
    """Raise ValueError, without the URL, saying what would be right."""
    try:
        parts = urlsplit(url.reveal())
        port = parts.port
    except ValueError:
        raise ValueError("smtp_url is not a URL, or its port is no number") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(
            "smtp_url must be smtp://, smtps:// or smtp+starttls://, then"
            " [user:password@]host[:port]"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("smtp_url ends after the port; %2F, %3F, %23 stand for / ? # before it")
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
    """Hands mails to one server. ``timeout`` is in seconds, from connect to the last reply."""

    def __init__(self, server: SmtpServer, environment: Environment, *, timeout: float) -> None:
        self._server = server
        self._environment = environment
        self._timeout = timeout
        self._redact = Redactor((server.password,))
        self._idle: list[_Connection] = []

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(_QUIT_SECONDS):
                    await connection.client.quit()
            connection.client.close()

    async def send(self, sender: str, recipients: Sequence[str], mail: bytes) -> Outcome:
        """One attempt. A mail whose last reply got lost is Failed, although it may have arrived."""
        try:
            async with asyncio.timeout(self._timeout), self._connection() as client:
                refused, _ = await client.sendmail(sender, recipients, mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            # The replies stand inside: a single recipient's 451 is no reason to give up.
            turned_away = [_recipient(each) for each in error.recipients]
            return self._redacted(outcome(recipients, turned_away))
        except aiosmtplib.SMTPResponseException as error:
            return self._redacted(_from_reply(error))
        except (aiosmtplib.SMTPException, *network.NETWORK_ERRORS) as error:
            return _from_trouble(error)
        turned_away = [
            Recipient(address, reply.code, reply.message) for address, reply in refused.items()
        ]
        return self._redacted(outcome(recipients, turned_away))

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection for one mail. It is kept only if all went well: else it may be mid-mail."""
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
        """The connection used last, if the server still holds its end."""
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
            start_tls=server.starttls,
            tls_context=self._environment.tls,
            username=server.user or None,
            password=server.password.reveal() or None,
            timeout=None,  # the one deadline is over the whole
        )
        made = await egress.connect(server.host, server.port, self._environment.egress)
        await client.connect(sock=made)  # which closes it if it comes to nothing
        return _Connection(client)

    def _redacted(self, result: Outcome) -> Outcome:
        if isinstance(result, Delivered):
            return result
        # A reply is bytes of any sort; one_line() leaves nothing that cannot be stored.
        text = one_line(self._redact(result.response), RESPONSE_LIMIT)
        return msgspec.structs.replace(result, response=text)


def outcome(recipients: Sequence[str], refused: Sequence[Recipient]) -> Outcome:
    """What the replies to the recipients mean for the mail.

    All taken: delivered. Some not taken for now: failed, those are tried again. The others never
    taken: refused, which makes a dead letter that says who has no mail.
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


def _from_trouble(error: Exception) -> Outcome:
    closed = aiosmtplib.SMTPServerDisconnected
    if isinstance(error, closed) or isinstance(error.__cause__, closed):
        return network.outcome(error, otherwise="connection closed before the answer")
    if isinstance(error, aiosmtplib.SMTPException) and not isinstance(error, OSError):
        missing = "a login" if "auth" in error.message.lower() else "STARTTLS"
        return Failed(f"the mail server does not offer {missing}")
    return network.outcome(error)


async def _answers(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _own_name() -> str:
    # Not getfqdn(): that asks the name server, for as long as it likes.
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() and " " not in name else "localhost"
