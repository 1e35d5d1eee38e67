"""Where a request comes from and which URL it called, proxies in between or not. Pure.

A header is worth what the peer that wrote it is worth. ``X-Forwarded-For`` grows to the right, one
address per proxy, so it is read from the right: each address was written by the one that follows
it, and counts while that one is a trusted proxy. Whatever a stranger put on the left is never
reached.

Source: MDN, "X-Forwarded-For", section "Selecting an IP address".
"""

import functools
from typing import Final

import msgspec
from multidict import CIMultiDictProxy

from router.datatypes import Address, Networks, parse_address

_SCHEMES: Final = frozenset({"http", "https"})
_LONGEST_CHAIN: Final = 32
"""Addresses that are looked at, from the right."""


class Sender(msgspec.Struct, frozen=True):
    """What is known of the sender, from those who may be believed."""

    address: Address | None
    """The nearest one that is no trusted proxy; None for a peer without an address."""
    base_url: str
    """Scheme, host and port that were called, for example ``https://router.example.com``."""


def resolve_sender(
    peer: str | None, scheme: str, host: str, headers: CIMultiDictProxy[str], trusted: Networks
) -> Sender:
    """The origin of a request with these ``headers`` from the address ``peer``.

    ``scheme`` and ``host`` are as the router itself saw them.
    """
    address = _peer_address(peer or "")
    if not trusted or not trusted.contains(address):
        return Sender(address, f"{scheme}://{host}")
    said = _outermost(headers.getall("X-Forwarded-Proto", ())).lower()
    return Sender(
        _client(address, headers.getall("X-Forwarded-For", ()), trusted),
        f"{said if said in _SCHEMES else scheme}://"
        f"{_outermost(headers.getall('X-Forwarded-Host', ())) or host}",
    )


@functools.lru_cache(maxsize=1024)
def _peer_address(text: str) -> Address | None:
    return parse_address(text)


def _client(
    address: Address | None, lines: list[str] | tuple[()], trusted: Networks
) -> Address | None:
    hops = ",".join(lines).split(",")[-_LONGEST_CHAIN:]
    for hop in reversed(hops):
        if not trusted.contains(address):
            break
        further = _hop_address(hop.strip())
        if further is None:  # the last that a trusted proxy vouches for
            break
        address = further
    return address


def _hop_address(text: str) -> Address | None:
    """The address of one hop, which some proxies write with its port."""
    if text.startswith("["):
        return parse_address(text[1:].partition("]")[0])
    if text.count(":") == 1:
        return parse_address(text.partition(":")[0])
    return parse_address(text)


def _outermost(lines: list[str] | tuple[()]) -> str:
    """What the proxy nearest to the sender said: each further one appends."""
    return ",".join(lines).partition(",")[0].strip()
