"""Signed links of an alert: who has one may acknowledge the alert, or silence it, and nothing else.

A link is ``<public URL>/alerts/<ticket>.<signature>``. The ticket says what may be done to which alerts
and until when; the signature is an HMAC of it with a key derived from ROUTER_LINK_SECRET, so links need
no store and nobody can make one. The same alert has the same links in every attempt.
"""

import base64
import binascii
import enum
import hmac
from typing import Final
from urllib.parse import urlsplit

import msgspec

from router.alerts import Alert, AlertKey
from router.datatypes import Secret
from router.destinations.contract import Links
from router.settings.model import Settings

PATH: Final = "/alerts"
_PURPOSE: Final = b"event-router alert links, version 1"
_SIGNATURE_BYTES: Final = 16
"""Of an HMAC-SHA256: 2 ** 128 guesses."""
_LONGEST: Final = 2048
"""Characters of a ticket that are looked at."""
_SINKS: Final = ("/twilio", "/events")


class Scope(enum.StrEnum):
    """What a link allows."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"


class LinkToken(msgspec.Struct, frozen=True, array_like=True):
    """What stands in a link. It holds no text from an event."""

    scope: Scope
    key: AlertKey
    """Of the alerts that are meant."""
    rule: str
    raised_at: int
    """Unix time in seconds."""
    expires_at: int
    """Unix time in seconds."""


class InvalidLink(enum.Enum):
    """Why a link opens nothing."""

    FORGED = enum.auto()
    EXPIRED = enum.auto()


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(LinkToken).decode


class LinkSigner:
    """Makes links and reads them. ``lifetime`` is in seconds from the alert on."""

    def __init__(self, secret: Secret, public_url: str, *, lifetime: float) -> None:
        # A key of its own: what is signed for another purpose is no link.
        self._key = hmac.digest(secret.reveal().encode(), _PURPOSE, "sha256")
        self._base = _base(public_url)
        self._lifetime = lifetime

    def links(self, alert: Alert) -> Links:
        """The links of an alert; none of one that has no key."""
        if not alert.key:
            return Links()
        return Links(
            acknowledge=self._link(alert, Scope.ACKNOWLEDGE),
            silence=self._link(alert, Scope.SILENCE),
        )

    def read(self, ticket: str, *, now: float) -> LinkToken | InvalidLink:
        """What a link allows. ``ticket`` is what follows ``/alerts/``, ``now`` Unix time."""
        text, _, signature = ticket[:_LONGEST].rpartition(".")
        try:
            payload = _from_text(text)
            given = _from_text(signature)
        except (ValueError, binascii.Error):
            return InvalidLink.FORGED
        if not hmac.compare_digest(given, self._signature(payload)):
            return InvalidLink.FORGED
        try:
            read = _decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return InvalidLink.FORGED  # ours, but of another version
        return read if now < read.expires_at else InvalidLink.EXPIRED

    def _link(self, alert: Alert, scope: Scope) -> str:
        raised_at = int(alert.raised_at)
        ticket = LinkToken(scope, alert.key, alert.rule, raised_at, raised_at + int(self._lifetime))
        payload = _encode(ticket)
        return f"{self._base}{PATH}/{_to_text(payload)}.{_to_text(self._signature(payload))}"

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_SIGNATURE_BYTES]


def link_signer(settings: Settings) -> LinkSigner | None:
    """What signs links; None where they are not set up."""
    if settings.link_secret is None or not settings.public_url:
        return None
    return LinkSigner(
        settings.link_secret,
        settings.public_url,
        lifetime=settings.link_lifetime,
    )


def _base(public_url: str) -> str:
    """The public URL may be the whole URL of the sink; links stand beside it."""
    base = public_url.rstrip("/")
    for sink in _SINKS:
        if urlsplit(base).path.endswith(sink):
            return base.removesuffix(sink)
    return base


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    # One spelling only: else a signed ticket could be written in several ways.
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _to_text(data) != text:
        raise ValueError(text)
    return data
