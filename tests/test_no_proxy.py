"""The hosts that are reached without a proxy."""

import pytest

from router.no_proxy import NoProxy, check_no_proxy


@pytest.mark.parametrize(
    ("entries", "host", "port", "expected"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "hooks.example.com", 443, True),
        ("example.com", "badexample.com", 443, False),
        ("example.com", "example.com.evil.example", 443, False),
        ("example.com", "com", 443, False),
        (".example.com", "hooks.example.com", 443, True),
        (".example.com", "example.com", 443, True),
        ("*.example.com", "hooks.example.com", 443, True),
        ("*.example.com", "badexample.com", 443, False),
        ("EXAMPLE.com", "Hooks.Example.COM", 443, True),
        ("example.com", "example.com.", 443, True),
        ("example.com.", "example.com", 443, True),
        ("m\u00fcller.example", "xn--mller-kva.example", 443, True),
        ("xn--mller-kva.example", "m\u00fcller.example", 443, True),
        ("example.com:8443", "example.com", 8443, True),
        ("example.com:8443", "example.com", 443, False),
        ("192.0.2.7", "192.0.2.7", 80, True),
        ("192.0.2.7", "192.0.2.70", 80, False),
        ("192.0.2.7:8080", "192.0.2.7", 80, False),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.1.2.3/8", "10.9.9.9", 80, True),
        ("10.0.0.0/8", "ten.example", 80, False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", 80, True),
        ("::1", "::1", 80, True),
        ("[::1]", "[::1]", 80, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[::1]:8080", "::1", 80, False),
        ("2001:db8::/32", "2001:db8::7", 80, True),
        ("localhost", "localhost", 8080, True),
        ("localhost", "127.0.0.1", 8080, False),
        ("*", "anything.example", 443, True),
        ("*", "::1", 443, True),
        ("*:8080", "anything.example", 443, False),
        ("a.example, b.example", "b.example", 443, True),
        ("a.example b.example\tc.example", "c.example", 443, True),
        (" , ,", "a.example", 443, False),
        ("", "a.example", 443, False),
        (".", "a.example", 443, False),
        ("http://a.example", "a.example", 443, False),
        ("10.0.0.0/40", "10.0.0.0", 443, False),
    ],
)  # fmt: skip
def test_no_proxy_is_read_as_curl_go_and_requests_read_it(entries, host, port, expected):
    """Case D27: NO_PROXY."""
    assert NoProxy.parse(entries).covers(host, port) is expected


@pytest.mark.parametrize(
    "text",
    ["http://a.example", "a.example,10.0.0.0/40", "a.*.example", "a.example:x", "user@host", "."],
)
def test_an_entry_that_can_match_no_host_is_an_error_in_the_routers_own_setting(text):
    with pytest.raises(ValueError, match="write hosts, domains or networks with commas"):
        check_no_proxy(text)


@pytest.mark.parametrize(
    "text", ["*", "localhost, .example.com, 10.0.0.0/8,[::1]:80", "*.a.example:8443"]
)
def test_a_list_of_hosts_is_valid(text):
    check_no_proxy(text)
