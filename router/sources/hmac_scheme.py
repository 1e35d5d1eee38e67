"""How senders sign with a shared secret: an HMAC of a text, in a header. Pure.

Most senders differ only in the values of ``HmacScheme``.
"""

import base64
import binascii
import enum
import hmac
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from router.datatypes import Secret
from router.sources.signed_text import SignedRequest, SignedText

HashName = Literal["sha1", "sha256", "sha512"]
HASHES: Final[tuple[HashName, ...]] = ("sha1", "sha256", "sha512")
MAX_SIGNATURES: Final = 10
"""Signatures of a request that are tried."""
MAX_HEADER: Final = 8192
"""Characters of a header that are read."""
_BODY: Final = SignedText.parse("{body}")


class SignatureEncoding(enum.StrEnum):
    """How the bytes of a signature are written."""

    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"

    def write(self, digest: bytes) -> str:
        """Return the text of a signature. Base64 for URLs has no padding."""
        match self:
            case SignatureEncoding.HEX:
                return digest.hex()
            case SignatureEncoding.BASE64:
                return base64.b64encode(digest).decode()
            case SignatureEncoding.BASE64URL:
                return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def read(self, text: str) -> bytes | None:
        """Return the bytes that a signature denotes; None if it denotes none."""
        try:
            match self:
                case SignatureEncoding.HEX:
                    return bytes.fromhex(text) if text.isascii() and text.isalnum() else None
                case SignatureEncoding.BASE64:
                    return base64.b64decode(text, validate=True)
                case SignatureEncoding.BASE64URL:
                    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
                    return base64.b64decode(padded, altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None


class HmacScheme(msgspec.Struct, frozen=True, kw_only=True):
    """How a sender signs its requests."""

    header: str
    """The header with the signature."""
    signed: SignedText = _BODY
    hash_name: HashName = "sha256"
    encoding: SignatureEncoding = SignatureEncoding.HEX
    prefix: str = ""
    """The text in front of each signature."""
    separator: str = ""
    """The character between several signatures; empty if there is one only."""
    timestamp: str = ""
    """The header with the time that is signed; empty if there is none."""
    tolerance: float = 0.0
    """The seconds by which that time may differ from the router's."""
    place: str
    """The place where operators find the secret, for hints."""


def digest_of(scheme: HmacScheme, key: bytes, request: SignedRequest) -> bytes:
    """Return the bytes of the signature that the sender of ``request`` should have made."""
    keyed = hmac.new(key, digestmod=scheme.hash_name)
    for chunk in scheme.signed.chunks(request):
        keyed.update(chunk)
    return keyed.digest()


def is_one_of(digests: Sequence[bytes], given: Sequence[bytes]) -> bool:
    """Return whether a given signature is one of ``digests``.

    Compares all with all, each in constant time.
    """
    found = False
    for digest in digests:
        for each in given[:MAX_SIGNATURES]:
            found |= hmac.compare_digest(each, digest)
    return found


def text_key(secret: Secret) -> bytes:
    """Return the key that is the text of the secret, as most senders use it."""
    return secret.reveal().encode("utf-8", "surrogateescape")
