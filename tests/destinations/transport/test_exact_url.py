"""URLs go out byte for byte."""

import pytest
from contracts.destination import attempt
from support.proxy import Proxy
from support.sinks import HttpSink

from router.alerts import Delivered
from router.datatypes import Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.transport.exact_url import exact_url

TARGETS = [
    # As Power Automate and Azure Logic Apps sign them.
    "/x?sig=a%2Bb%3D%3D&sp=%2Ftriggers%2Fmanual%2Frun&e=%40&u=%7E",
    "/a%2Fb/%7euser/%C3%A9?q=%e2%82%ac",
    "/a/../b/./c//d",
    "/x?a+b=c+d&e=%20f",
    "/x?X-Amz-Signature=0a%2f&X-Amz-Credential=AKIA%2F20260301%2Fus-east-1",
    "/v1;p=1/x?a=b?c=d;e=f&&g",
    "/x?q='a'|{b}[c]^`\"<d>\\",
    "/100%/x?p=50%&q=%zz",
    "/~user/x,y:z@!$()*",
    "?code=%3D",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_url_arrives_as_it_was_written(target, environment, delivery):
    """Case D22: a URL whose signature covers its exact text."""
    async with HttpSink() as sink:
        made = HttpConfig(url=Secret(f"http://127.0.0.1:{sink.port}{target}"))
        assert await attempt(HttpDestination("x", made, environment), delivery) == Delivered(200)
    expected = target if target.startswith("/") else f"/{target}"
    assert sink.requests[0].path == expected


async def test_a_url_arrives_as_it_was_written_behind_a_proxy(environment, delivery, server_tls):
    """Case D22."""
    async with HttpSink() as plain, HttpSink(tls=server_tls) as secure, Proxy() as proxy:
        for sink in (plain, secure):
            url = Secret(sink.url.replace("/hook", TARGETS[0]))
            made = HttpConfig(url=url, proxy=Secret(proxy.url))
            await attempt(HttpDestination("x", made, environment), delivery)
            assert sink.requests[0].path.endswith(TARGETS[0])


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://h/a b", "https://h/a%20b"),
        ("https://h/\u00fc?\u20ac=1", "https://h/%C3%BC?%E2%82%AC=1"),
        ("https://h/a\r\nX: y", "https://h/a%0D%0AX:%20y"),
        ("https://h/x#part?y", "https://h/x"),
        ("HTTPS://H.Example/X", "https://h.example/X"),
        ("https://m\u00fcller.example/", "https://xn--mller-kva.example/"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://h:443/x", "https://h/x"),
        ("https://h?x=1", "https://h/?x=1"),
    ],
)
def test_only_what_cannot_be_sent_is_encoded(written, sent):
    assert str(exact_url(written)) == sent


@pytest.mark.parametrize("text", ["", "h/x", "ftp://h/", "https:///x", "https://[::1/x"])
def test_what_is_no_url_is_an_error_without_the_text(text):
    with pytest.raises(ValueError, match=r"\Anot an HTTP URL\Z"):
        exact_url(text)
