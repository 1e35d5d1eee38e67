"""libyaml's syntax errors, explained."""

import pytest
import yaml

from router.configuration.yaml.syntax_errors import explain


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("a:\n\tb: c", "\tb", "YAML does not allow a tab as indentation"),
        ("a: `b`", "`b", "a value cannot begin with a backquote"),
        ("a: @b", "@b", "a value cannot begin with `@`"),
        ("a: %b", "%b", "a value cannot begin with `%`"),
        ("a: b: c", ": c", "unexpected `:`: it is the second one of its line"),
        ("a: b\n c: d", ": d", "unexpected `:`: it is the second one of its line"),
        ("- a\nb: c", "b", "expected `- ` here"),
        ("{a: b\n\nc: d}", "{a", "this map lacks a `}` or a comma"),
        ("[a\n", "[a", "this list lacks a `]` or a comma"),
        ("a: 'b", "'b", "the text that begins here has no closing quote"),
        ("a: b\nc\nd: e", "c", "expected `:` after this key"),
        ("a: [*]", "]", "a `*` or `&` is not text"),
        ("a: *", "", "a `*` or `&` is not text"),
        ("a: [\n", "", "expected a value here"),
        ("a: [b,, c]", ", c]", "expected a value here"),
        ('when: "a == "b""', 'b""', "the text in quotes ends before this"),
        ("when: 'a == 'b''", "b''", "the text in quotes ends before this"),
        ("- when: 'it's'", "s'", "the text in quotes ends before this"),
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> b\n", "<<<", "two versions of the file"),
        ("a: 1\n=======\na: 2\n", "===", "two versions of the file are not merged"),
        ('a: "\\q"', '\\q"', "unknown escape sequence in double quotes"),
    ],
)
def test_a_syntax_error_has_a_position_and_an_explanation(text: str, at: str, message: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        list(yaml.parse(text, Loader=yaml.CSafeLoader))
    offset, explanation = explain(caught.value, text)
    assert explanation.message.startswith(message)
    assert text[offset:].startswith(at)


def test_an_unknown_error_is_quoted() -> None:
    error = yaml.MarkedYAMLError(problem="something new")
    offset, explanation = explain(error, "a")
    assert (offset, explanation.message) == (0, "this is not YAML: something new")
