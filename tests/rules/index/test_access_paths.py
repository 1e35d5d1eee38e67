"""Access paths: which atoms the index chooses to find a condition by."""

import pytest

from router.cel import compile_condition
from router.rules.index.access_paths import AccessPath, Selectivity
from router.rules.index.atoms import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyOf,
    Atom,
    Formula,
    Predicate,
    necessary_formula,
)


def formula(condition: str) -> Formula:
    return necessary_formula(compile_condition(condition).tree)


def shown(path: AccessPath | None) -> str | None:
    """Return an access path as text. An exact one has a ``!``."""
    if path is None:
        return None
    atoms = [
        f"{'.'.join(map(str, atom.path[1:]))} {atom.predicate.value} {atom.value!r}"
        for atom in path.atoms
    ]
    return " | ".join(atoms) + "!" * path.exact


def chosen(condition: str, *others: str) -> str | None:
    """Return the access path of a condition that is indexed with others."""
    selectivity = Selectivity(map(formula, (condition, *others)))
    return shown(selectivity.choose(formula(condition)))


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ('data.a == "x"', "a == 'x'!"),
        ("data.a in [1, 2]", "a == 1 | a == 2!"),
        ("data.a in [1, 1.0]", "a == 1!"),
        ("data.a in [1, true]", "a == 1 | a == True!"),
        ("data.a in [0.0, false, -0.0]", "a == 0.0 | a == False!"),
        ("data.a > 3", "a > 3!"),
        ('data.a.matches("x")', "a matches 'x'"),
        ("data.a", "a == True!"),
        ("data.a != 1", "a is present None"),
        ("data.a > 3 || data.b > 3", "a > 3 | b > 3!"),
        ("data.a > 3 || data.b != 3", "a > 3 | b is present None"),
        ("true", None),
        ("data.a == 1 || true", None),
        ("!(data.a == 1 && false)", None),
        ("false", "!"),
        ("false || data.a == 1", "a == 1!"),
    ],
)
def test_a_condition_alone(condition: str, path: str | None) -> None:
    assert chosen(condition) == path


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ('data.a == "x"', 'data.b.startsWith("x")'),
        ('data.b.startsWith("x")', 'data.c.matches("x")'),
        ('data.c.matches("x")', "data.d > 3"),
        ("data.d > 3", "has(data.e)"),
        ("data.a == 1", "data.b in [1, 2]"),
        ("data.d > 3", "data.a in [1, 2, 3, 4, 5]"),
    ],
)
def test_of_two_atoms_the_more_selective_is_chosen(better: str, worse: str) -> None:
    alone = str(chosen(better)).removesuffix("!")

    assert chosen(f"{better} && {worse}") == alone
    assert chosen(f"{worse} && {better}") == alone


def test_of_two_equalities_the_one_that_fewer_conditions_share_is_chosen() -> None:
    condition = 'data.status == "late" && data.account == "7"'
    others = [f'data.status == "late" && data.account == "{number}"' for number in range(7)]

    assert chosen(condition, *others) == "account == '7'"


def test_a_rare_threshold_is_chosen_over_an_equality_that_many_conditions_share() -> None:
    condition = "data.a == 1 && data.b > 3"

    assert chosen(condition, *["data.a == 1"] * 4) == "b > 3"
    assert chosen(condition, *["data.a == 1"] * 2) == "a == 1"


def test_thresholds_of_a_field_count_together_and_equalities_apart() -> None:
    thresholds = [f"data.b > {number}" for number in range(10)]
    equalities = [f"data.a == {number}" for number in range(2, 12)]

    assert chosen("data.a == 1 && data.b > 3", *equalities) == "a == 1"
    assert chosen("has(data.c) && data.b > 3", *thresholds) == "c is present None"


def test_a_bool_and_a_number_count_apart_and_two_ways_to_write_a_number_together() -> None:
    condition = "data.a == true && data.b == 1"

    assert chosen(condition, *["data.a == 1"] * 3, "data.b == 1.0") == "a == True"
    assert chosen(condition, "data.a == true", *["data.a == 1"] * 3) == "b == 1"


def test_a_branch_that_nothing_restricts_leaves_a_disjunction_unrestricted() -> None:
    assert chosen('data.a == "x" || !has(data.b.c) || data.?c.orValue(true)') is None


def test_each_branch_of_a_disjunction_has_its_own_atom() -> None:
    condition = 'data.a == "x" && data.n > 1 || data.b == "y" && data.n > 2'

    assert chosen(condition) == "a == 'x' | b == 'y'"


ATOM = Atom(("data", "a"), Predicate.EQUAL, "x", exact=True)


@pytest.mark.parametrize(
    ("formula", "path"),
    [
        (ALWAYS, None),
        (NEVER, AccessPath((), exact=True)),
        (ATOM, AccessPath((ATOM,), exact=True)),
        (AllOf((ATOM,)), AccessPath((ATOM,), exact=True)),
        (AllOf((ATOM, ALWAYS)), AccessPath((ATOM,), exact=False)),
        (AllOf((ATOM, NEVER)), AccessPath((), exact=False)),
        (AnyOf((ATOM, ATOM)), AccessPath((ATOM,), exact=True)),
        (AnyOf((ATOM, ALWAYS)), None),
        (AnyOf((AllOf((ATOM, ALWAYS)), NEVER)), AccessPath((ATOM,), exact=False)),
    ],
)
def test_formulas(formula: Formula, path: AccessPath | None) -> None:
    assert Selectivity([formula]).choose(formula) == path


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (1, True, False),
        (0, False, False),
        (1.0, True, False),
        (-0.0, False, False),
        (1, 1.0, True),
        (0, -0.0, True),
        (True, True, True),
        ("1", 1, False),
        (None, False, False),
        (2**53 + 1, float(2**53), False),
    ],
)
def test_atoms_are_equal_if_their_constants_are_in_cel(
    one: object,
    other: object,
    are_equal: bool,  # noqa: FBT001
) -> None:
    atoms = [Atom(("a",), Predicate.EQUAL, value) for value in (one, other)]

    assert (atoms[0] == atoms[1]) is are_equal
    assert len(set(atoms)) == 2 - are_equal
