"""The checks of the URLs of services that take credentials, and of their keys."""

from urllib.parse import urlsplit

from router.datatypes import Secret
from router.destinations.transport.egress import is_loopback


def check_service_url(key: str, url: str, hint: str = "") -> None:
    """Check that a URL is one that a credential may be sent to.

    Args:
        key: The key in the rules folder.
        url: The URL.
        hint: What the URL looks like, after a comma.

    Raises:
        ValueError: It is not https, or http to this machine. The message is without the URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        usable = parts.port != 0 and parts.username is None
    except ValueError:
        raise ValueError(f"{key} is not a URL") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not host or not secure or not usable:
        raise ValueError(
            f"{key} must begin with https://{f', {hint}' if hint else ''}"
            " (http:// only to this machine)"
        )


def check_key(key: Secret, problem: str) -> None:
    """Raise ValueError with ``problem`` unless a key is one word of printable ASCII."""
    text = key.reveal()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(problem)
