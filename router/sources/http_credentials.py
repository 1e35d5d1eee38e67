"""HTTP credentials: ``Authorization: Basic`` and ``Bearer``. Pure.

Source: RFC 7617, section 2; RFC 9110, section 11.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from router.datatypes import Secret

CREDENTIALS_LIMIT: Final = 8192
"""Characters of a header or a parameter that are compared."""


def basic_credentials(authorization: str) -> bytes:
    """Return ``user:password`` as it was sent; ``b""`` if the header is not a Basic header."""
    scheme, _, encoded = authorization.replace("\t", " ").strip().partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip().encode("ascii", "replace"), validate=True)
    except binascii.Error:
        return b""


def is_known(given: bytes, known: Sequence[Secret]) -> bool:
    """Return whether ``given`` is one of ``known``. Compares all, each in constant time."""
    found = False
    for secret in known:
        found |= secret.matches(given)
    return found


def is_known_bearer(authorization: str, known: Sequence[Secret]) -> bool:
    """Return whether the header has one of the tokens. Compares all, each in constant time."""
    found = False
    for token in known:
        found |= token.matches_bearer(authorization)
    return found
