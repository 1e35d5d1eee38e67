"""Signatures that a public key checks: ECDSA and Ed25519. Pure."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

_PEM_LINES = "-----"


def read_p256_key(text: str) -> EllipticCurvePublicKey:
    """Return the public key of a text: base64 of DER, with or without the lines of PEM.

    Raises ValueError.
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    encoded = "".join(line for line in lines if not line.startswith(_PEM_LINES))
    try:
        key = load_der_public_key(base64.b64decode(encoded, validate=True))
    except (ValueError, binascii.Error):
        raise ValueError("is no public key in base64") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("is a public key of another kind than ECDSA P-256")  # noqa: TRY004 - of an option
    return key


def read_ed25519_key(encoded: str) -> Ed25519PublicKey:
    """Return the public key of a text: base64 of its 32 bytes. Raises ValueError."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded, validate=True))
    except (ValueError, binascii.Error):
        raise ValueError("is no Ed25519 public key: 32 bytes in base64") from None


def has_signed(
    key: EllipticCurvePublicKey | Ed25519PublicKey, signature: bytes, text: bytes
) -> bool:
    """Return whether the owner of ``key`` signed ``text``."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, text)
        else:
            key.verify(signature, text, ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
