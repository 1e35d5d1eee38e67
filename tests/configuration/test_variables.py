"""Substitution of environment variables in scalars."""

from pathlib import Path

import pytest
from support.documents import parse, problems

from router.configuration.variables import (
    EnvironmentVariables,
    Interpolated,
    NoVariables,
    Substitutions,
    escaped_offset,
    unescape,
    variable_names,
)
from router.configuration.yaml.document import Scalar, YamlDocument


def scalar(text: str) -> tuple[YamlDocument, Scalar]:
    document, root = parse(f"'{text}'\n")
    assert isinstance(root, Scalar)
    return document, root


@pytest.mark.parametrize(
    ("text", "expected", "names"),
    [
        ("plain $5", "plain $5", ()),
        ("${A}", "one", ("A",)),
        ("https://${A}:${B}/${A}", "https://one:two/one", ("A", "B", "A")),
        ("$${A}", "${A}", ()),
        ("$$${A}", "$${A}", ()),
    ],
)
def test_variables_are_substituted(text: str, expected: str, names: tuple[str, ...]) -> None:
    document, node = scalar(text)
    variables = EnvironmentVariables(Substitutions({"A": "one", "B": "two"}))
    assert variables.interpolate(node, document) == Interpolated(expected, names)
    assert problems(document) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x ${SECRETT}", "1:4: ${SECRETT} is not set (did you mean ${SECRET}?)"),
        ("x ${Q}", "1:4: ${Q} is not set"),
        ("${EMPTY}", "1:2: ${EMPTY} is not set: it is empty"),
        (
            "${1}",
            "1:2: `${` must be followed by a name and `}` (write ${NAME}, which has no default, or $${ for a literal ${)",
        ),
        (
            "${",
            "1:2: `${` must be followed by a name and `}` (write ${NAME}, which has no default, or $${ for a literal ${)",
        ),
        ("${FILE}", "1:2: ${FILE}: FILE_FILE names a file that is not UTF-8"),
    ],
)
def test_a_variable_without_a_value_is_reported(text: str, expected: str) -> None:
    document, node = scalar(text)
    values = Substitutions({"SECRET": "s", "EMPTY": ""}, {"FILE": "names a file that is not UTF-8"})
    assert EnvironmentVariables(values).interpolate(node, document) is None
    assert problems(document) == [expected]


def test_a_rule_cannot_use_a_variable() -> None:
    document, node = scalar("is ${STAGE}")
    assert NoVariables().interpolate(node, document) is None
    (reported,) = problems(document)
    assert reported == (
        "1:5: ${STAGE}: variables can be used in destinations and in verify of sources only"
        " (write $${STAGE} for the literal text)"
    )


@pytest.mark.parametrize("text", ["costs $${PRICE}", "costs ${", "costs ${5}"])
def test_other_dollar_signs_in_a_rule_are_text(text: str) -> None:
    document, node = scalar(text)
    assert NoVariables().interpolate(node, document) == Interpolated(unescape(text))


@pytest.mark.parametrize(
    ("message", "leaked"),
    [
        ("url: https://c4nary.example/x is not known", ["URL"]),
        ("url: the host c4nary.example is not known", ["URL"]),
        ("url: expected https", []),
        ("unrelated", []),
        ("it is s3cret", ["TOKEN"]),
    ],
)
def test_a_message_with_a_part_of_a_value_is_detected(message: str, leaked: list[str]) -> None:
    document, node = scalar("${URL} ${TOKEN}")
    values = {"URL": "https://c4nary.example/x", "TOKEN": "s3cret", "UNUSED": "unrelated"}
    variables = EnvironmentVariables(Substitutions(values))
    variables.interpolate(node, document)
    assert variables.leaked_variables(message) == leaked


def test_a_missing_variable_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    environ = {"TOKEN_FILE": str(tmp_path / "token"), "GONE_FILE": str(tmp_path / "gone")}
    values = Substitutions.of(["TOKEN", "GONE", "OTHER"], environ)
    assert values.known["TOKEN"] == "from a file"
    assert values.problems == {
        "GONE": "names a file that cannot be read: No such file or directory"
    }


def test_an_empty_variable_gives_way_to_its_file(tmp_path: Path) -> None:
    """Compose and systemd pass on an empty variable where none is meant."""
    (tmp_path / "token").write_text("from a file\n")
    environ = {"TOKEN": "", "TOKEN_FILE": str(tmp_path / "token"), "GONE": "", "GONE_FILE": ""}
    values = Substitutions.of(["TOKEN", "GONE"], environ)
    assert values.known["TOKEN"] == "from a file"
    assert values.problems == {}


def test_a_variable_is_preferred_to_its_file(tmp_path: Path) -> None:
    environ = {"TOKEN": "set", "TOKEN_FILE": str(tmp_path / "gone")}
    assert Substitutions.of(["TOKEN"], environ) == Substitutions(environ)


def test_the_names_of_a_text_are_in_order() -> None:
    assert variable_names("${B} $${C} ${A} ${5} ${B}") == ("B", "A", "B")


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [("ab", 1, 1), ("$${a", 0, 0), ("$${a", 2, 3), ("$${$${a", 4, 6)],
)
def test_an_offset_in_the_unescaped_text_has_one_in_the_escaped_text(
    text: str, offset: int, expected: int
) -> None:
    assert escaped_offset(text, offset) == expected
    assert unescape(text)[offset] == text[expected]
