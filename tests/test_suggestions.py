"""Names that people write, and suggestions for misspelt ones."""

import pytest

from router.suggestions import Synonyms, UnknownNameError, closest_match, named, suggestion


@pytest.mark.parametrize(
    ("word", "match"),
    [
        ("severty", "severity"),
        ("unrelated", None),
        ("name", "name"),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_the_closest_match_is_a_similar_name_or_none(word: str, match: str | None) -> None:
    assert closest_match(word, ["severity", "name", "mode"]) == match


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("severty", {"severity", "mode"}, 'did you mean "severity"?'),
        ("x", {"b", "a"}, "there are: a, b"),
        ("x", set(), "there are none"),
        ("x", {f"n{number:02}" for number in range(13)}, "there are: n00, n01,"),
    ],
)
def test_a_suggestion_names_the_closest_match_or_what_exists(
    word: str, known: set[str], expected: str
) -> None:
    assert suggestion(word, known).startswith(expected)


def test_a_suggestion_lists_at_most_twelve_names() -> None:
    listed = suggestion("x", {f"n{number:02}" for number in range(13)})
    assert listed.endswith("n11, …")


@pytest.mark.parametrize(
    ("word", "known", "same", "meant"),
    [
        ("new", {"add", "init"}, "add", "add"),
        ("NEW", {"init"}, "init", "init"),
        ("new", {"news"}, "", "news"),
        ("lint", {"check"}, "check", "check"),
        ("checks", {"check"}, "", "check"),
        ("x", {"check"}, "", ""),
    ],
)
def test_a_word_of_two_rows_means_what_both_have(
    word: str, known: set[str], same: str, meant: str
) -> None:
    synonyms = Synonyms((["new", "create"], ["add"]), (["new"], ["init"]), (["lint"], ["check"]))
    assert (synonyms.same(word, known), synonyms.meant(word, known)) == (same, meant)


def test_what_is_named_is_returned_once_in_the_order_of_the_names() -> None:
    assert named(["b", "a", "b"], {"a": 1, "b": 2}, missing="there is no") == (2, 1)


def test_a_name_that_nothing_has_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r'^there is no letter "aa": did you mean "a"\?$'):
        named(["a", "aa"], {"a": 1}, missing="there is no letter")
