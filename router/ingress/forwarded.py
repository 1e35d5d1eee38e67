"""The sender of a request and the URL it called, behind trusted proxies or without any. Pure.

A header is as trustworthy as the peer that wrote it. ``X-Forwarded-For`` and ``Forwarded`` grow to
the right, one address per proxy. They are therefore read from the right: each address was written by
the proxy that follows it, and counts as long as that proxy is trusted. An address that a sender
forged on the left is never reached.

A proxy writes one of the two headers and may pass on the other as the sender wrote it. If both are
there and name different senders, neither counts, and the sender is the proxy.

Source: MDN, "X-Forwarded-For", section "Selecting an IP address"; RFC 7239; RFC 9112, section 3.2.2.
"""

import functools
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from multidict import CIMultiDictProxy

from router.datatypes import Address, Networks, parse_address
from router.ingress.forwarded_header import ForwardedElement, parse_forwarded
from router.ingress.responses import RequestRejectedError

_SCHEMES: Final = frozenset({"http", "https"})
_BASE_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
)
_ABSOLUTE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=%:@-]+)*")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_HAS_PORT: Final = re.compile(r":[0-9]*\Z")
_MAX_HOPS: Final = 32
"""Addresses that are read, from the right."""


class Sender(msgspec.Struct, frozen=True):
    """The sender of a request, according to the peer and the trusted proxies."""

    address: Address | None
    """The nearest address that is not a trusted proxy; None if the peer has no address."""
    base_url: str
    """Scheme, host and port of the called URL, for example ``https://router.example.com``."""
    prefix: str = ""
    """The path that the proxies stripped from the called URL."""


class CalledTarget(msgspec.Struct, frozen=True):
    """The first line of a request: what was called, as the router received it."""

    scheme: str
    host: str
    path: str
    """The path with its query."""

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}"


def called_target(scheme: str, host: str, raw_path: str) -> CalledTarget:
    """Return what a request called.

    Args:
        scheme: Scheme of the connection.
        host: The header ``Host``, which a target in absolute form overrides.
        raw_path: The target of the request: a path, or a whole URL.
    """
    if raw_path.startswith("/"):
        return CalledTarget(scheme, host, raw_path)
    found = _ABSOLUTE.fullmatch(raw_path)
    if found is None:
        return CalledTarget(scheme, host, raw_path)
    path = found[3] if found[3].startswith("/") else f"/{found[3]}"
    return CalledTarget(found[1].lower(), found[2], path)


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
    address = peer_address(peer or "")
    if not trusted or not trusted.contains(address):
        return Sender(address, f"{scheme}://{host}")
    elements = parse_forwarded(headers.getall("Forwarded", ()))
    return Sender(
        _client_address(address, headers.getall("X-Forwarded-For", ()), elements, trusted),
        _forwarded_url(scheme, host, headers, elements),
        _prefix(headers.getall("X-Forwarded-Prefix", ())),
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
def peer_address(text: str) -> Address | None:
    """Return the address of the other end of a connection; None if it has none."""
    return parse_address(text)


def _client_address(
    proxy: Address | None,
    lines: Sequence[str],
    elements: Sequence[ForwardedElement],
    trusted: Networks,
) -> Address | None:
    by_line = _nearest_stranger(proxy, ",".join(lines).split(","), trusted)
    if not elements:
        return by_line
    by_element = _nearest_stranger(proxy, [element.for_ for element in elements], trusted)
    return by_element if not lines or by_line == by_element else proxy


def _nearest_stranger(
    address: Address | None, hops: Sequence[str], trusted: Networks
) -> Address | None:
    for hop in reversed(hops[-_MAX_HOPS:]):
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


def _forwarded_url(
    scheme: str,
    host: str,
    headers: CIMultiDictProxy[str],
    elements: Sequence[ForwardedElement],
) -> str:
    """Return scheme, host and port of the URL that the outermost proxy received."""
    proto = _first(headers.getall("X-Forwarded-Proto", ())) or next(
        (element.proto for element in elements if element.proto), ""
    )
    scheme = proto.lower() if proto.lower() in _SCHEMES else scheme
    outer = _first(headers.getall("X-Forwarded-Host", ())) or next(
        (element.host for element in elements if element.host), ""
    )
    port = _first(headers.getall("X-Forwarded-Port", ()))
    if _PORT.fullmatch(port) and not _HAS_PORT.search(outer):
        # A port in Host is that of the router, and one in X-Forwarded-Host says more.
        outer = f"{_HAS_PORT.sub('', outer or host)}:{port}"
    return f"{scheme}://{outer or host}"


def _prefix(lines: Sequence[str]) -> str:
    """Return the path that the proxies stripped: each appends what it strips; ``""`` if malformed."""
    parts = [part.strip().rstrip("/") for part in ",".join(lines).split(",")]
    prefix = "".join(parts)
    return prefix if _PREFIX.fullmatch(prefix) else ""


def _first(lines: Sequence[str]) -> str:
    """Return the value of the proxy nearest to the sender, because each further proxy appends."""
    return ",".join(lines).partition(",")[0].strip()
