"""Sends mails to one server over connections that it keeps.

A connection is used for many mails. If the server rejects a further connection while others are
open, their number is its limit, and the attempt waits for one of them (``connection_limit``). A kept
connection that turns out to be closed is replaced, as long as the mail itself was not sent on it:
neither uses up an attempt.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiosmtplib
import msgspec

from router.alerts import RESPONSE_LIMIT, Delivered, Failed, Outcome, Refused
from router.destinations.rendering.text import one_line
from router.destinations.transport import network_errors
from router.destinations.transport.connection_limit import ConnectionLimit
from router.destinations.transport.credentials import AccessToken, AccessTokenCache
from router.destinations.transport.redaction import Redactor
from router.destinations.transport.smtp_connection import (
    Client,
    Envelope,
    NoConnectionError,
    PhaseTimeoutError,
    SmtpConnection,
)
from router.destinations.transport.smtp_login import AccessLogin
from router.destinations.transport.smtp_replies import (
    CROWDED,
    NotOfferedError,
    ReplyError,
    from_reply,
    is_final,
    outcome,
)

# Servers close idle connections after some minutes, and many limit the mails of a connection.
_IDLE_SECONDS: Final = 30.0
_SHARED_IDLE_SECONDS: Final = 1.0
"""Used if the server has a limit, because other workers may need the connections."""
_MAILS_PER_CONNECTION: Final = 50
_CROWDED_PAUSES: Final = (0.1, 0.2, 0.4, 0.8)
"""Seconds before a server that other clients have filled is tried again."""
_GREETING_PAUSE: Final = 0.1
_NETWORK: Final = (aiosmtplib.SMTPException, *network_errors.NETWORK_ERRORS)
CONNECTION_ERRORS: Final = (ReplyError, NotOfferedError, NoConnectionError, *_NETWORK)
"""The errors that a mail server, or the network to it, can cause."""


class MailLogin(msgspec.Struct, frozen=True):
    """A login by access token."""

    user: str
    tokens: AccessTokenCache


class _CrowdedError(Exception):
    """Raised when the server may have too many connections.

    Args:
        result: The outcome of the attempt, unless a connection becomes free.
        says_so: Whether the server replied, so that it counts connections that it has not greeted.
        waits: Whether waiting helps although this process has no connection.
    """

    def __init__(self, result: Outcome, *, says_so: bool, waits: bool) -> None:
        super().__init__()
        self.outcome = result
        self.says_so = says_so
        self.waits = waits


class _StaleError(Exception):
    """Raised when a kept connection turned out to be closed before the mail was sent."""


class _NoTokenError(Exception):
    def __init__(self, result: Failed | Refused) -> None:
        super().__init__()
        self.outcome = result


class Mailer:
    """Sends mails to one server.

    Args:
        client: How to connect.
        timeout: Seconds until the server is ready for a mail itself.
        login: The login by access token; None for the one by password, if the server has one.
    """

    def __init__(self, client: Client, *, timeout: float, login: MailLogin | None = None) -> None:
        self._client = client
        self._timeout = timeout
        self._login = login
        self._redact = Redactor([client.server.password])
        self._connections: set[SmtpConnection] = set()
        """All of them, the opening ones and the idle ones included."""
        self._idle: dict[SmtpConnection, asyncio.TimerHandle] = {}
        self._limit: ConnectionLimit | None = None

    async def open(self) -> None:
        """Open the client of the token server. Connections are made when there is a mail."""
        if self._login is not None:
            await self._login.tokens.open()

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, {}
        for connection, timer in idle.items():
            timer.cancel()
            self._connections.discard(connection)
            await connection.quit()
        if self._login is not None:
            await self._login.tokens.close()

    async def send(self, mail: Envelope) -> Outcome:
        """Send a mail once.

        Returns:
            The outcome. A mail whose last reply was lost is Failed, although it may have arrived.
        """
        now = asyncio.get_running_loop().time
        if self._limit is None:
            self._limit = ConnectionLimit(now)
        waits_until = now() + self._timeout + self._client.phases.data
        pauses = iter(_CROWDED_PAUSES)
        while True:
            try:
                async with asyncio.timeout_at(waits_until):
                    await self._limit.acquire()
            except TimeoutError:
                reason = "timed out waiting for a free connection to the mail server"
                return Failed(reason, throttled=True)
            try:
                return self._redacted(await self._send_once(mail))
            except _StaleError:
                pass
            except _CrowdedError as crowded:
                if not await self._may_try_again(crowded, self._limit, pauses):
                    return self._redacted(crowded.outcome)
            finally:
                self._limit.release()

    async def _may_try_again(
        self, crowded: _CrowdedError, limit: ConnectionLimit, pauses: Iterator[float]
    ) -> bool:
        """Learn from a rejected connection; return whether the attempt may wait for another one."""
        others = len(self._connections) if crowded.says_so else self._greeted()
        if not others and self._connections:
            # A server that is full accepts some of those that are opening now, one that is down none.
            await asyncio.sleep(_GREETING_PAUSE)
            others = self._greeted()
        if others or crowded.waits:
            limit.learn(others)
        if others or not crowded.waits:
            return others > 0
        pause = next(pauses, None)
        if pause is not None:
            await asyncio.sleep(pause)
        return pause is not None

    def _greeted(self) -> int:
        return sum(each.is_greeted for each in self._connections)

    async def _send_once(self, mail: Envelope) -> Outcome:
        """Send a mail on one connection.

        Raises:
            _CrowdedError: The server may have too many connections.
            _StaleError: The connection was a kept one and closed.
        """
        connection: SmtpConnection | None = None
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                connection = await self._reuse() or await self._connect()
                async with self._lent(connection):
                    refused = await connection.deliver(mail, lambda: deadline.reschedule(None))
        except _NoTokenError as error:
            return error.outcome
        except CONNECTION_ERRORS as error:
            result = connection_outcome(error)
            if connection is not None and _is_stale(connection, error):
                raise _StaleError from error
            is_full = isinstance(error, ReplyError) and error.code in CROWDED
            if is_full or (connection is None and _is_rejection(error)):
                says_so = isinstance(error, ReplyError)
                waits = is_full and connection is None
                raise _CrowdedError(result, says_so=says_so, waits=waits) from error
            return result
        return outcome([each.address for each in mail.recipients], refused)

    @contextlib.asynccontextmanager
    async def _lent(self, connection: SmtpConnection) -> AsyncIterator[None]:
        """Keep the connection after a mail, unless it is closed or may be amid a mail."""
        try:
            yield
        except ReplyError as error:
            if error.code in CROWDED or not 400 <= error.code < 600:
                self._drop(connection)
            else:
                self._keep(connection)
            raise
        except BaseException:
            self._drop(connection)
            raise
        self._keep(connection)

    def _keep(self, connection: SmtpConnection) -> None:
        if connection.uses >= _MAILS_PER_CONNECTION:
            self._connections.discard(connection)
            connection.leave()
            return
        is_scarce = self._limit is not None and self._limit.limit is not None
        seconds = _SHARED_IDLE_SECONDS if is_scarce else _IDLE_SECONDS
        loop = asyncio.get_running_loop()
        self._idle[connection] = loop.call_later(seconds, self._expire, connection)

    def _expire(self, connection: SmtpConnection) -> None:
        del self._idle[connection]
        self._connections.discard(connection)
        connection.leave()

    def _drop(self, connection: SmtpConnection) -> None:
        self._connections.discard(connection)
        connection.close()

    async def _reuse(self) -> SmtpConnection | None:
        """Return the connection used last, if the server still answers on it."""
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            alive = False
            try:
                alive = await connection.is_alive()
            finally:
                if not alive:
                    self._drop(connection)
            if alive:
                return connection
        return None

    async def _connect(self) -> SmtpConnection:
        login = self._login
        if login is None:
            return await self._opened(None)
        token = await self._access(login)
        try:
            return await self._opened(AccessLogin(login.user, token.text))
        except ReplyError as error:
            if error.step != "login" or not is_final(error.code):
                raise
        # The token may have been revoked. A second rejection means that the client is rejected.
        token = await self._access(login, refused=token)
        return await self._opened(AccessLogin(login.user, token.text))

    async def _opened(self, login: AccessLogin | None) -> SmtpConnection:
        connection = SmtpConnection(self._client)
        self._connections.add(connection)
        try:
            await connection.open(login)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    async def _access(self, login: MailLogin, refused: AccessToken | None = None) -> AccessToken:
        found = await login.tokens.get(refused=refused)
        if not isinstance(found, AccessToken):
            raise _NoTokenError(found)
        self._redact = Redactor([self._client.server.password, found.text])
        return found

    def _redacted(self, result: Outcome) -> Outcome:
        if isinstance(result, Delivered):
            return result
        # one_line(), because a reply can have any bytes, and some cannot be stored.
        text = one_line(self._redact(result.response), RESPONSE_LIMIT)
        return msgspec.structs.replace(result, response=text)


def connection_outcome(error: BaseException) -> Failed | Refused:
    """Return the outcome of an attempt that ended in an error of ``CONNECTION_ERRORS``."""
    match error:
        case ReplyError():
            return from_reply(error)
        case NotOfferedError():
            return Refused(f"the mail server does not offer {error}")
        case PhaseTimeoutError():
            return Failed(f"timed out waiting for {error.waited_for}")
        case NoConnectionError() if error.__cause__ is not None:
            return connection_outcome(error.__cause__)
        case _:
            return _from_network_error(error)


def _from_network_error(error: BaseException) -> Failed | Refused:
    if _is_disconnect(error):
        return network_errors.outcome(error, otherwise="connection closed before the answer")
    return network_errors.outcome(error)


def _is_rejection(error: BaseException) -> bool:
    """Return whether a new connection may have been rejected because there are too many."""
    if isinstance(error, ReplyError):
        return 400 <= error.code < 500
    cause = error.__cause__ if isinstance(error, NoConnectionError) else None
    # aiosmtplib raises a ConnectionError from each error of a connection, TLS included.
    if not isinstance(cause, ConnectionError | TimeoutError):
        return False
    return not isinstance(cause.__cause__, ssl.SSLError)


def _is_stale(connection: SmtpConnection, error: BaseException) -> bool:
    """Return whether a kept connection has been closed, or is about to be, before the mail."""
    if connection.uses < 2 or connection.has_sent:
        return False
    if isinstance(error, ReplyError):
        return error.code == 421
    return _is_disconnect(error) or isinstance(error, ConnectionError)


def _is_disconnect(error: BaseException) -> bool:
    closed = aiosmtplib.SMTPServerDisconnected
    return isinstance(error, closed) or isinstance(error.__cause__, closed)
