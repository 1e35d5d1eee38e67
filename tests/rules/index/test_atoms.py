"""The formula that the index derives from a condition."""

import pytest

from router.cel import Constant, compile_condition, compile_expression, tree
from router.rules.index.atoms import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyElement,
    Atom,
    Formula,
    Predicate,
    necessary_formula,
)


def written(formula: Formula) -> str:
    """Return a formula as text. An exact atom has a ``!``."""
    if formula == ALWAYS:
        return "always"
    if formula == NEVER:
        return "never"
    if isinstance(formula, Atom):
        path = ".".join("*" if step is AnyElement.ELEMENT else str(step) for step in formula.path)
        value = "" if formula.predicate is Predicate.PRESENT else f" {formula.value!r}"
        return f"{path} {formula.predicate.value}{value}{'!' * formula.exact}"
    joint = " & " if isinstance(formula, AllOf) else " | "
    return f"({joint.join(map(written, formula.parts))})"


@pytest.mark.parametrize(
    ("condition", "formula"),
    [
        ('data.a == "x"', "data.a == 'x'!"),
        ('"x" == message.data.a', "data.a == 'x'!"),
        ('event["type"] == "x"', "type == 'x'!"),
        ("data.a == -2", "data.a == -2!"),
        ("data.a == null", "data.a == None!"),
        ("data.a", "data.a == True!"),
        ("!data.a", "data.a == False!"),
        ('!(data.a != "x")', "data.a == 'x'!"),
        ('data.a != "x"', "(data.a is present)"),
        ("data.a == [1]", "(data.a is present)"),
        ("data.a == data.b", "(data.a is present & data.b is present)"),
        ("data.a in [1, 2]", "(data.a == 1! | data.a == 2!)"),
        ("data.a in []", "never"),
        ("data.a in [1, data.b]", "(data.a is present & data.b is present)"),
        ("!(data.a in [1])", "(data.a is present)"),
        ('"x" in data.tags', "data.tags.* == 'x'!"),
        ("data.a < 3", "data.a < 3!"),
        ("3 < data.a", "data.a > 3!"),
        ("!(data.a < 3)", "data.a >= 3"),
        ("!(3 <= data.a)", "data.a < 3"),
        ('data.a >= "b"', "data.a >= 'b'!"),
        ("data.a > true", "(data.a is present)"),
        ('data.a.startsWith("x")', "data.a starts with 'x'!"),
        ('!data.a.startsWith("x")', "(data.a is present)"),
        ('data.a.contains("x.")', "data.a matches 'x\\\\.'"),
        ('data.a.endsWith("x")', "data.a matches 'x\\\\z'"),
        ('data.a.matches("x+")', "data.a matches 'x+'"),
        ('data.a.matches("^ab c.*")', "data.a starts with 'ab c'"),
        ('data.a.matches("^abc*")', "data.a starts with 'ab'"),
        ('data.a.matches("^a?")', "data.a matches '^a?'"),
        ('data.a.matches("^ab|c")', "data.a matches '^ab|c'"),
        ("has(data.a.b)", "data.a.b is present!"),
        ("!has(data.a.b)", "(data.a is present)"),
        ("size(data.a) > 1", "(data.a is present)"),
        ("data.a + 1 == data.b * 2", "(data.a is present & data.b is present)"),
        ("data.a[0] == 1", "(data.a is present)"),
        ("data.a == 1 && data.b == 2", "(data.a == 1! & data.b == 2!)"),
        ("!(data.a == 1 || data.b < 2)", "((data.a is present) & data.b >= 2)"),
        ("!(data.a != 1 && data.b != 2)", "(data.a == 1! | data.b == 2!)"),
        ("(data.a || data.b) == data.c", "(data.c is present)"),
        (
            "data.a ? data.b : data.c",
            "((data.a == True! & data.b == True!) | (data.a == False! & data.c == True!))",
        ),
        (
            'data.l.exists(x, x.a == "k" && x.b > data.n)',
            "((data.l is present) & (data.l.*.a == 'k' & (data.l.*.b is present & data.n is present)))",
        ),
        ("1 in data.a", "data.a.* == 1"),
        ("data.a == 1u", "(data.a is present)"),
        ('data.?a.orValue("") == "x"', "always"),
        ("data.?a.b.hasValue()", "always"),
        ("timestamp(data.a) < timestamp(data.b)", "(data.a is present & data.b is present)"),
        (
            "data.l.exists(i, x, x == 1 && data.a == 2)",
            "((data.l is present) & (always & data.a == 2))",
        ),
        ("data.l.exists(x, x == 1)", "((data.l is present) & data.l.* == 1)"),
        ("data.l.all(x, x == 1)", "((data.l is present) & always)"),
        ("!data.l.all(x, x != 1)", "((data.l is present) & data.l.* == 1)"),
        ("!data.l.exists(x, x == 1)", "((data.l is present) & always)"),
        ("size(data.l.filter(x, x == data.a)) > 0", "(data.l is present)"),
        ("true", "always"),
        ("false || data.a == 1", "(never | data.a == 1!)"),
        ("event == data", "(data is present)"),
    ],
)
def test_a_condition_says_what_holds_of_single_fields(condition: str, formula: str) -> None:
    assert written(necessary_formula(compile_condition(condition).tree)) == formula


@pytest.mark.parametrize(
    ("condition", "formula"),
    [
        ("late", "data.status == 'late'!"),
        ("!late", "(data.status is present)"),
        ("count > 2 && data.n in few", "(data.count > 2! & (data.n == 1! | data.n == 2!))"),
        (
            "data.l.exists(x, x == 1 && late)",
            "((data.l is present) & (data.l.* == 1 & data.status == 'late'))",
        ),
        ("data.n in many", "(data.n is present)"),
        ("data.n in few_and_lists", "(data.n is present)"),
        ("data.n in customers", "(data.n == 'a'!)"),
        ('customers[data.a] == "gold"', "(data.a is present)"),
        ("few[0] == count", "(data.count is present)"),
    ],
)
def test_names_are_seen_through(condition: str, formula: str) -> None:
    names = {
        "late": compile_expression('data.status == "late"'),
        "count": compile_expression("data.count"),
        "few": Constant([1, 2]),
        "few_and_lists": Constant([1, [2]]),
        "many": Constant(list(range(1000))),
        "customers": Constant({"a": "gold"}),
    }
    assert written(necessary_formula(compile_condition(condition, names).tree)) == formula


def test_each_form_of_the_language_was_thought_of() -> None:
    """A change of the tree needs a look at ``atoms.py``, and then here."""
    forms = {
        kind.__name__: [field for field in kind.__struct_fields__ if field not in PLACE]
        for kind in vars(tree).values()
        if isinstance(kind, type) and issubclass(kind, tree.Node) and kind is not tree.Node
    }
    assert forms == {
        "Binary": ["operator", "left", "right"],
        "Call": ["function", "arguments"],
        "Conditional": ["condition", "then", "otherwise"],
        "Field": ["operand", "name"],
        "ExternalConstant": ["name", "value"],
        "Has": ["operand", "name"],
        "IndexAccess": ["operand", "index"],
        "Let": ["name", "body", "source"],
        "ListLiteral": ["items", "optional"],
        "Literal": ["value"],
        "Logic": ["operator", "parts"],
        "Macro": ["macro", "over", "variables", "body", "condition"],
        "MapLiteral": ["entries", "optional"],
        "Name": ["name"],
        "Negative": ["operand"],
        "Not": ["operand"],
        "OptionalField": ["operand", "name"],
        "OptionalIndexAccess": ["operand", "index"],
    }


PLACE = ("offset", "length")
