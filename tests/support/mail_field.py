"""Mail servers as they are met in the field: slow, full, particular about names, with tokens only."""

import asyncio
import base64
from typing import Any

import msgspec
from aiosmtpd.smtp import MISSING, AuthResult, Envelope, Session

from support.mail import SinkServer, SmtpSink


class FieldSmtpSink(SmtpSink):
    """A mail server with limits and delays. Times are in seconds."""

    rset_seconds = 0.0
    asks_for_token = False
    """Whether it ignores the token in the command itself."""

    def __init__(self, *, tokens: tuple[str, ...] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.greeting_seconds = 0.0
        self.recipient_seconds = 0.0
        self.data_seconds = 0.0
        """Between a mail's last byte, when it is stored, and the reply."""
        self.max_connections: int | None = None
        self.crowded_reply = "421 4.7.0 too many connections"
        """``""`` closes the connection without a word."""
        self.max_senders: int | None = None
        """Mails at once; the reply to the next is 432, as Exchange Online's."""
        self.mails_per_connection: int | None = None
        self.hello_reply = ""
        """The reply to EHLO with a bare host name."""
        self.knows_ehlo = True
        self.hellos: list[str] = []
        self.utf8 = False
        self.mail_options: list[list[str]] = []
        self.current: set[SinkServer] = set()
        self.most_connections = 0
        self.rejected = 0
        """Connections and mails that were one too many."""
        self.tokens = tokens
        """Valid access tokens; None if logins are by password."""
        self.mechanisms: tuple[str, ...] = ("XOAUTH2",)
        self.logins: list[tuple[str, str]] = []
        """Mechanism and token of each login."""
        self.answers: list[bytes] = []
        """What the client answered to the challenges that reject a token."""
        self._sending = 0

    async def has_rejected(self) -> bool:
        return self.rejected > 0

    def server_options(self) -> dict[str, Any]:
        mechanisms = {"LOGIN", "PLAIN"} if self.tokens is None else set(self.mechanisms)
        every = {"LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER"}
        options = super().server_options() | {
            "enable_SMTPUTF8": self.utf8,
            "auth_exclude_mechanism": every - mechanisms,
        }
        if self.tokens is not None:
            options |= {"auth_require_tls": False, "auth_required": True}
        return options

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name and arguments
        self,
        _server: SinkServer,
        session: Session,
        _envelope: Envelope,
        name: str,
        responses: list[str],
    ) -> list[str]:
        self.hellos.append(f"EHLO {name}")
        if not self.knows_ehlo:
            return ["502 5.5.1 not implemented"]
        if self.hello_reply and "." not in name:
            return [self.hello_reply]
        session.host_name = name
        return responses

    async def handle_HELO(  # noqa: N802 - aiosmtpd's name and arguments
        self, _server: SinkServer, session: Session, _envelope: Envelope, name: str
    ) -> str:
        self.hellos.append(f"HELO {name}")
        session.host_name = name
        return "250 mail.test"

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name and arguments
        self,
        server: SinkServer,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        self.mail_options.append(options)
        assert isinstance(server, _FieldServer)
        if self.mails_per_connection is not None and server.begun >= self.mails_per_connection:
            self.rejected += 1
            return "421 4.7.0 too many messages on this connection"
        server.begun += 1
        return await super().handle_MAIL(server, session, envelope, address, options)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self,
        server: SinkServer,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        await asyncio.sleep(self.recipient_seconds)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_RSET(  # noqa: N802 - aiosmtpd's name
        self, server: SinkServer, session: Session, envelope: Envelope
    ) -> str:
        await asyncio.sleep(self.rset_seconds)
        return await super().handle_RSET(server, session, envelope)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SinkServer, session: Session, envelope: Envelope
    ) -> str:
        if self.max_senders is not None and self._sending >= self.max_senders:
            self.rejected += 1
            return "432 4.3.2 sender thread limit exceeded"
        self._sending += 1
        try:
            reply = await super().handle_DATA(server, session, envelope)
            await asyncio.sleep(self.data_seconds)
        finally:
            self._sending -= 1
        return reply

    async def auth_XOAUTH2(self, server: SinkServer, args: list[str]) -> AuthResult:  # noqa: N802
        return await self._by_token(server, args)

    async def auth_OAUTHBEARER(self, server: SinkServer, args: list[str]) -> AuthResult:  # noqa: N802
        return await self._by_token(server, args)

    async def _by_token(self, server: SinkServer, args: list[str]) -> AuthResult:
        given = base64.b64decode(args[1]).decode()
        if self.asks_for_token:
            asked = await server.challenge_auth("")
            assert isinstance(asked, bytes)
            given = asked.decode()
        token = given.partition("auth=Bearer ")[2].removesuffix("\x01\x01")
        self.logins.append((args[0], given.replace(token, "TOKEN")))
        if token in (self.tokens or ()):
            return AuthResult(success=True, handled=False)
        challenge = msgspec.json.encode({"status": "401", "schemes": "bearer", "hint": token})
        answer = await server.challenge_auth(challenge)
        self.answers.append(b"?" if answer is MISSING else bytes(answer))
        return AuthResult(success=False, handled=False, message="535 5.7.3 unsuccessful")


class _FieldServer(SinkServer):
    begun = 0
    """Mails that were begun on this connection."""

    async def _handle_client(self) -> None:
        sink = self._sink
        assert isinstance(sink, FieldSmtpSink)
        sink.current.add(self)
        try:
            await asyncio.sleep(sink.greeting_seconds)
            if sink.max_connections is not None and len(sink.current) > sink.max_connections:
                sink.rejected += 1
                if sink.crowded_reply:
                    await self.push(sink.crowded_reply)
                assert self.transport is not None
                self.transport.close()
            else:
                sink.most_connections = max(sink.most_connections, len(sink.current))
                await super()._handle_client()
        finally:
            sink.current.discard(self)

    def connection_lost(self, error: Exception | None) -> None:
        sink = self._sink
        assert isinstance(sink, FieldSmtpSink)
        sink.current.discard(self)
        super().connection_lost(error)


FieldSmtpSink.server_class = _FieldServer
