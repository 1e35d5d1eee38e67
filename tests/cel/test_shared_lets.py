"""How often parts of a tree are evaluated."""

import pytest

from router.cel import Expression, compile_expression
from router.cel.shared_lets import body_size, shared_lets
from router.cel.tree import Let, walk

NAMES: dict[str, Expression] = {"a": compile_expression("data.a + 1")}
NAMES["b"] = compile_expression("a * 2", NAMES)


@pytest.mark.parametrize(
    ("source", "shared"),
    [
        ("data.a", set()),
        ("a", set()),
        ("a + a", {"a"}),
        ("a + b", {"a"}),
        ("b", set()),
        ("b + b", {"b"}),
        ("data.l.all(x, a > x)", {"a"}),
        ("data.l.all(x, b > x)", {"b"}),
        ("[a].all(x, x > 1)", set()),
        ("data.l.map(x, a > x, x)", {"a"}),
    ],
)
def test_a_let_is_shared_if_it_is_used_twice_or_in_a_loop(source: str, shared: set[str]) -> None:
    tree = compile_expression(source, NAMES).tree
    found = shared_lets(tree)

    assert {
        node.name for node in walk(tree) if isinstance(node, Let) and id(node.body) in found
    } == (shared)


@pytest.mark.parametrize(
    ("source", "size"), [("1", 1), ("data.a", 2), ("data.a + 1", 4), ("a", 1), ("a + b", 3)]
)
def test_a_let_counts_as_one_node(source: str, size: int) -> None:
    assert body_size(compile_expression(source, NAMES).tree) == size
