"""The syntax tree: fields of the event, lets, positions."""

import pytest

from router.cel import Constant, compile_expression
from router.cel.tree import Let, Literal, Node, is_json, path, unwrap_lets, walk

NAMES = {
    "info": compile_expression("data.info"),
    "table": Constant({"a": 1}),
}
NAMES["region"] = compile_expression("info.region", NAMES)


def tree(source: str) -> Node:
    return compile_expression(source, NAMES).tree


@pytest.mark.parametrize(
    ("source", "expected", "is_event_field"),
    [
        ("data", ("data",), True),
        ("data.a.b", ("data", "a", "b"), True),
        ("message.data.a", ("message", "data", "a"), True),
        ("region.x", ("data", "info", "region", "x"), True),
        ("data.a[0]", None, False),
        ('data["a"]', None, False),
        ("data.?a", None, False),
        ("table.a", None, False),
        ("1", None, False),
        ("data.a + 1", None, False),
    ],
)
def test_a_plain_field_has_a_path(
    source: str, expected: tuple[str, ...] | None, is_event_field: object
) -> None:
    assert path(tree(source)) == expected
    assert is_json(tree(source)) is is_event_field


def test_lets_are_unwrapped_one_within_another() -> None:
    node = tree("region")

    assert isinstance(node, Let)
    assert not isinstance(unwrap_lets(node), Let)
    assert path(unwrap_lets(node)) == ("data", "info", "region")


def test_a_walk_visits_each_node_in_reading_order_with_its_position() -> None:
    source = "size(data.l.map(x, x > 1, x * 2)) == 3"

    texts = [source[node.offset : node.offset + node.length] for node in walk(tree(source))]

    assert texts == [
        source,
        "size(data.l.map(x, x > 1, x * 2))",
        "data.l.map(x, x > 1, x * 2)",
        "data.l",
        "data",
        *("x > 1", "x", "1"),
        *("x * 2", "x", "2"),
        "3",
    ]


def test_nodes_of_equal_values_are_different_nodes() -> None:
    one, other = (Literal(value=value, offset=0, length=4) for value in (1.0, True))

    assert one != other
    assert len({one, other}) == 2
