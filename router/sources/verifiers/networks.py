"""The networks from which a sender's requests come.

An address is a weak proof alone, because all customers of a sender share it: name another verifier
beside it.
"""

from ipaddress import ip_network
from typing import ClassVar, Final

from router.datatypes import Networks
from router.sources.contract import (
    OptionWarning,
    Refusal,
    RequestHead,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
)

_MAX_NETWORKS: Final = 1000
_FORWARDED: Final = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class NetworksConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``networks``."""

    short_key: ClassVar[str] = "allow"

    allow: tuple[str, ...]
    """Addresses and networks, such as ``35.90.102.128/25``."""

    def __post_init__(self) -> None:
        if not 0 < len(self.allow) <= _MAX_NETWORKS:
            raise ValueError(f"allow must have from 1 to {_MAX_NETWORKS} networks")
        for text in self.allow:
            try:
                ip_network(text)
            except ValueError:
                problem = f"allow: {text[:60]!r} is no network, write for example 192.0.2.0/24"
                raise ValueError(problem) from None

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        if all(ip_network(text).prefixlen for text in self.allow):
            return ()
        return (
            OptionWarning(
                "allow", "a network with all addresses allows every sender", "name the networks"
            ),
        )


class NetworksVerifier(Verifier):
    """Checks the client's address, before the body is read."""

    def __init__(self, config: NetworksConfig, environment: VerifierEnvironment) -> None:
        self._allowed = Networks(ip_network(text) for text in config.allow)
        self._proxies = environment.trusted_proxies

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request from elsewhere."""
        if self._allowed.contains(head.address):
            return None
        return Refusal(
            code="wrong_address",
            reason="this client address is not allowed",
            hint=self._hint(head),
        )

    def needs_exact_body(self) -> bool:
        """Return False, because the body is not signed."""
        return False

    def _hint(self, head: RequestHead) -> str:
        found = next((name for name in _FORWARDED if name in head.headers), None)
        if found and not self._proxies.contains(head.peer):
            return (
                f"{head.peer} sent the header {found} and is no trusted proxy: if it is a proxy of"
                " yours, add it to ROUTER_TRUSTED_PROXIES"
            )
        return f"{head.address} is in none of the networks of allow"
