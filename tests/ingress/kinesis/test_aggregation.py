"""Records that a producer has aggregated, as its library writes them and damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.aggregated import MAGIC, aggregated, field, sealed, user_record, varint

from router.ingress.kinesis.aggregation import AggregationError, deaggregate, is_aggregated

WRITTEN_BY_THE_LIBRARY = bytes.fromhex(
    # Two user records, "hello" and "", with a table of two keys and one of explicit hash keys.
    "f3899ac2"
    "0a0161" "0a0162" "120130"
    "1a0b" "0800" "1000" "1a0568656c6c6f"
    "1a04" "0801" "1a00"
)  # fmt: skip


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.text(max_size=10)))
def test_the_user_records_come_out_in_their_order(bodies: list[bytes], keys: list[str]) -> None:
    """Case I17."""
    record = aggregated(bodies, keys=keys)

    assert is_aggregated(record)
    assert deaggregate(record, max_records=20) == bodies


def test_fields_that_are_not_needed_are_skipped() -> None:
    """Case I17: tags, hash keys, and what a later library may add in any wire type."""
    tags = field(4, field(1, b"k") + field(2, b"v"))
    unknown = b"\x38\xff\xff\x01" + b"\x41" + bytes(8) + b"\x4d" + bytes(4) + field(15, b"x")
    message = unknown + field(3, b"\x10\x05" + user_record(b"one", more=tags + unknown)) + unknown

    assert deaggregate(sealed(message), max_records=1) == [b"one"]
    assert deaggregate(sealed(WRITTEN_BY_THE_LIBRARY[4:]), max_records=9) == [b"hello", b""]


DAMAGED = {
    "nothing follows": (MAGIC, "MD5"),
    "too short": (MAGIC + b"123", "MD5"),
    "another MD5": (aggregated([b"one"])[:-1] + b"!", "MD5"),
    "cut off": (aggregated([b"one"])[:-3], "MD5"),
    "a size beyond the end": (sealed(b"\x1a\x7f" + b"abc"), "ends too early"),
    "a huge size": (sealed(b"\x1a" + varint(2**62) + b"abc"), "ends too early"),
    "a number beyond the end": (sealed(b"\x45\x00"), "ends too early"),
    "a varint without an end": (sealed(b"\x80" * 100), "without an end"),
    "a varint cut off": (sealed(b"\x08\x80"), "without an end"),
    "a group": (sealed(b"\x0b"), "wire type 3"),
    "a record without data": (sealed(field(3, b"\x08\x00")), "without data"),
    "empty fields": (sealed(b"\x0a\x00" * 1100), "more than 1012 fields"),
    "numbers": (sealed(b"\x08\x00" * 1100), "more than 1012 fields"),
    "empty fields in a record": (sealed(field(3, b"\x22\x00" * 101)), "more than 100 fields"),
    "too many": (aggregated([b"1"] * 4), "more than 3 records"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_record_is_named_as_an_aggregated_one(name: str) -> None:
    """Case I17."""
    record, reason = DAMAGED[name]

    with pytest.raises(AggregationError, match=reason) as raised:
        deaggregate(record, max_records=3)
    assert "aggregated record" in str(raised.value)


@given(st.binary(max_size=200))
def test_any_message_is_read_or_refused(message: bytes) -> None:
    try:
        bodies = deaggregate(sealed(message), max_records=10)
    except AggregationError:
        return
    assert sum(map(len, bodies)) <= len(message)


@pytest.mark.parametrize("data", [b"", MAGIC[:3], b"{}", b"[" + MAGIC])
def test_other_records_are_not_aggregated(data: bytes) -> None:
    assert not is_aggregated(data)
