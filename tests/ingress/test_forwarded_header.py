"""The header Forwarded of RFC 7239."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ingress.forwarded_header import ForwardedElement, parse_forwarded


def element(for_: str = "", host: str = "", proto: str = "") -> ForwardedElement:
    return ForwardedElement(for_, host, proto)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # The examples of RFC 7239, section 4.
        (['for="_gazonk"'], [element("_gazonk")]),
        (['For="[2001:db8:cafe::17]:4711"'], [element("[2001:db8:cafe::17]:4711")]),
        (
            ["for=192.0.2.60;proto=http;by=203.0.113.43"],
            [element("192.0.2.60", proto="http")],
        ),
        (["for=192.0.2.43, for=198.51.100.17"], [element("192.0.2.43"), element("198.51.100.17")]),
        (
            ["for=192.0.2.43", "for=198.51.100.17"],
            [element("192.0.2.43"), element("198.51.100.17")],
        ),
        # Quotes, escapes, spaces, empty elements, parameters of other names.
        (['for=a;host="h:8443" ; PROTO=https'], [element("a", "h:8443", "https")]),
        (['for="a,b;c=d"'], [element("a,b;c=d")]),
        ([r'host="a\"b\\c"'], [element(host=r'a"b\c')]),
        (["secret=x;for=a"], [element("a")]),
        (["for=a;"], [element("a")]),
        (["for=a,"], [element("a")]),
        ([""], []),
        ([], []),
        # Malformed: no element counts, because a comma may be meant otherwise.
        (["for"], []),
        (["for="], []),
        (["for=a b"], []),
        (['for="a'], []),
        (["for=a; ;x"], []),
        (["for=[::1]:80, =x"], []),
        (["for=\udcff="], []),
    ],
)
def test_each_proxy_writes_one_element(lines: list[str], expected: list[ForwardedElement]) -> None:
    """Case I13."""
    assert parse_forwarded(lines) == expected


@given(
    st.lists(
        st.text(alphabet=st.sampled_from('for=host;,"\\ [:]a1\udcff'), max_size=30), max_size=3
    )
)
def test_no_header_is_an_error(lines: list[str]) -> None:
    for found in parse_forwarded(lines):
        assert isinstance(found, ForwardedElement)


@pytest.mark.parametrize("unit", ['for="', 'for="\\', "for=a,", "a=b;", '"', "=", "f" * 100, ", "])
def test_a_long_header_takes_linear_time(unit: str) -> None:
    began = time.process_time()

    parse_forwarded([unit * (200_000 // len(unit))])

    assert time.process_time() - began < 0.5
