"""The fields that an expression reads."""

import pytest

from router.cel import compile_expression
from router.cel.paths_read import paths_read
from router.field_paths import Each

NAMES = {"call": compile_expression("data.call"), "few": compile_expression("size(data.legs) < 3")}


def shown(source: str) -> list[str]:
    paths = paths_read(compile_expression(source, NAMES).tree)
    return sorted(".".join("*" if step is Each.MEMBER else step for step in path) for path in paths)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("1 == 1", []),
        ('event.subject == "x"', ["subject"]),
        ("data.a.b > 3 && message.data.c", ["data.a.b", "data.c"]),
        ('data["a b"] == 1', ["data.a b"]),
        ("has(data.a.b)", ["data.a.b"]),
        ("data.?a.b.orValue(1) == 1", ["data.a.b"]),
        ("event", [""]),
        ("data == null", ["data"]),
        ("data.a[0].b", ["data.a.*.b"]),
        ("data.a[data.n].b", ["data.a", "data.n"]),
        ("(data.y ? data.a : data.b).c", ["data.a", "data.b", "data.y"]),
        ("call.from == data.to", ["data.call.from", "data.to"]),
        ("few", ["data.legs"]),
        ("data.a.exists(x, x.b == data.c)", ["data.a.*.b", "data.c"]),
        ("data.a.exists(x, x)", ["data.a.*"]),
        ("data.a.exists(x, true)", ["data.a"]),
        ("data.a.exists(x, x.b.exists(y, y.c > x.d))", ["data.a.*.b.*.c", "data.a.*.d"]),
        ("data.a.exists(i, x, x.b > i)", ["data.a.*.b"]),
        ("data.a.filter(x, x.b).exists(x, x.c)", ["data.a.*.b", "data.a.*.c"]),
        ("size(data.a.filter(x, x.b)) > 1", ["data.a.*.b"]),
        ("data.a.filter(x, x.b)[0].c", ["data.a", "data.a.*.b"]),
        ("data.a.map(x, x.b).exists(y, y == 1)", ["data.a.*.b"]),
    ],
)
def test_the_paths_are_those_that_the_value_depends_on(source, paths):
    assert shown(source) == paths
