"""Signatures of requests, as Standard Webhooks 1.0.0 has them (pure).

While a secret is being replaced there are two: each signs, a receiver that knows one of them is
content, and neither side has to change at a given moment.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from typing import Final

from router.datatypes import Secret

_PREFIX: Final = "whsec_"


def signature(keys: Iterable[bytes], message_id: str, timestamp: int, sent: bytes) -> str:
    """The ``webhook-signature`` header: for each key ``v1,`` and the HMAC-SHA256 in base64.

    ``timestamp`` is the ``webhook-timestamp`` header, Unix time in whole seconds.
    """
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, sent)
    return " ".join(
        "v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False).decode()
        for key in keys
    )


def signing_key(secret: Secret, what: str = "signing_secret") -> bytes:
    """The key that a secret stands for. Raises ValueError, without the secret, for none."""
    text = secret.reveal()
    encoded = text.removeprefix(_PREFIX)
    if encoded == text:
        key = text.encode()
    else:
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            raise ValueError(f"{what}: what follows `{_PREFIX}` is not base64") from None
    if not key:
        raise ValueError(f"{what} is empty, leave it out to send without a signature")
    return key
