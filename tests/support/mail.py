"""A mail server on loopback that replies as configured and records the mails it accepted."""

import asyncio
import email
import email.policy
import ssl
import warnings
from email.message import EmailMessage
from typing import Any, Self

import msgspec
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mail(msgspec.Struct, frozen=True):
    """One accepted mail. ``at`` is in seconds of the event loop's clock."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    tls: bool
    at: float

    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class SmtpSink:
    """A mail server. Replies are texts such as ``451 later``; ``""`` means success.

    ``recipient_replies`` is by address. A step in ``hangs_up_at`` (``MAIL``, ``RCPT``, ``DATA``)
    closes the connection instead of replying; at ``DATA`` the mail has been accepted before.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.mails: list[Mail] = []
        self.connections = 0
        self.port = 0
        self.mail_reply = ""
        self.recipient_replies: dict[str, str] = {}
        self.data_reply = ""
        self.rset_reply = ""
        self.hangs_up_at: set[str] = set()
        self._tls = tls
        self._starttls = starttls
        self._login = login
        self._open: list[asyncio.BaseTransport] = []
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.hang_up()

    def stop_accepting(self) -> None:
        """Refuse connections from now on; the open ones stay."""
        self._server.close()

    def hang_up(self) -> None:
        """Close all connections."""
        for transport in self._open:
            transport.close()
        self._open.clear()

    def _protocol(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings():
            # aiosmtpd warns about logins without TLS, which are intended here.
            warnings.simplefilter("ignore")
            return self.server_class(self, **self.server_options())

    server_class: type["SinkServer"]

    def server_options(self) -> dict[str, Any]:
        """Return aiosmtpd's options of each connection."""
        return {
            "hostname": "mail.test",
            "ident": "test",
            "tls_context": self._starttls,
            "authenticator": self._authenticate if self._login else None,
            "auth_require_tls": self._login is None,
            "auth_required": self._login is not None,
            "loop": asyncio.get_running_loop(),
        }

    def url(self, scheme: str = "smtp", userinfo: str = "") -> str:
        host = "127.0.0.1" if scheme == "smtp" else "localhost"
        return f"{scheme}://{userinfo}{host}:{self.port}"

    async def receive(self, count: int, *, seconds: float = 60.0) -> list[Mail]:
        """Return the mails once there are ``count``; raise TimeoutError after ``seconds``."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.mails) >= count)
            return list(self.mails)

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        right = self._login == (given.login.decode(), given.password.decode())
        return AuthResult(success=right, handled=False)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name and arguments
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._reply(server, "MAIL", self.mail_reply)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = self.recipient_replies.get(address, "")
        if not reply:
            envelope.rcpt_tos.append(address)
        return self._reply(server, "RCPT", reply)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if not self.data_reply:
            assert isinstance(envelope.content, bytes)
            mail = Mail(
                envelope.mail_from or "",
                tuple(envelope.rcpt_tos),
                envelope.content,
                session.ssl is not None or self._tls is not None,
                asyncio.get_running_loop().time(),
            )
            async with self._changed:
                self.mails.append(mail)
                self._changed.notify_all()
        return self._reply(server, "DATA", self.data_reply)

    async def handle_RSET(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return self._reply(server, "RSET", self.rset_reply)

    def _reply(self, server: SMTP, step: str, reply: str) -> str:
        if step in self.hangs_up_at:
            assert server.transport is not None
            server.transport.close()
        return reply or "250 ok"


class SinkServer(SMTP):
    """One connection of a sink."""

    def __init__(self, sink: SmtpSink, **options: Any) -> None:
        super().__init__(sink, **options)
        self._sink = sink

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._sink._open.append(transport)


SmtpSink.server_class = SinkServer
