"""The automaton in Python finds what google-re2 finds, in time linear in the text."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.with_re2 import NEEDS_RE2

from router.regex import compile_pattern
from router.regex.lazy_automaton import _MAX_POSITIONS, _MAX_STEPS, LinearPattern
from router.regex.pattern_program import compile_program
from router.regex.pattern_syntax import NotSupportedError, PatternParser

LITERALS = [
    *"abkSz0_ -é\u017f\u212a\U0001f600\n",
    r"\.",
    r"\-",
    r"\n",
    r"\t",
    r"\x41",
    r"\x{1F600}",
]
CLASSES = [
    *(".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"),
    *("[a-c]", "[^a]", r"[\w-]", "[[:alpha:]]", "[[:^digit:]x]", r"[^\s\d]", "[a-é]", "[]a]"),
    *("[k-s]", "[^k]", "[[:punct:]]", "[^[:space:]é]"),
]
EDGES = ["^", "$", r"\b", r"\A", r"\z"]
FLAGS = ["(?i)", "(?m)", "(?s)", "(?U)", "(?-i)", "(?im)"]
REPEATS = ["*", "+", "?", "{2}", "{0,3}", "{1,}", "*?", "+?", "{0}"]
PIECES = [
    *LITERALS,
    *CLASSES,
    *EDGES,
    *FLAGS,
    *REPEATS,
    *(
        "(",
        "(?:",
        "(?i:",
        "(?P<n>",
        "(?<m>",
        ")",
        "|",
        "]",
        "}",
        "{",
        "{,2}",
        "{01}",
        "{3,2}",
        "{1001}",
    ),
    *(r"\_", r"\q", "\\", "[a", "[b-", "(?=", "(?x)", "(?i", r"\pL", r"\B", r"\1", r"\07", r"\Q"),
]
ATOMS = st.sampled_from([*LITERALS, *CLASSES, *EDGES])
VALID = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.builds("(?:{}){}".format, inner, st.sampled_from(REPEATS)),
        st.builds("({})".format, inner),
        st.builds("(?{}:{})".format, st.sampled_from(["i", "m", "s", "im", "-i"]), inner),
    ),
    max_leaves=8,
)
ANY = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
TEXTS = st.lists(
    st.text(alphabet="abkKsSzAX09_ -\n\t.,éÉ\u017f\u212a\U0001f600\x00", max_size=8), max_size=8
)


def linear(pattern: str) -> LinearPattern:
    return LinearPattern(compile_program(PatternParser(pattern).parse()))


@NEEDS_RE2
@given(pattern=VALID | ANY, texts=TEXTS)
@example(pattern=r"\bé", texts=["aé", "é"])
@example(pattern="(?m)^$", texts=["", "\n", "a\n", "a\nb"])
@example(pattern=r"(?i)[^\w]", texts=["\u017f", "\u212a", "é"])
@example(pattern=r"^[\s]", texts=["\v", "\f", "\r"])
@example(pattern="[[:space:]]", texts=["\v", "\f", "\r"])
@example(pattern="a$", texts=["a\n", "ba"])
def test_it_finds_what_google_re2_finds_and_knows_no_more(pattern: str, texts: list[str]) -> None:
    """Mutants seen to fail: ``$`` before a last line feed, VT as a space, no Kelvin sign for k."""
    try:
        expected = compile_pattern(pattern, max_memory=1 << 20)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - whatever its words
            linear(pattern)
        return
    try:
        found = linear(pattern)
    except NotSupportedError:
        return
    for text in texts:
        assert (found.search(text) is None) is (expected.search(text) is None), text


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a*)*b", "(x+x+)+y", "a.*b.*c", "(.*)(.*)(.*)y"])
def test_what_exhausts_a_backtracking_search_is_linear(pattern: str) -> None:
    text = "ax" * 50_000 + "!"
    found = linear(pattern)

    began = time.process_time()
    assert found.search(text) is None
    assert time.process_time() - began < 0.5


def test_steps_are_forgotten_when_there_are_many_and_the_result_is_the_same() -> None:
    pattern = linear("(a|b)[ab]{12}c")
    text = "".join("ab"[(number * number // 7) % 2] for number in range(3 * _MAX_STEPS))

    assert pattern.search(text) is None
    assert pattern.search(text + "a" * 13 + "c") is not None
    assert pattern._steps <= _MAX_STEPS


def test_large_states_are_forgotten_earlier() -> None:
    """Mutant seen to fail: steps alone are counted; a text of 4,096 characters cost 60 MB for good."""
    pattern = linear("a[ab]{900}c")
    text = "".join("ab"[(number * number // 7) % 2] for number in range(1500))

    assert pattern.search(text) is None
    assert sum(len(state.positions) for state in pattern._states.values()) <= 2 * _MAX_POSITIONS


def test_a_pattern_of_few_states_may_search_any_text_and_one_of_many_may_not() -> None:
    assert linear("^Week\\w+ (one|two)").programsize == 1
    assert linear("a.{0,200}b").programsize > 1000


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        linear("a").search("a\ud800")
