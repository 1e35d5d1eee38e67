"""Generated functions: constants, variables and nothing else."""

from typing import Any

import pytest

from router.cel import python_ast as py
from router.cel.python_ast import FunctionBuilder, PyConstant, PyReturn, load


def built(builder: FunctionBuilder, result: Any) -> Any:
    return builder.function("made", ("x", "y"), [PyReturn(result)])


@pytest.mark.parametrize("value", [True, 1, 1.0, False, 0, 0.0, -0.0, None, "a", [1], {"a": 1}])
def test_a_constant_is_the_object_itself(value: Any) -> None:
    builder = FunctionBuilder()
    others = [builder.constant(each) for each in (True, 1, 1.0, False, 0, -0.0)]

    made = built(builder, py.list_of([builder.constant(value), *others]))

    assert made(None, None)[0] is value


def test_equal_constants_of_different_classes_stay_different() -> None:
    values = [True, 1, 1.0, False, 0, 0.0, -0.0]

    made = built(FunctionBuilder(), py.list_of([PyConstant(value) for value in values]))

    assert list(map(repr, made(None, None))) == list(map(repr, values))


def test_temporaries_have_different_names() -> None:
    builder = FunctionBuilder()
    first, second = builder.temporary(), builder.temporary()
    pair = py.tuple_of([py.walrus(first, load("x")), py.walrus(second, load("y"))])

    assert built(builder, py.subscript(pair, PyConstant(1)))("a", "b") == "b"
    assert first != second


def test_a_function_has_no_builtins() -> None:
    made = built(FunctionBuilder(), load("open"))

    with pytest.raises(NameError):
        made(None, None)


def test_logic_comparisons_and_functions() -> None:
    builder = FunctionBuilder()
    is_int = builder.is_class(load("x"), int)
    length = builder.call(len, load("y"))

    made = built(builder, py.tuple_of([py.all_of(is_int, length), py.any_of(is_int, length)]))

    assert made(True, "ab") == (False, 2)
    assert made(1, "") == (0, True)
    assert built(FunctionBuilder(), py.lambda_of(load("z"), "z"))(0, 0)(5) == 5
