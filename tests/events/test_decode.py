"""A signed batch is never rejected for one of its members."""

import msgspec
import pytest

from router.errors import EventsTooLargeError
from router.events.decode import decode_leniently
from router.events.limits import MAX_VALUES
from router.events.model import Received, document

MINIMAL = {"specversion": "1.0", "source": "/s", "type": "t"}
BOM = b"\xef\xbb\xbf"


def encoded(name: str, **changes: object) -> bytes:
    return msgspec.json.encode({**MINIMAL, "id": name, **changes})


FIRST, LAST = encoded("first"), encoded("last")


def event(data: bytes) -> bytes:
    return encoded("middle")[:-1] + b',"data":' + data + b"}"


def signed(body: bytes, content_type: str = "application/json", most: int = 10) -> Received:
    return decode_leniently(
        body,
        content_type=content_type,
        received_at=1.0,
        max_events=most,
        max_values=2 * MAX_VALUES,
    )


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (b'{"id":"a","n":"team\\ufffd"}', "missing required field"),
        (event(b'"\xff"'), "not UTF-8"),
        (event(b'"\xed\xa0\xbd"'), "not UTF-8"),
        (event(b"[" * 65 + b"]" * 65), "nested too deeply, at most 64"),
        (event(b"[" * 5000 + b"]" * 5000), "nested too deeply"),
        (event(b"[" + b"1," * (3 * MAX_VALUES) + b"1]"), "more than 100000 values"),
        (event(b"True"), "malformed"),
        (event(b"NaN"), "malformed"),
        (event(b"'x'"), "malformed"),
        (event(b'"a\nb"'), "malformed"),
        (event(b'"\\x41"'), "malformed"),
        (event(b"1") + event(b"2"), "trailing"),
        (BOM + event(b"1"), "malformed"),
        (b"nothing", "malformed"),
        (b"[]", "Expected `object`, got `array`"),
    ],
    ids=range(15),
)
def test_a_member_that_is_no_event_is_quarantined_alone(member: bytes, reason: str) -> None:
    """Case I1: whatever is wrong with it, its neighbours are accepted."""
    received = signed(b"[" + FIRST + b", " + member + b" ," + LAST + b"]")

    assert [each.body for each in received.events] == [FIRST, LAST]
    (item,) = received.malformed
    assert (item.path[:4], item.body, item.received_at) == ("$[1]", member, 1.0)
    assert reason in item.reason


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b'{"friendly_name":"team\\ud83d"}', {"friendly_name": "team\ufffd"}),
        (b'{"\\ude00":"\\ud83d\\ude00"}', {"\ufffd": "😀"}),
        (b'"\\\\ud83d\\ud83d"', "\\ud83d\ufffd"),
    ],
)
def test_a_lone_surrogate_is_judged_as_the_replacement_character(data: bytes, seen: object) -> None:
    """Case I1: it is valid by the grammar, and the stored event is what all others can read."""
    received = signed(b"[" + FIRST + b"," + event(data) + b"," + LAST + b"]")

    assert [each.id for each in received.events] == ["first", "middle", "last"]
    assert received.malformed == []
    assert document(received.events[1])["data"] == seen
    assert msgspec.json.decode(received.events[1].body)["data"] == seen
    assert received.events[0].body == FIRST


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"{",
        b"[",
        b"5",
        b'"text"',
        b"[" + FIRST + b",",
        b"[" + FIRST + b"," + LAST,
        b"[" + FIRST + b',{"id":"x]',
        b"[" + FIRST + b"]]",
        b"[" * 100_000,
        b"\xff",
        b'{"id":"\xff"}',
        BOM,
        event(b"[" + b"1," * (3 * MAX_VALUES) + b"1]"),
        event(b"[" * 5000 + b"]" * 5000),
    ],
    ids=range(16),
)
def test_a_body_that_cannot_be_cut_is_quarantined_whole(body: bytes) -> None:
    """Case I1."""
    received = signed(body)

    assert received.events == []
    assert [(each.path[0], each.body) for each in received.malformed] == [("$", body)]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", BOM + b"[" + FIRST + b"]"),
        ("application/json", BOM + FIRST),
        ("application/json", BOM + b"\n [" + FIRST + b"]"),
        ("application/json; charset=utf-8", BOM + b"[" + FIRST + b"]"),
        ("application/json; charset=utf-16", (b"[" + FIRST + b"]").decode().encode("utf-16")),
        ("application/json; charset=utf-16le", b"\xff\xfe" + FIRST.decode().encode("utf-16-le")),
        ("application/json; charset=iso-8859-1", FIRST),
        ("application/json; charset=nonsense", FIRST),
        ("application/json; charset=utf-16", FIRST + b" "),
    ],
)
def test_a_byte_order_mark_and_a_charset_are_understood(content_type: str, body: bytes) -> None:
    """Cases I3 and I18; a charset that is wrong or unknown is no reason to lose what is in UTF-8."""
    received = signed(body, content_type)

    assert [each.body.strip() for each in received.events] == [FIRST]
    assert received.malformed == []


def test_events_in_another_charset_are_stored_in_utf8() -> None:
    """Case I3."""
    event_ = event('{"name":"Müller"}'.encode())
    received = signed(event_.decode().encode("latin-1"), "application/json; charset=iso-8859-1")

    assert [each.body for each in received.events] == [event_]


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([FIRST] * 3) + b"]",
        b"[" + b",".join([FIRST, b'{"n":"\\ud83d"}', LAST]) + b"]",
        b"[" + b",".join([FIRST, b"True", LAST]) + b"]",
        b"[" + b",".join([event(b"[" + b"1," * 70_000 + b"1]")] * 2) + b"," + LAST + b"]",
    ],
    ids=range(4),
)
def test_limits_that_no_member_exceeds_alone_reject_the_request(body: bytes) -> None:
    with pytest.raises(EventsTooLargeError):
        signed(body, most=2)


def test_as_many_values_as_a_request_may_have_are_accepted_beside_one_that_has_too_many() -> None:
    """Case I1: the one is quarantined, and the other is not refused for it."""
    large = event(b"[" + b"1," * 90_000 + b"1]")
    received = signed(b"[" + large + b"," + event(b"[" + b"1," * 150_000 + b"1]") + b"]")

    assert [each.body for each in received.events] == [large]
    assert len(received.malformed) == 1
