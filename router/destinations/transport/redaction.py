"""Strikes secrets out of what a receiver answered: some send back what they were sent."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from router.datatypes import Secret

# Shorter texts are no secrets, and are found in innocent words.
_SHORTEST: Final = 4
_SHORTEST_TOKEN: Final = 16


class Redactor:
    """Replaces the secrets by ``***``, and the parts of them that tell as much.

    Those are what follows the scheme in ``Bearer …``, the path and query of a URL, and a last
    path segment that is long enough to be a token.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        texts: set[str] = set()
        for secret in secrets:
            text = secret.reveal()
            texts |= {text, *text.split(" ")[1:]}
            if "://" in text:
                texts |= _telling_parts(text)
        # The longest first, so that a part does not leave the rest of the whole standing.
        self._texts = sorted(
            (text for text in texts if len(text) >= _SHORTEST), key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        for secret in self._texts:
            text = text.replace(secret, "***")
        return text


def _telling_parts(url: str) -> set[str]:
    parts = urlsplit(url)
    long = {parts.path, parts.path.rsplit("/", 1)[-1]}
    return {parts.query, parts.password or "", *(x for x in long if len(x) >= _SHORTEST_TOKEN)}
