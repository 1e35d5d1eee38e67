"""The headers of W3C Trace Context; the rows are those of its sections and of its test suite.

https://github.com/w3c/trace-context/blob/main/test/test.py
"""

import pytest

from router.tracing.contexts import (
    TraceContext,
    clean_state,
    is_sampled,
    parse_context,
    parse_headers,
    recorded,
    stored_context,
)

TRACE = "12345678901234567890123456789012"
SPAN = "1234567890123456"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("traceparent", "flags"),
    [
        (VALID, 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-02", 2),  # random-trace-id of level 2
        (f"00-{TRACE}-{SPAN}-ff", 3),
        (f"01-{TRACE}-{SPAN}-01", 1),
        (f"cc-{TRACE}-{SPAN}-01", 1),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
        (f"cc-{TRACE}-{SPAN}-03", 1),  # of a later version, only the flag sampled is known
    ],
)
def test_a_valid_traceparent_is_continued(traceparent: str, flags: int) -> None:
    assert parse_context(traceparent) == TraceContext(TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "01",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
        f"00-{TRACE}-{SPAN}-01.",
        f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-.{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}1-{SPAN}-01",
        f"00-{'A' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-.{SPAN[1:]}-01",
        f"00-{TRACE}-{SPAN[1:]}-01",
        f"00-{TRACE}-{SPAN}1-01",
        f"00-{TRACE}-{'F' * 16}-01",
        f"00-{TRACE}-{SPAN}-.0",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-0A",
        f" {VALID}",
        f"{VALID} ",
        f"{VALID}\n",
        f"00-{chr(0x661) * 32}-{SPAN}-01",
    ],
)
def test_a_malformed_traceparent_is_none(traceparent: str) -> None:
    assert parse_context(traceparent) is None


@pytest.mark.parametrize(
    ("parents", "states", "state"),
    [
        ([f" {VALID}\t"], [], ""),
        ([VALID], ["foo=1,bar=2"], "foo=1,bar=2"),
        ([VALID], ["foo=1", "bar=2"], "foo=1,bar=2"),
        ([VALID], ["foo=1", ""], "foo=1"),
        ([VALID], ["foo=1,foo=2"], ""),
    ],
)
def test_the_headers_of_a_request_are_one_context(
    parents: list[str], states: list[str], state: str
) -> None:
    assert parse_headers(parents, states) == TraceContext(TRACE, SPAN, 1, state)


@pytest.mark.parametrize("parents", [[], [VALID, VALID], ["foo"]])
def test_no_or_several_traceparents_are_none(parents: list[str]) -> None:
    assert parse_headers(parents, ["foo=1"]) is None


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("foo=1", "foo=1"),
        ("foo=1 \t , \t bar=2", "foo=1,bar=2"),
        ("foo=1,", "foo=1"),
        ("fw529a3039@dt=FfAB,0tenant@vendor=1", "fw529a3039@dt=FfAB,0tenant@vendor=1"),
        ("foo@=1", ""),
        ("@foo=1", ""),
        ("foo@@bar=1", ""),
        ("foo =1", ""),
        ("FOO=1", ""),
        ("foo.bar=1", ""),
        ("foo", ""),
        ("foo=", ""),
        ("foo=bar=baz", ""),
        ("foo=ä", ""),
        (",".join(f"bar{number:02d}=1" for number in range(1, 33)), None),
        (",".join(f"bar{number:02d}=1" for number in range(1, 34)), ""),
        (f"{'z' * 256}=1", None),
        (f"{'z' * 257}=1", ""),
        (f"foo={'z' * 256}", None),
        (f"foo={'z' * 257}", ""),
    ],
)
def test_an_invalid_tracestate_is_dropped_by_itself(text: str, clean: str | None) -> None:
    expected = text if clean is None else clean
    assert clean_state(text) == expected
    assert parse_context(VALID, text) == TraceContext(TRACE, SPAN, 1, expected)


def test_a_long_tracestate_loses_long_entries_first_and_then_the_last_ones() -> None:
    long, short = f"long={'x' * 130}", [f"k{number:02d}={'y' * 56}" for number in range(10)]

    cleaned = clean_state(",".join([short[0], long, *short[1:]]))

    assert cleaned == ",".join(short[:8])


@pytest.mark.parametrize(("last", "kept"), [(108, 5), (109, 4)])
def test_a_tracestate_of_512_characters_is_whole(last: int, kept: int) -> None:
    entries = [f"k{number}={'y' * 97}" for number in range(4)] + [f"k4={'y' * (last - 3)}"]

    assert clean_state(",".join(entries)) == ",".join(entries[:kept])


@pytest.mark.parametrize(
    "context",
    [
        TraceContext(TRACE, SPAN),
        TraceContext(TRACE, SPAN, 0),
        TraceContext(TRACE, SPAN, 3, "a=b,c=d"),
    ],
)
def test_a_stored_context_is_read_again(context: TraceContext) -> None:
    assert stored_context(context.text) == context
    assert is_sampled(context.text) is context.is_sampled
    assert recorded(context.text) == (context.text if context.is_sampled else "")


@pytest.mark.parametrize("text", ["", "what a later version stores"])
def test_no_context_is_read_from_another_text(text: str) -> None:
    assert stored_context(text) is None
    assert not is_sampled("")
