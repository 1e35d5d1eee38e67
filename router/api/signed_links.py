"""Signed links in alerts: each shows the alerts of one key, and may allow to act on them.

A link is ``<public URL>/alerts/<token>``, where the token is ``<payload>.<signature>``. The payload
says what is allowed, for which alerts and until when. The signature is an HMAC of it with a key
derived from ROUTER_LINK_SECRET, so that links need no store and cannot be forged. Every attempt to
deliver an alert has the same links.
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
"""Bytes of the HMAC-SHA256 in a link; forging one takes 2 ** 128 guesses."""
_MAX_TOKEN: Final = 2048
"""Characters of a token that are read; the rest is ignored."""
_SINKS: Final = ("/twilio", "/events")


class Scope(enum.StrEnum):
    """The actions that a link allows."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    """To silence, and to acknowledge as well."""
    SHOW = "show"
    """To see the alert only."""


class LinkToken(msgspec.Struct, frozen=True, array_like=True):
    """The payload of a link. It contains no text of an event."""

    scope: Scope
    key: AlertKey
    """Key of the alerts."""
    rule: str
    raised_at: int
    """Unix time in seconds."""
    expires_at: int
    """Unix time in seconds."""


class InvalidLink(enum.Enum):
    """Why a link is rejected."""

    FORGED = enum.auto()
    """The signature or the payload is not ours."""
    EXPIRED = enum.auto()


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(LinkToken).decode


class LinkSigner:
    """Makes and verifies links.

    Args:
        secret: ROUTER_LINK_SECRET.
        public_url: The URL of the router, or of its sink.
        lifetime: Seconds from the alert until its links expire.
    """

    def __init__(self, secret: Secret, public_url: str, *, lifetime: float) -> None:
        # A derived key, so that nothing signed for another purpose is a valid link.
        self._key = hmac.digest(secret.reveal().encode(), _PURPOSE, "sha256")
        self._base = _base_url(public_url)
        self._lifetime = lifetime

    def links(self, alert: Alert) -> Links:
        """Return the links of an alert; empty if the alert has no key."""
        if not alert.key:
            return Links()
        return Links(
            acknowledge=self._link(alert, Scope.ACKNOWLEDGE),
            silence=self._link(alert, Scope.SILENCE),
            show=self._link(alert, Scope.SHOW),
        )

    def read(self, text: str, *, now: float) -> LinkToken | InvalidLink:
        """Verify a token.

        Args:
            text: The part of the URL after ``/alerts/``.
            now: Unix time in seconds.
        """
        encoded, _, encoded_signature = text[:_MAX_TOKEN].rpartition(".")
        try:
            payload = _from_base64(encoded)
            signature = _from_base64(encoded_signature)
        except (ValueError, binascii.Error):
            return InvalidLink.FORGED
        if not hmac.compare_digest(signature, self._signature(payload)):
            return InvalidLink.FORGED
        try:
            token = _decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return InvalidLink.FORGED  # signed by another version of the router
        return token if now < token.expires_at else InvalidLink.EXPIRED

    def _link(self, alert: Alert, scope: Scope) -> str:
        raised_at = int(alert.raised_at)
        token = LinkToken(scope, alert.key, alert.rule, raised_at, raised_at + int(self._lifetime))
        payload = _encode(token)
        return f"{self._base}{PATH}/{_to_base64(payload)}.{_to_base64(self._signature(payload))}"

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_SIGNATURE_BYTES]


def link_signer(settings: Settings) -> LinkSigner | None:
    """Return the signer; None unless ROUTER_LINK_SECRET and ROUTER_PUBLIC_URL are set."""
    if settings.link_secret is None or not settings.public_url:
        return None
    return LinkSigner(
        settings.link_secret,
        settings.public_url,
        lifetime=settings.link_lifetime,
    )


def _base_url(public_url: str) -> str:
    """Return the public URL without the path of a sink, which it may end with."""
    base = public_url.rstrip("/")
    for sink in _SINKS:
        if urlsplit(base).path.endswith(sink):
            return base.removesuffix(sink)
    return base


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_base64(text: str) -> bytes:
    """Decode the canonical form only, so that a token cannot be written in several ways."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _to_base64(data) != text:
        raise ValueError(text)
    return data
