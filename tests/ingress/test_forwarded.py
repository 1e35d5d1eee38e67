"""The sender of a request and the URL it called, according to the trusted proxies."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from router.datatypes import Networks, parse_address
from router.ingress.forwarded import Sender, resolve_sender

TRUSTED = Networks.parse("10.0.0.0/8, 192.0.2.1, fd00::/8")
PROXY = "10.0.0.1"


def seen(peer: str | None, *headers: tuple[str, str], trusted: Networks = TRUSTED) -> Sender:
    return resolve_sender(
        peer, "http", "router:8080", CIMultiDictProxy(CIMultiDict(headers)), trusted
    )


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        # No proxy, or none that is trusted.
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        (None, ["198.51.100.7"], None),
        ("", [], None),
        # One proxy, two, and one that connects by IPv6.
        (PROXY, ["198.51.100.7"], "198.51.100.7"),
        (PROXY, ["198.51.100.7, 192.0.2.1"], "198.51.100.7"),
        (PROXY, ["198.51.100.7", "192.0.2.1"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["2001:db8::7, fd00::2"], "2001:db8::7"),
        # An address that the sender forged on the left is not reached.
        (PROXY, ["35.90.102.130, 198.51.100.7"], "198.51.100.7"),
        (PROXY, ["10.9.9.9, 198.51.100.7, 192.0.2.1"], "198.51.100.7"),
        # All trusted: the leftmost. No header: the proxy.
        (PROXY, ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (PROXY, [], PROXY),
        # Ports, and text that is no address: the last address that a trusted proxy wrote.
        (PROXY, ["198.51.100.7:4711"], "198.51.100.7"),
        (PROXY, ["[2001:db8::7]:4711"], "2001:db8::7"),
        (PROXY, ["198.51.100.7, unknown"], PROXY),
        (PROXY, ["198.51.100.7, "], PROXY),
        (PROXY, ["198.51.100.7, 1.2.3.4.5, 192.0.2.1"], "192.0.2.1"),
        (PROXY, ["198.51.100.7, " + "10.0.0.2, " * 40 + "10.0.0.2"], "10.0.0.2"),
    ],
)
def test_the_sender_is_the_nearest_address_that_is_not_a_trusted_proxy(
    peer: str | None, forwarded: list[str], expected: str | None
) -> None:
    found = seen(peer, *[("X-Forwarded-For", line) for line in forwarded])

    assert found.address == parse_address(expected or "")


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        (PROXY, {}, "http://router:8080"),
        (PROXY, {"Proto": "https"}, "https://router:8080"),
        (PROXY, {"Proto": "HTTPS", "Host": "events.example.com"}, "https://events.example.com"),
        (PROXY, {"Proto": "https, http", "Host": "a.example, b"}, "https://a.example"),
        (PROXY, {"Proto": "gopher"}, "http://router:8080"),
        ("203.0.113.9", {"Proto": "https", "Host": "evil.example"}, "http://router:8080"),
    ],
)
def test_the_url_is_the_one_that_the_outermost_proxy_received(
    peer: str, headers: dict[str, str], expected: str
) -> None:
    lines = [(f"X-Forwarded-{name}", value) for name, value in headers.items()]

    assert seen(peer, *lines).base_url == expected


def test_without_trusted_proxies_forwarding_headers_are_ignored() -> None:
    found = seen(PROXY, ("X-Forwarded-For", "198.51.100.7"), trusted=Networks())

    assert found == Sender(parse_address(PROXY), "http://router:8080")
