"""The sender of a request and the URL it called, behind trusted proxies or without any. Pure.

A header is as trustworthy as the peer that wrote it. ``X-Forwarded-For`` grows to the right, one
address per proxy. It is therefore read from the right: each address was written by the proxy that
follows it, and counts as long as that proxy is trusted. An address that a sender forged on the left
is never reached.

Source: MDN, "X-Forwarded-For", section "Selecting an IP address".
"""

import functools
import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from multidict import CIMultiDictProxy

from router.datatypes import Address, Networks, parse_address
from router.ingress.responses import RequestRejectedError

_SCHEMES: Final = frozenset({"http", "https"})
_BASE_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
)
_MAX_HOPS: Final = 32
"""Addresses that are read, from the right."""


class Sender(msgspec.Struct, frozen=True):
    """The sender of a request, according to the peer and the trusted proxies."""

    address: Address | None
    """The nearest address that is not a trusted proxy; None if the peer has no address."""
    base_url: str
    """Scheme, host and port of the called URL, for example ``https://router.example.com``."""


def resolve_sender(
    peer: str | None, scheme: str, host: str, headers: CIMultiDictProxy[str], trusted: Networks
) -> Sender:
    """Return the sender of a request.

    Args:
        peer: Address of the peer of the connection.
        scheme: Scheme of the request as the router received it.
        host: Host of the request as the router received it.
        headers: Headers of the request.
        trusted: Networks of the trusted proxies.
    """
    address = _peer_address(peer or "")
    if not trusted or not trusted.contains(address):
        return Sender(address, f"{scheme}://{host}")
    proto = _first(headers.getall("X-Forwarded-Proto", ())).lower()
    return Sender(
        _client_address(address, headers.getall("X-Forwarded-For", ()), trusted),
        f"{proto if proto in _SCHEMES else scheme}://"
        f"{_first(headers.getall('X-Forwarded-Host', ())) or host}",
    )


def check_base_url(url: str) -> None:
    """Check the URL that a request claims to have called.

    Args:
        url: Scheme, host and port, from ``Host`` or ``X-Forwarded-Host``.

    Raises:
        RequestRejectedError: The host is malformed.
    """
    try:
        urlsplit(url)  # checks the address in brackets
        is_valid = _BASE_URL.fullmatch(url) is not None
    except ValueError:
        is_valid = False
    if not is_valid:
        raise RequestRejectedError(
            HTTPStatus.BAD_REQUEST, "bad_host", "Host is neither a name nor an address"
        )


@functools.lru_cache(maxsize=1024)
def _peer_address(text: str) -> Address | None:
    return parse_address(text)


def _client_address(
    address: Address | None, lines: list[str] | tuple[()], trusted: Networks
) -> Address | None:
    hops = ",".join(lines).split(",")[-_MAX_HOPS:]
    for hop in reversed(hops):
        if not trusted.contains(address):
            break
        further = _hop_address(hop.strip())
        if further is None:  # no address: the last one that a trusted proxy wrote counts
            break
        address = further
    return address


def _hop_address(text: str) -> Address | None:
    """Return the address of one hop, without the port that some proxies write."""
    if text.startswith("["):
        return parse_address(text[1:].partition("]")[0])
    if text.count(":") == 1:
        return parse_address(text.partition(":")[0])
    return parse_address(text)


def _first(lines: list[str] | tuple[()]) -> str:
    """Return the value of the proxy nearest to the sender, because each further proxy appends."""
    return ",".join(lines).partition(",")[0].strip()
