"""Signatures of requests as in Standard Webhooks 1.0.0 (pure).

While a secret is being replaced there are two. Each signs, and a receiver accepts a request if it
knows one of them, so the two sides need not change at the same moment.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from typing import Final

from router.datatypes import Secret

_PREFIX: Final = "whsec_"
_TEXT: Final = "text:"
_ASYMMETRIC: Final = ("whsk_", "whpk_")
_MIN_KEY_TEXT: Final = 22
"""Characters of the shortest key in base64, which has 16 bytes."""


def signature(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the ``webhook-signature`` header: ``v1,`` and the HMAC-SHA256 in base64 for each key.

    Args:
        keys: The keys.
        message_id: The ``webhook-id`` header.
        timestamp: The ``webhook-timestamp`` header, Unix time in whole seconds.
        body: The request's body.
    """
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join(
        "v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False).decode()
        for key in keys
    )


def signing_key(secret: Secret, field: str = "signing_secret") -> bytes:
    """Return the key of a secret: the base64 after ``whsec_``, or the text, also after ``text:``.

    Args:
        secret: The secret.
        field: The configuration's key that it is the value of.

    Raises:
        ValueError: The secret is empty, not base64 or a key of another method. The message is without the secret.
    """
    text = secret.reveal()
    if text.startswith(_ASYMMETRIC):
        raise ValueError(
            f"{field} is a key for asymmetric signatures, which the router does not make:"
            " write a secret that begins with whsec_"
        )
    encoded = text.removeprefix(_PREFIX)
    if encoded == text:
        key = text.removeprefix(_TEXT).encode()
    else:
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            raise ValueError(f"{field}: what follows `{_PREFIX}` is not base64") from None
    if not key:
        raise ValueError(f"{field} is empty, leave it out to send without a signature")
    return key


def is_ambiguous(secret: Secret) -> bool:
    """Return whether a secret is written as text and looks like a key in base64.

    The libraries of Standard Webhooks decode a secret also without its prefix. Hexadecimal digits and
    words are no such keys: a random one has letters of both cases and digits.
    """
    text = secret.reveal()
    if text.startswith((_PREFIX, _TEXT)) or len(text) < _MIN_KEY_TEXT:
        return False
    kinds = ("[a-z]", "[A-Z]", "[0-9]")
    is_base64 = re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text) and len(text.rstrip("=")) % 4 != 1
    return bool(is_base64) and all(re.search(kind, text) for kind in kinds)
