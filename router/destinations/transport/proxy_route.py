"""The route of a request: directly to its host, or by a proxy (pure)."""

from typing import Final

import msgspec

from router.datatypes import Secret
from router.destinations.contract import Environment
from router.settings.choices import Egress

DIRECT: Final = "direct"
"""Given instead of a proxy's URL: no proxy, whatever the environment says."""


class ProxyRoute(msgspec.Struct, frozen=True):
    """The proxy of a request, and the policy of the connection that this process makes."""

    proxy: Secret | None
    """None for no proxy."""
    egress: Egress


def proxy_route(
    host: str, port: int, own_proxy: Secret | None, environment: Environment
) -> ProxyRoute:
    """Return the route to a host.

    Args:
        host: The host.
        port: Its port.
        own_proxy: The destination's own proxy: a URL, DIRECT, or None for the environment's.
        environment: Gives the egress policy and the common proxy.
    """
    proxy = own_proxy or environment.proxy
    if environment.no_proxy.covers(host, port):
        proxy = own_proxy
    if proxy is None or proxy.reveal() == DIRECT:
        return ProxyRoute(None, environment.egress)
    # The environment's proxy is not checked, because an administrator set it and it usually is
    # in the network from which ROUTER_EGRESS keeps rules files away. A rules file's proxy is.
    return ProxyRoute(proxy, environment.egress if own_proxy else Egress.OPEN)
