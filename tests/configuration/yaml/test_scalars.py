"""The meaning of plain scalars, and the positions of their characters in the file."""

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from router.configuration.yaml.scalars import Plain, plain_value, value_offsets


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-17", -17),
        ("+3", 3),
        ("1.5", 1.5),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("2.", 2.0),
        ("1.5e+3", 1500.0),
        ("-1.5E-3", -0.0015),
        ("com.twilio.voice", "com.twilio.voice"),
        ("10s", "10s"),
        ("nothing", "nothing"),
        ("tRue", "tRue"),
        ("a: b", "a: b"),
        ("::1", "::1"),
        ("1.2.3", "1.2.3"),
        ("12:30 Uhr", "12:30 Uhr"),
        ("0x", "0x"),
        ("-", "-"),
        ("e5", "e5"),
        ("9" * 40, int("9" * 40)),
    ],
)
def test_a_plain_scalar_has_the_meaning_that_all_parsers_agree_on(text: str, value: Plain) -> None:
    meaning = plain_value(text)
    assert (meaning.value, type(meaning.value), meaning.trap) == (value, type(value), "")


@pytest.mark.parametrize(
    "text",
    [
        *("y", "N", "yes", "Yes", "no", "NO", "on", "On", "off", "OFF"),
        *("12:30", "12:30:00", "-1:30", "190:20:30.15"),
        *("0777", "0o17", "08", "-012", "0x1F", "0b101"),
        *("1e3", "-1E3", "1e+3", "1.5e3", ".5e3", "2.e3", "-.5", "+.5", ".1_5", "<<"),
        *("1_000", "1_0.5", ".inf", "-.INF", ".nan"),
        *("2026-11-24", "2026-11-24T12:00:00Z", "2026-1-2 03:04:05"),
        *("=", "9" * 41, "-" + "9" * 40, "1e999", "1e+400"),
    ],
)
def test_a_scalar_that_parsers_disagree_on_is_a_trap(text: str) -> None:
    """Case R8: numbers with an exponent are text to YAML 1.1 unless they have a dot and a sign."""
    assert plain_value(text).trap


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e3", "1000"),
        ("-1.5e3", "-1500"),
        ("+.5", "0.5"),
        ("2.e3", "2000"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("1e-3", "0.001"),
        *((text, "") for text in ("0777", "08", "12:30", "1e300", "1e-9", "yes", "1.5", "x", "<<")),
    ],
)
def test_a_trap_that_is_clearly_a_number_says_how_it_is_written(text: str, number: str) -> None:
    assert plain_value(text).number == number
    assert not plain_value(number).trap


def to_pyyaml(text: str) -> object:
    """Return the value of a plain scalar in PyYAML."""
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, text))


@given(st.from_regex(r"[-+.:_0-9a-zA-Z]{1,8}", fullmatch=True))
def test_a_scalar_without_a_trap_has_the_same_value_in_pyyaml(text: str) -> None:
    meaning = plain_value(text)
    assume(not meaning.trap)
    assert to_pyyaml(text) == meaning.value


visible = st.characters(categories=["L", "N", "P", "S"], include_characters="'\"\\ \n")


def offsets_of_all(raw: str, value: str, style: str | None) -> list[tuple[str, str]]:
    """Return each visible character of a value and the text at its position."""
    pairs = []
    for offset, character in enumerate(value):
        found = value_offsets(raw, value, style, offset, 1)
        if found is not None and not character.isspace():
            pairs.append((character, raw[slice(*found)]))
    return pairs


@given(
    text=st.text(visible, min_size=1, max_size=120), style=st.sampled_from([None, "'", "|", ">"])
)
def test_each_character_is_found_at_its_position(text: str, style: str | None) -> None:
    document = yaml.dump([text], default_style=style, width=30, allow_unicode=True)
    *_, event = (each for each in yaml.parse(document) if isinstance(each, yaml.ScalarEvent))
    assume(event.style in {None, "", "'", "|", ">"})
    raw = document[event.start_mark.index : event.end_mark.index]
    pairs = offsets_of_all(raw, event.value, event.style or None)
    assert len(pairs) == len("".join(event.value.split()))
    assert all(source in {value, value * 2} for value, source in pairs)


ESCAPED = r"a\tb\"c\\d\x41\u00e9\U0001F55B\  \n\x20\u2028\
   end"


@pytest.mark.parametrize(
    ("value", "source"),
    [
        *(("a", "a"), ("b", "b"), ('"', r"\""), ("c", "c"), ("\\", r"\\"), ("d", "d")),
        *(("A", r"\x41"), ("é", r"\u00e9"), ("🕛", r"\U0001F55B"), ("end", "end")),
    ],
)
def test_escapes_in_double_quotes_are_resolved(value: str, source: str) -> None:
    raw = f'"{ESCAPED}"'
    text = yaml.safe_load(raw)
    found = value_offsets(raw, text, '"', text.index(value), len(value))
    assert found is not None
    assert raw[slice(*found)] == source


@pytest.mark.parametrize(
    ("value", "source"), [("it", "it"), ("'s", "''s"), ("over", "over"), ("'", "''")]
)
def test_doubled_single_quotes_are_one_character(value: str, source: str) -> None:
    raw = "'it''s\n  over'"
    text = yaml.safe_load(raw)
    found = value_offsets(raw, text, "'", text.index(value), len(value))
    assert found is not None
    assert raw[slice(*found)] == source


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, 1, (0, 1)),
        (0, 2, (0, 1)),
        (1, 1, (1, 2)),
        (1, 2, (1, 2)),
        (1, 3, (4, 5)),
        (3, 1, (4, 5)),
    ],
)
def test_a_part_that_begins_in_white_space_begins_at_the_next_character(
    offset: int, length: int, expected: tuple[int, int]
) -> None:
    assert value_offsets("a   b", "a  b", None, offset, length) == expected


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0, (0, 3)), (3, (3, 4)), (4, (4, 7)), (7, (7, 8)), (100, (7, 8))],
)
def test_white_space_and_the_end_follow_the_character_before_them(
    offset: int, expected: tuple[int, int]
) -> None:
    assert (
        value_offsets("abc def", "abc def", None, offset, 3 if offset in {0, 4} else 1) == expected
    )


def test_a_part_over_several_lines_reaches_from_the_first_to_the_last() -> None:
    raw = "|\n  one\n   two\n"
    assert value_offsets(raw, "one\n two\n", "|", 0, 8) == (4, 14)


def test_a_value_that_does_not_correspond_has_no_position() -> None:
    assert value_offsets("abc", "ab", None, 1, 1) is None
    assert value_offsets("", "", None, 0, 1) is None
