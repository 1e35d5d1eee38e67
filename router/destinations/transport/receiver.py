"""The servers that a destination connects to, without the secrets of their URLs."""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from router.datatypes import Secret, host_in_url
from router.destinations.transport.tls import TlsConfig

_PORTS: Final = {"http": 80, "https": 443, "smtp": 25, "smtps": 465, "smtp+starttls": 587}


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and how it is reached."""

    scheme: str
    """``http``, ``https``, ``smtp``, ``smtps`` or ``smtp+starttls``."""
    host: str
    port: int
    role: str = ""
    """Its purpose, such as ``token server``; ``""`` for the receiver of the alerts."""
    proxy: Secret | None = None
    """The destination's own proxy: a URL, ``direct``, or None for the environment's."""
    tls: TlsConfig | None = None
    """The destination's own certificates; None for the environment's."""

    @classmethod
    def of(
        cls,
        url: str,
        *,
        role: str = "",
        proxy: Secret | None = None,
        tls: TlsConfig | None = None,
    ) -> "Receiver":
        """Return the server of a URL that a configuration has checked. Path and user are dropped."""
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        return cls(
            scheme=scheme,
            host=parts.hostname or "",
            port=parts.port or _PORTS[scheme],
            role=role,
            proxy=proxy,
            tls=tls,
        )

    @property
    def place(self) -> str:
        """The host and port for a reader."""
        return f"{host_in_url(self.host)}:{self.port}"
