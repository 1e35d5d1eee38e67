"""Removal of secrets from replies, because some receivers send back what they were sent."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from router.datatypes import Secret

# Shorter texts are not secret, and occur in ordinary words.
_MIN_LENGTH: Final = 4
_MIN_TOKEN_LENGTH: Final = 16


class Redactor:
    """Replaces secrets, and the parts of them that are as secret, by ``***``.

    The parts are what follows the scheme in ``Bearer …``, the path and query of a URL, and a last
    path segment that is long enough to be a token.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        texts: set[str] = set()
        for secret in secrets:
            text = secret.reveal()
            texts |= {text, *text.split(" ")[1:]}
            if "://" in text:
                texts |= _secret_parts(text)
        # The longest first, because replacing a part first would leave the rest of the whole.
        self._texts = sorted(
            (text for text in texts if len(text) >= _MIN_LENGTH), key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        """Return ``text`` with each secret replaced."""
        for secret in self._texts:
            text = text.replace(secret, "***")
        return text


def _secret_parts(url: str) -> set[str]:
    parts = urlsplit(url)
    long = {parts.path, parts.path.rsplit("/", 1)[-1]}
    return {parts.query, parts.password or "", *(x for x in long if len(x) >= _MIN_TOKEN_LENGTH)}
