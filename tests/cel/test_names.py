"""Names: expressions and values that a condition uses by name."""

from collections.abc import Mapping
from typing import Any

import pytest

from router.cel import (
    ERROR,
    ConditionError,
    Constant,
    Expression,
    Names,
    Verdict,
    compile_condition,
    compile_expression,
    compile_match,
)
from router.cel.tree import Binary, Call, Let, path, walk

CUSTOMERS = {"AC1": {"owner": "Ada", "tier": "gold", "limit": 3}}
EVENT = {"id": "1", "data": {"account_sid": "AC1", "issues": 5, "tags": ["a", "b"]}}


def names(**sources: str) -> Names:
    """Return lets, each of which may use the lets before it, and a table ``customers``."""
    known: dict[str, Expression | Constant] = {"customers": Constant(CUSTOMERS)}
    for name, source in sources.items():
        known[name] = compile_expression(source, known)
    return known


LETS = names(
    issues="data.issues",
    customer="customers[data.account_sid]",
    is_gold='customer.tier == "gold"',
    lacking="data.lacking.at_all",
    tags="data.tags",
)


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("issues >= 3", Verdict.MATCH),
        ("issues > customer.limit && issues < 6", Verdict.MATCH),
        ("is_gold && customer.owner == 'Ada'", Verdict.MATCH),
        ("!is_gold", Verdict.NO_MATCH),
        ("customers.AC1.owner == 'Ada'", Verdict.MATCH),
        ("'AC2' in customers", Verdict.NO_MATCH),
        ("customers['AC2'].owner == 'Ada'", Verdict.ERROR),
        ("lacking == 1 || is_gold", Verdict.MATCH),
        ("lacking == 1", Verdict.ERROR),
        ("has(customer.owner) && !has(customer.phone)", Verdict.MATCH),
        ("data.tags.all(t, is_gold && t in tags && issues == 5)", Verdict.MATCH),
        ("(is_gold ? issues : 0) + issues == 10", Verdict.MATCH),
    ],
)
def test_a_name_is_what_it_stands_for(source: str, verdict: Verdict) -> None:
    assert compile_condition(source, LETS).verdict(EVENT) is verdict


def test_a_table_is_a_value_that_can_be_computed_with() -> None:
    assert compile_expression("customer.limit + 1", LETS).value(EVENT) == 4
    assert compile_expression("customers['AC9'].limit", LETS).value(EVENT) is ERROR


def test_the_variable_of_a_macro_and_one_within_a_let_are_two() -> None:
    known = names(loud="data.tags.exists(x, x == 'a')")

    condition = compile_condition("[1, 2].all(x, loud && x < 3) && loud", known)

    assert condition.verdict(EVENT) is Verdict.MATCH


@pytest.mark.parametrize(
    ("mapping", "verdict"),
    [
        ({"issues": {">=": 3}, "customer.tier": "gold"}, Verdict.MATCH),
        ({"is_gold": False}, Verdict.NO_MATCH),
        ({"customer.phone": {"exists": False}}, Verdict.MATCH),
    ],
)
def test_match_takes_names_for_fields(mapping: Mapping[str, Any], verdict: Verdict) -> None:
    assert compile_match(mapping, LETS).verdict(EVENT) is verdict


def test_exists_asks_for_a_field_of_a_name() -> None:
    with pytest.raises(ConditionError, match="exists needs a field"):
        compile_match({"issues": {"exists": True}}, LETS)


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("issuez >= 3", "there is no 'issuez'", 'did you mean "issues"?'),
        ("data.tags.all(issues, true)", "expects a new variable's name", ""),
        ("data.issues >= xissues", "there is no 'xissues'", 'did you mean "issues"?'),
        ("issues + 1", "must be true or false", ""),
    ],
)
def test_a_wrong_name_is_refused(source: str, message: str, hint: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, LETS)

    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["data", "event", "message", "null", "in", "for", "a-b", "", "ä"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition("true", {name: Constant(1)})


def test_the_tree_shows_what_a_name_stands_for() -> None:
    tree = compile_condition("issues >= 3", LETS).tree

    assert isinstance(tree, Binary)
    assert path(tree.left) == ("data", "issues")
    assert path(compile_expression("tags.x", LETS).tree) == ("data", "tags", "x")


def test_an_explanation_shows_the_parts_of_a_name_and_the_name_once() -> None:
    condition = compile_condition("is_gold && customer.limit < issues || is_gold", LETS)

    steps = [(step.text, step.value) for step in condition.explain(EVENT)]

    assert steps == [
        ("data.account_sid", "AC1"),
        ("customers[data.account_sid]", CUSTOMERS["AC1"]),
        ("customer", CUSTOMERS["AC1"]),
        ("customer.tier", "gold"),
        ('customer.tier == "gold"', True),
        ("is_gold", True),
        ("customer.limit", 3),
        ("data.issues", 5),
        ("issues", 5),
        ("customer.limit < issues", True),
    ]


def test_an_error_names_the_names_that_lead_to_it() -> None:
    known = names(owner="customers[data.lacking].owner", is_ada="owner == 'Ada'")

    reason = compile_condition("is_ada", known).reason(EVENT)

    assert reason == "is_ada: owner: no such field: data.lacking"


def test_a_name_that_is_used_often_is_computed_once() -> None:
    event = {"data": {"many": list(range(4000))}}
    known = names(total="size(data.many.filter(x, x > 5))")

    condition = compile_condition("total + total + total + total + total > 0", known)

    # Five times 4,000 iterations would exceed the budget.
    assert condition.verdict(event) is Verdict.MATCH


def test_names_that_use_each_other_twice_do_not_double_the_code_each_time() -> None:
    sources = {"n0": "data.issues"}
    for number in range(1, 12):
        sources[f"n{number}"] = f"n{number - 1} + n{number - 1}"
    known = names(**sources)

    assert compile_expression("n11", known).value(EVENT) == 5 * 2**11
    with pytest.raises(ConditionError, match="names expanded"):
        names(**sources, n12="n11 + n11", n13="n12 + n12", n14="n13 + n13")


def test_names_upon_names_end_at_a_depth() -> None:
    sources = {"n0": "data.issues"}
    sources |= {f"n{number}": f"n{number - 1} + 1" for number in range(1, 300)}

    with pytest.raises(ConditionError, match="nested too deeply"):
        names(**sources)


def test_a_condition_holds_its_names_in_its_tree() -> None:
    tree = compile_condition("is_gold && customer.owner.startsWith('A')", LETS).tree

    found = {node.name for node in walk(tree) if isinstance(node, Let)}

    assert found == {"is_gold", "customer"}
    assert any(isinstance(node, Call) for node in walk(tree))
