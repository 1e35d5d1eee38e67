"""``let`` and ``labels`` of a rule."""

import pytest
from support.documents import parse, problems

from router.cel import Expression
from router.configuration.readers.labels import LabelsReader
from router.configuration.yaml.document import MapNode

EVENT = {"id": "1", "data": {"a": {"b": 5}, "tier": "gold"}}


def lets(text: str) -> tuple[dict[str, object], list[str]]:
    """Return the value of each ``let`` for EVENT, and the reported problems."""
    document, root = parse(text)
    assert isinstance(root, MapNode)
    read = LabelsReader(document, {}).lets(root)
    return {name: each.value(EVENT) for name, each in read.items()}, problems(document)


def labels(text: str, names: str = "{}") -> tuple[dict[str, object], list[str]]:
    """Return the value of each label for EVENT, and the reported problems."""
    document, root = parse(text)
    assert isinstance(root, MapNode)
    reader = LabelsReader(document, {})
    _, let = parse(names)
    reader.lets(let)
    read = reader.labels(root)
    return {
        name: each.value(EVENT) if isinstance(each, Expression) else each
        for name, each in read.items()
    }, problems(document)


def test_a_let_can_use_the_names_above_it() -> None:
    values, reported = lets("b: data.a.b\ndouble: b * 2\n")
    assert (values, reported) == ({"b": 5, "double": 10}, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data: 1", "1:1: let: 'data' "),
        ("loop: data.x", "1:1: let: 'loop' "),
        ("alert: data.x", "1:1: let: the name 'alert' is reserved or already defined"),
        ("1a: data.x", "1:1: let: "),
        ("a: data.x +", "1:"),
        ("b: a\na: data.x", "(a let can use only the names above it)"),
        ("a: a", "(a let can use only the names above it)"),
    ],
)
def test_a_wrong_let_is_reported(text: str, expected: str) -> None:
    _, (reported,) = lets(text + "\n")
    assert reported.startswith(expected) or reported.endswith(expected)


def test_the_uses_of_a_wrong_let_are_not_reported_too() -> None:
    _, reported = lets("a: data.x +\nb: a.y\nc: a.z + b\n")
    assert len(reported) == 1


def test_a_let_has_at_most_fifty_names() -> None:
    _, reported = lets("".join(f"n{number}: data.x\n" for number in range(51)))
    assert reported == ["51:1: let has more than 50 names"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("team: voice", "voice"),
        ("team: costs $${X}", "costs ${X}"),
        ("team: '{{ data.tier }}'", "gold"),
        ("team: '  {{ data.tier }}  '", "gold"),
        ("team: \"{{ 'tier-' + tier }}\"", "tier-gold"),
    ],
)
def test_a_label_is_text_or_an_expression(text: str, value: str) -> None:
    assert labels(text, "tier: data.tier") == ({"team": value}, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("severity: x", '1:1: "severity" cannot be a label, because every alert has it already'),
        ("te-am: x", '1:1: "te-am" cannot be a label: expected at most 64 letters, digits and _'),
        ("team: ''", "1:7: expected a label of 1 to 256 characters"),
        ("team: a {{ b }}", "1:9: a label must be either text or one expression in {{ }}"),
        ("team: '{{ a }}-{{ b }}'", "1:8: a label must be either text or one expression in {{ }}"),
        ("team: '{{ data. }}'", "1:"),
    ],
)
def test_a_wrong_label_is_reported(text: str, expected: str) -> None:
    _, (reported,) = labels(text + "\n")
    assert reported.startswith(expected)


def test_an_error_in_an_expression_has_its_position() -> None:
    _, (reported,) = labels("team: '{{ data.tier + nothing }}'\n")
    assert reported.startswith("1:23: ")
