"""The configuration of the kind ``email``, and its checks."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from router.datatypes import Duration, Secret
from router.destinations.contract import DestinationConfig
from router.destinations.rendering import digest
from router.destinations.rendering.digest import DigestConfig
from router.destinations.rendering.mailbox import Mailbox, parse_mailbox, parse_mailboxes
from router.destinations.rendering.templates import is_constant, template_error
from router.destinations.transport.credentials import OAuth2Config, token_server
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.smtp_server import SmtpServer, check_hello, parse_url
from router.destinations.transport.tls import TlsConfig

RECIPIENTS_LIMIT: Final = 100
"""Recipients of one mail. Every server accepts as many (RFC 5321, section 4.5.3.1.8)."""

_HEADERS_LIMIT: Final = 50
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")
_OWN_HEADERS: Final = frozenset(
    {
        *("from", "to", "cc", "bcc", "reply-to", "sender", "subject", "date", "message-id"),
        *("in-reply-to", "references", "auto-submitted", "mime-version", "return-path"),
        *("received", "x-router-delivery", "dkim-signature", "authentication-results"),
    }
)


class SmtpTimeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The longest time of each phase of an attempt (RFC 5321, section 4.5.3.2)."""

    connect: Duration = Duration(10)
    """Until one of the server's addresses has accepted the connection."""
    greeting: Duration = Duration(60)
    """Until the server's first line, with TLS from the first byte including the handshake."""
    command: Duration = Duration(60)
    """Until the reply to a command."""
    data: Duration = Duration(600)
    """From the mail's first byte until the reply after its last. Servers examine it meanwhile."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is 0, a server needs time: write for example 30s")


class EmailConfig(
    DestinationConfig,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """The configuration of an ``email`` destination."""

    to: str | tuple[str, ...]
    """Addresses, with or without names; each recipient sees the others."""
    from_: str
    """``router@example.com`` or ``Event router <router@example.com>``."""
    smtp_url: Secret
    """``smtps://``, ``smtp+starttls://`` or, without TLS, ``smtp://``."""
    cc: str | tuple[str, ...] = ()
    """Further recipients whom the others see; ``to``, ``cc`` and ``bcc`` have 100 addresses at most."""
    bcc: str | tuple[str, ...] = ()
    """Recipients whom the others do not see."""
    reply_to: str | tuple[str, ...] = ()
    """The addresses that get replies; without it, that of ``from``."""
    subject: str = ""
    """A template, instead of ``[SEVERITY] summary``."""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    """Further headers; their values are templates."""
    oauth2: OAuth2Config | None = None
    """Instead of a password: the login is by an access token."""
    tls: TlsConfig | None = None
    hello: str = ""
    """The name of this machine in EHLO; ``""`` selects its host name or its address."""
    timeout: Duration = Duration(120)
    """The longest time of an attempt until the server is ready for the mail itself."""
    timeouts: SmtpTimeouts = SmtpTimeouts()
    digest: DigestConfig | None = None
    """One mail for all alerts of a window of time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not parse_mailboxes(self.to, "to"):
            raise ValueError("to is empty, name at least one address")
        count = len(recipients(self))
        if count > RECIPIENTS_LIMIT:
            raise ValueError(
                f"to, cc and bcc have {count} addresses, at most {RECIPIENTS_LIMIT}:"
                " write to a mailing list"
            )
        parse_mailbox(self.from_, "from")
        parse_mailboxes(self.reply_to, "reply_to")
        self._check_connection(parse_url(self.smtp_url))
        self._check_templates()
        if self.digest is not None and self.rate is not None:
            raise ValueError(
                "digest and rate exclude each other: a digest is one mail for each window"
            )

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """The mail server, and the token server."""
        mail_server = Receiver.of(self.smtp_url.reveal(), tls=self.tls)
        return (mail_server, token_server(self.oauth2)) if self.oauth2 else (mail_server,)

    @property
    def slots(self) -> int:
        """The most concurrent attempts: all of a digest are made at once."""
        return self.concurrency if self.digest is None else max(self.concurrency, digest.LIMIT)

    @property
    def longest_attempt(self) -> float:
        """The seconds after which an attempt has ended: waiting, connecting, sending."""
        return 2 * (self.timeout + self.timeouts.data)

    def due_at(self, now: float) -> float | None:
        """Return the end of the current window (Unix time in seconds); None without a digest."""
        return None if self.digest is None else self.digest.end(now)

    def _check_connection(self, server: SmtpServer) -> None:
        if self.hello:
            check_hello(self.hello)
        if self.tls is not None and not (server.tls or server.starttls):
            raise ValueError("tls is for smtps:// and smtp+starttls://, this smtp_url has no TLS")
        if self.oauth2 is None:
            if server.user and not server.password:
                raise ValueError(
                    "smtp_url has a user and no password, write user:password@ or add oauth2"
                )
        else:
            if server.password:
                raise ValueError("oauth2 and the password in smtp_url exclude each other")
            if not server.is_private:
                raise ValueError(
                    "oauth2 would send the token in clear text, use smtp+starttls:// or smtps://"
                )

    def _check_templates(self) -> None:
        _check_header_names(list(self.headers))
        named = [(f"headers: {name}", source) for name, source in self.headers.items()]
        for key, source in [("subject", self.subject), *named]:
            problem = template_error(source, fields=("summary",))
            if problem is not None:
                raise ValueError(f"{key}: {problem[1]}")
            if self.digest is not None and not is_constant(source):
                raise ValueError(
                    f"{key}: a digest is about several alerts, so write a text without a template"
                )


def _check_header_names(names: Sequence[str]) -> None:
    if len(names) > _HEADERS_LIMIT:
        raise ValueError(f"headers: {len(names)} headers, at most {_HEADERS_LIMIT}")
    seen: set[str] = set()
    for name in names:
        if name.lower() in _OWN_HEADERS or name.lower().startswith("content-"):
            raise ValueError(f"headers: {name} is set by the router itself")
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"headers: {name!r} is not the name of a header")
        if name.lower() in seen:
            raise ValueError(f"headers: {name} is given twice")
        seen.add(name.lower())


def recipients(config: EmailConfig) -> tuple[Mailbox, ...]:
    """Return all recipients, each address once."""
    given = [(config.to, "to"), (config.cc, "cc"), (config.bcc, "bcc")]
    every = [each for texts, key in given for each in parse_mailboxes(texts, key)]
    by_address: dict[str, Mailbox] = {}
    for each in every:
        by_address.setdefault(each.address, each)
    return tuple(by_address.values())
