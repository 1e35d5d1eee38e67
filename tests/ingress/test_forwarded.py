"""The sender of a request and the URL it called, according to the trusted proxies."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from router.datatypes import Networks, parse_address
from router.ingress.forwarded import CalledTarget, Sender, called_target, resolve_sender

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


HTTPS = ("X-Forwarded-Proto", "https")
HOST = ("X-Forwarded-Host", "e.example")
PORT = ("X-Forwarded-Port", "8443")
PREFIX = ("X-Forwarded-Prefix", "/hooks")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([HTTPS, HOST, PORT], "https://e.example:8443"),
        ([PORT], "http://router:8443"),
        ([("X-Forwarded-Host", "e.example:444"), PORT], "http://e.example:444"),
        ([("X-Forwarded-Host", "[2001:db8::1]"), PORT], "http://[2001:db8::1]:8443"),
        ([HOST, ("X-Forwarded-Port", "443, 80")], "http://e.example:443"),
        ([HOST, ("X-Forwarded-Port", "x")], "http://e.example"),
        ([HOST, ("X-Forwarded-Port", "٣")], "http://e.example"),
        ([HOST, ("X-Forwarded-Port", "")], "http://e.example"),
        ([HTTPS, HOST, PREFIX], "https://e.example/hooks"),
        ([HOST, ("X-Forwarded-Prefix", "/a/b/")], "http://e.example/a/b"),
        ([HOST, ("X-Forwarded-Prefix", "/a, /b")], "http://e.example/a/b"),
        ([HOST, PREFIX, ("X-Forwarded-Prefix", "/b")], "http://e.example/hooks/b"),
        ([HOST, ("X-Forwarded-Prefix", "/")], "http://e.example"),
        ([HOST, ("X-Forwarded-Prefix", "hooks")], "http://e.example"),
        ([HOST, ("X-Forwarded-Prefix", "/a?b")], "http://e.example"),
        ([HOST, ("X-Forwarded-Prefix", "//evil/ x")], "http://e.example"),
        ([("Forwarded", "proto=https;host=e.example")], "https://e.example"),
        ([("Forwarded", 'proto=HTTPS;host="e.example:8443"')], "https://e.example:8443"),
        ([("Forwarded", "host=e.example, host=inner;proto=http")], "http://e.example"),
        ([("Forwarded", "for=1.2.3.4, proto=https;host=e.example")], "https://e.example"),
        ([("Forwarded", "proto=https;host=f.example"), HOST], "https://e.example"),
        ([("Forwarded", "host=e.example;;=")], "http://router:8080"),
        ([("Forwarded", "proto=gopher")], "http://router:8080"),
    ],
)
def test_the_port_the_prefix_and_the_standard_header_count(
    headers: list[tuple[str, str]], expected: str
) -> None:
    """Case I13: from a trusted proxy, and from no other peer."""
    found, other = seen(PROXY, *headers), seen("203.0.113.9", *headers)

    assert found.base_url + found.prefix == expected
    assert other.base_url + other.prefix == "http://router:8080"


@pytest.mark.parametrize(
    ("forwarded", "lines", "expected"),
    [
        ("for=198.51.100.7", [], "198.51.100.7"),
        ('for="198.51.100.7:4711"', [], "198.51.100.7"),
        ('for="[2001:db8::7]:4711"', [], "2001:db8::7"),
        ("for=198.51.100.7, for=192.0.2.1", [], "198.51.100.7"),
        ("for=35.90.102.130, for=198.51.100.7", [], "198.51.100.7"),
        ("for=198.51.100.7, for=unknown", [], PROXY),
        ("for=_hidden", [], PROXY),
        ("proto=https", [], PROXY),
        ("for=", ["198.51.100.7"], "198.51.100.7"),
        # Both headers: the one that the proxy did not write may be the sender's own.
        ("for=198.51.100.7", ["198.51.100.7"], "198.51.100.7"),
        ("for=35.90.102.130", ["198.51.100.7"], PROXY),
        ("for=198.51.100.7", ["35.90.102.130"], PROXY),
    ],
)
def test_the_sender_is_the_one_of_the_standard_header_too(
    forwarded: str, lines: list[str], expected: str
) -> None:
    """Case I13. Mutant: one of two headers that differ counts."""
    headers = [("Forwarded", forwarded), *[("X-Forwarded-For", line) for line in lines]]

    assert seen(PROXY, *headers).address == parse_address(expected)
    assert seen("203.0.113.9", *headers).address == parse_address("203.0.113.9")


@pytest.mark.parametrize(
    ("raw_path", "expected"),
    [
        ("/twilio?a=1", ("http", "h:1", "/twilio?a=1")),
        ("http://x/twilio?a=1", ("http", "x", "/twilio?a=1")),
        ("HTTPS://x:8443/twilio", ("https", "x:8443", "/twilio")),
        ("http://x", ("http", "x", "/")),
        ("http://x?a=/b", ("http", "x", "/?a=/b")),
        ("http://[::1]/?a", ("http", "[::1]", "/?a")),
        ("/x/http://y/", ("http", "h:1", "/x/http://y/")),
        ("*", ("http", "h:1", "*")),
    ],
)
def test_a_target_in_absolute_form_overrides_the_host(
    raw_path: str, expected: tuple[str, str, str]
) -> None:
    """Case I11 (RFC 9112, section 3.2.2)."""
    assert called_target("http", "h:1", raw_path) == CalledTarget(*expected)


def test_without_trusted_proxies_forwarding_headers_are_ignored() -> None:
    found = seen(PROXY, ("X-Forwarded-For", "198.51.100.7"), trusted=Networks())

    assert found == Sender(parse_address(PROXY), "http://router:8080")
