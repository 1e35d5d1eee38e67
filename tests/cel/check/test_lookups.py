"""Look-ups of a key that the table lacks: what they read as, and what is warned of."""

import pytest

from router.cel import Constant, Names, compile_condition, compile_expression
from router.cel.check.lookups import unguarded_lookups
from router.cel.values import LookupTable

TABLE = LookupTable({"AC1": {"tier": "gold", "limit": 3}}, ("tier", "limit"))
NAMES: Names = {"tables": Constant({"t": TABLE})}
NAMES = {**NAMES, "row": compile_expression("tables.t[data.sid]", NAMES)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("row.tier == 'gold'", [True, False]),
        ("row.tier != 'gold'", [False, True]),
        ("row.tier == null", [False, True]),
        ("(row.tier == 'gold' ? 1 : 5) <= 3", [True, False]),
        ("row.tier in ['gold', null]", [True, True]),
        ("data.sid in tables.t", [True, False]),
        ("!(data.sid in tables.t)", [False, True]),
        ("tables.t[?data.sid].hasValue()", [True, False]),
        ("tables.t[?data.sid].limit.orValue(9) > 5", [False, True]),
        ("row.limit > 1", [True, None]),
        ("size(tables.t) == 1", [True, True]),
        ("tables.t.exists(k, k == data.sid)", [True, False]),
        ("type(tables.t) == map", [True, True]),
        ("row == {'tier': null, 'limit': null}", [False, True]),
        ("row.nothing == null", [None, None]),
        ("tables.t[data.nothing].tier == null", [None, None]),
        ("tables.nothing[data.sid].tier == null", [None, None]),
    ],
)
def test_a_missing_row_reads_as_nulls(source: str, expected: list[bool | None]) -> None:
    """Case R15."""
    condition = compile_condition(source, NAMES)
    verdicts = {"match": True, "no match": False, "error": None}

    assert [
        verdicts[condition.verdict({"data": {"sid": sid}}).value] for sid in ("AC1", "AC2")
    ] == expected


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("data.n > row.limit", "row.limit"),
        ("data.x == 1 && row.limit + 1 > 3", "row.limit"),
        ("row.tier.startsWith('g')", "row.tier"),
        ("tables.t[data.sid].limit < 3", "tables.t[data.sid].limit"),
        ("-row.limit < 3", "row.limit"),
        ("data.l.exists(x, x > row.limit)", "row.limit"),
    ],
)
def test_a_look_up_that_fails_without_the_row_is_reported(source: str, part: str) -> None:
    """Case R15."""
    (problem,) = unguarded_lookups(source, compile_condition(source, NAMES).tree)

    assert source[problem.offset : problem.offset + problem.length] == part
    assert problem.is_warning
    assert "the table t lacks" in problem.message
    assert "KEY in tables.t && " in problem.hint


@pytest.mark.parametrize(
    "source",
    [
        "row.tier == 'gold'",
        "(row.tier == 'gold' ? 1 : 5) < data.n",
        "data.sid in tables.t && data.n > row.limit",
        "!(data.sid in tables.t) || data.n > row.limit",
        "row.limit != null && data.n > row.limit",
        "tables.t[?data.sid].limit.orValue(9) < 3",
        "type(row.limit) == int",
        "data.n > 3",
    ],
)
def test_a_guarded_look_up_is_fine(source: str) -> None:
    assert unguarded_lookups(source, compile_condition(source, NAMES).tree) == []
