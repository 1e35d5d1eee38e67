"""The login to a mail server: by password, or by an OAuth access token.

A server rejects a token with a challenge in JSON, which the client has to answer before the server
says 535. Sources: RFC 4954, RFC 7628 (OAUTHBEARER), Google's and Microsoft's pages on XOAUTH2.
"""

import base64
import binascii
from typing import Final

import aiosmtplib
import msgspec

from router.datatypes import Secret
from router.destinations.rendering.text import one_line
from router.destinations.transport.smtp_replies import NotOfferedError
from router.destinations.transport.smtp_server import SmtpServer

_CONTINUE: Final = 334
_LOGGED_IN: Final = 235
_CHALLENGE_LIMIT: Final = 300
_METHODS_LIMIT: Final = 100


class AccessLogin(msgspec.Struct, frozen=True):
    """A user, and the access token that allows to send for them."""

    user: str
    token: Secret


async def log_in(client: aiosmtplib.SMTP, server: SmtpServer, login: AccessLogin | None) -> None:
    """Log in after EHLO.

    Args:
        client: The connection.
        server: Has the user and the password.
        login: The login by access token; None for the one by password.

    Raises:
        aiosmtplib.SMTPAuthenticationError: The server rejected the login.
        NotOfferedError: The server does not offer it.
        aiosmtplib.SMTPException: The connection broke.
    """
    offered = client.server_auth_methods
    if login is None:
        if offered and not client.supported_auth_methods:
            methods = one_line(" ".join(offered).upper(), _METHODS_LIMIT)
            raise NotOfferedError(f"a login by password, only {methods}; oauth2 may be needed")
        await client.login(server.user, server.password.reveal())
    elif "xoauth2" in offered:
        await _send_token(client, "XOAUTH2", _xoauth2(login), b"")
    elif "oauthbearer" in offered:
        await _send_token(client, "OAUTHBEARER", _oauthbearer(login, server), b"AQ==")
    else:
        raise NotOfferedError("a login by access token (XOAUTH2 or OAUTHBEARER)")


async def _send_token(client: aiosmtplib.SMTP, method: str, token: bytes, end: bytes) -> None:
    """Send a token, and answer the challenge that rejects it with ``end``."""
    reply = await client.execute_command(b"AUTH", method.encode(), token)
    if reply.code == _CONTINUE and not reply.message.strip():
        # The server ignores a token in the command itself.
        reply = await client.execute_command(token)
    challenge = ""
    if reply.code == _CONTINUE:
        challenge = _readable(reply.message)
        reply = await client.execute_command(end)
    if reply.code != _LOGGED_IN:
        text = f"{reply.message} {challenge}".strip()
        raise aiosmtplib.SMTPAuthenticationError(reply.code, text)


def _readable(challenge: str) -> str:
    """Return the JSON of a challenge, for example ``{"status":"401","schemes":"bearer"}``."""
    try:
        text = base64.b64decode(challenge, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
    return one_line(text, _CHALLENGE_LIMIT)


def _xoauth2(login: AccessLogin) -> bytes:
    text = f"user={login.user}\x01auth=Bearer {login.token.reveal()}\x01\x01"
    return base64.b64encode(text.encode())


def _oauthbearer(login: AccessLogin, server: SmtpServer) -> bytes:
    user = login.user.replace("=", "=3D").replace(",", "=2C")
    place = f"host={server.host}\x01port={server.port}"
    text = f"n,a={user},\x01{place}\x01auth=Bearer {login.token.reveal()}\x01\x01"
    return base64.b64encode(text.encode())
