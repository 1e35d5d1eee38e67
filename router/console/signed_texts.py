"""Texts that the console gives to browsers and believes when they come back.

Each is signed in the name of a caller, by a key that is derived from the caller's own token: all processes
have it without a secret of their own, no process stores anything, and a token that is replaced or
removed ends what was signed by it, and nothing else. A viewer who has such a text can test guesses of
its own token only: it says nothing of those of operators.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec
from itsdangerous import BadData, URLSafeSerializer

from router.api.access import Caller, Role
from router.datatypes import Secret

T = TypeVar("T", bound=msgspec.Struct)

_PURPOSE: Final = b"event-router console, version 1"
_LENGTH: Final = 4096
"""Characters of a text that is read."""
_SIGNER: Final = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


class _Signed(msgspec.Struct, frozen=True, array_like=True):
    role: Role
    name: str
    value: Any


class SignedTexts:
    """Signs texts and verifies them.

    Args:
        tokens: The tokens with their callers.
    """

    def __init__(self, tokens: Iterable[tuple[Secret, Caller]]) -> None:
        # A derived key, so that nothing signed for another purpose is a valid text.
        self._keys = {
            (caller.role, caller.name): hmac.digest(_bytes(secret), _PURPOSE, "sha256")
            for secret, caller in tokens
        }

    def sign(self, caller: Caller, purpose: str, value: msgspec.Struct) -> str:
        """Return a value as a text that only ``read`` accepts.

        Args:
            caller: In whose name.
            purpose: What it is for; ``read`` has the same.
            value: What the text says.
        """
        key = self._keys[caller.role, caller.name]
        content = _Signed(caller.role, caller.name, msgspec.to_builtins(value))
        return _serializer(key, purpose).dumps(msgspec.to_builtins(content))

    def read(self, purpose: str, text: str, kind: type[T]) -> tuple[Caller, T] | None:
        """Return in whose name a text was signed, and its value of a kind; None if there is none."""
        if not text or len(text) > _LENGTH:
            return None
        for (role, name), key in self._keys.items():
            try:
                found = msgspec.convert(_serializer(key, purpose).loads(text), _Signed)
                value = msgspec.convert(found.value, kind)
            except (BadData, UnicodeError, msgspec.ValidationError):
                continue
            if (found.role, found.name) == (role, name):
                return Caller(name, role), value
        return None

    def code(self, caller: Caller, purpose: str) -> str:
        """Return a code of a caller for a purpose that nothing else can make."""
        key = self._keys[caller.role, caller.name]
        return hmac.digest(key, purpose.encode(), "sha256").hex()


def _serializer(key: bytes, purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt=purpose, signer_kwargs=_SIGNER)


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogateescape")
