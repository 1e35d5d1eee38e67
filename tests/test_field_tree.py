"""Paths of fields as a tree."""

import pytest

from router.field_paths import parse_field_path
from router.field_tree import FieldTree


def is_end(paths: list[str], *names: str) -> bool:
    """Whether a path ends at the field that these names lead to."""
    tree: FieldTree | None = FieldTree.of(map(parse_field_path, paths))
    for name in names:
        tree = tree.member(name) if tree is not None else None
    return tree is not None and tree.is_end


@pytest.mark.parametrize(
    ("paths", "names", "expected"),
    [
        (["data.a"], ("data", "a"), True),
        (["data.a"], ("data",), False),
        (["data.a"], ("data", "b"), False),
        (["data.*"], ("data", "b"), True),
        (["data.*.x", "data.a.y"], ("data", "a", "x"), True),
        (["data.*.x", "data.a.y"], ("data", "a", "y"), True),
        (["data.*.x", "data.a.y"], ("data", "b", "y"), False),
        (["data.*.*.x", "data.a.*.y"], ("data", "a", "c", "x"), True),
        (["data.*.*.x", "data.a.*.y"], ("data", "a", "c", "y"), True),
        (["data.*.b.x", "data.a.b.y"], ("data", "a", "b", "x"), True),
    ],
)
def test_a_member_follows_all_paths_that_lead_to_it(
    paths: list[str], names: tuple[str, ...], *, expected: bool
) -> None:
    assert is_end(paths, *names) is expected
