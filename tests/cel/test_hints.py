"""Hints about conditions that are written as in SQL, PromQL, JavaScript or Python."""

import pytest

from router.cel import compile_condition, compile_expression
from router.errors import ConditionError


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("data.a and data.b", "write && for and"),
        ("data.a OR data.b", "write || for or"),
        ("not data.a", "write ! for not"),
        ("data.t > 4h", 'write duration("4h") for a time span'),
        ("data.t > 90 min", 'write duration("90m") for a time span'),
        ("data.t > 2d", 'write duration("48h") for a time span'),
        ("data.t > 1.5h", 'write duration("1.5h") for a time span'),
        ("account_sid == 'x'", "write data.account_sid for a field of the event"),
        ("data.a == late", 'write "late" for the text, or data.late for a field of the event'),
        ("data.a in [late]", 'write "late" for the text, or data.late for a field of the event'),
        ("subject == 'x'", "write event.subject for a field of the event"),
        ("data.a-b == 1", 'write data["a-b"] for a name with a hyphen'),
        ("data.h.x-a-id == 1", 'write data.h["x-a-id"] for a name with a hyphen'),
        ("data.a = 1", "write == to compare"),
        ("data.a === 1", "write == or !="),
        ("data.a !== 1", "write == or !="),
        ("data.a <> 1", "write != for not equal"),
        ("data.a =~ 'x'", 'write data.a.matches("^x")'),
        ("data.a ~ 'x'", 'write data.a.matches("^x")'),
        ("contains(data.a, 'x')", "it is a method: write value.contains(…)"),
        ("data.a contains 'x'", 'write data.a.contains("x")'),
        ("data.a like 'x%'", 'write data.a.contains("x")'),
        ("data.a between 1 and 2", "write data.a >= 1 && data.a <= 2"),
        ("data.a is null", "write == to compare"),
        ("data.a == None", "write null"),
        ("data.a == True", "write true"),
        ("len(data.a) > 1", "write size(data.a)"),
        ("data.a.length() > 1", "write size(data.a)"),
        ("data.a.toLowerCase() == 'x'", "write data.a.lowerAscii()"),
        ("data.a.includes('x')", 'write data.a.contains("x")'),
        ("exists(data.a)", "write has(data.a)"),
        ("isNull(data.a)", "write data.a == null"),
        ("now() > 1", "a condition has no clock"),
        ("data.a in (1, 2)", "write a list: [1, 2]"),
        ("data.a > 1,000", "write a number without commas"),
        ("data.a > 10%", "write the number without %"),
        ("data.a == 1 # x", "write // for a comment"),
        ("data.a == 1;", "a condition is one expression"),
        ("data.a == “x”", "write straight quotes"),
        ("$.a == 1", "write data.a for a field"),
        ("data->a == 1", "write a dot: data.a"),
        ("data.x?.y == 1", "write data.?a"),
        ("data.a ?? 1", "write data.?a.orValue(1)"),
        ("if data.a == 1", "write condition ? value : other value"),
        ("{{ data.a }}", "write the expression without {{ }}"),
        ("data.a.any(x, x == 1)", "write data.a.exists(x, x == 1)"),
        ("any(data.a)", "write data.a.exists(x, x == 1)"),
        ("data.a.some(x => x == 1)", "write data.a.exists(x, x == 1)"),
        ("data.a.every(x, x == 1)", "write data.a.all(x, x > 1)"),
        ("data.get('a') == 1", 'write data["a"]'),
        ("data.a.equals('x')", "write == to compare"),
        ("data.a eq 'x'", "write == to compare"),
        ("data.a gt 1", "write > to compare"),
        ("data.a IN [1]", "write in, in lower case"),
        ("data.a exists", "write has(data.a)"),
        ("return data.a", "write the condition alone"),
        ("abs(data.a) > 1", "write data.a > 1 || data.a < -1"),
        ("min(data.a, 2) > 1", "write data.a < data.b ? data.a : data.b"),
        ("sum(data.a) > 1", "a condition sees one event; the rule's count and measure see many"),
        ("rate(data.a) > 1", "a condition sees one event; the rule's count and measure see many"),
        ("data.a => 1", "write >= to compare"),
        ("severity == 'critical'", "write data.severity for a field of the event"),
        ("data.a == `x`", 'write text in quotes: "x"'),
        ("data.a.matches(/x/)", 'write a pattern as text: data.a.matches("^x")'),
        ("/x/.test(data.a)", 'write a pattern as text: data.a.matches("^x")'),
        ("data.a == 1 /* x */", "write // for a comment"),
        ("data.a.match('x')", 'did you mean "matches"?'),
        ("daat.a == 1", 'did you mean "data"?'),
        ("data.a is not null", "write != to compare"),
        ("data.a IS NOT NULL", "write != to compare"),
        ("data.a not in ['x']", 'write !(data.a in ["x", "y"])'),
        ("data.a NOT LIKE 'x%'", 'write !data.a.contains("x")'),
        ("data.a IN ('x', 'y')", 'write in, in lower case, and a list: data.a in ["x", "y"]'),
        ("data.a =< 1", "write <= to compare"),
        ("= data.a > 1", "write the condition alone, without = before it"),
        ("={{ $json.a > 1 }}", "write the condition alone, without = before it"),
        (".data.a > 1", "write data.a, without a dot before it"),
        ("%data.a% > 1", "write data.a for a field"),
        ("data..a > 1", "write each field's name"),
        ("data.a.*.b > 1", "write data.a.exists(x, x.b == 1)"),
        ("data.a[] | select(.b)", "write data.a.exists(x, x.b == 1)"),
        ("data.a | length > 1", "write size(data.a)"),
        ("data.a | lower == 'x'", "write a method: data.a.lowerAscii()"),
        ("select(data.a > 1)", "write the condition alone"),
        ("data.a[0:2] == [1]", "write data.a[0] for one of a list"),
        ("data.a.count() > 1", "write size(data.a)"),
        ("data.a.contains 'x'", 'write brackets: data.a.contains("x")'),
        ("data.a.exists(x: x > 1)", "write data.a.exists(x, x == 1)"),
        ("[x for x in data.a if x > 1] != []", "write data.a.exists(x, x == 1)"),
        ("lambda x: x > 1", "write data.a.exists(x, x == 1)"),
        ("has(data, 'a')", "write has(data.a)"),
        ("data.has('a')", "write has(data.a)"),
        ("coalesce(data.a, 0) > 1", "write data.?a.orValue(1)"),
        ("default(data.a, 0) > 1", "write data.?a.orValue(1)"),
        ("data.a.isBlank()", "write data.a == null"),
        ("is_null(data.a)", "write data.a == null"),
        ("concat(data.a, 'x') == 'y'", "write data.a + data.b"),
        ("round(data.a) > 1", "write int(data.a)"),
        ("parseInt(data.a) > 1", "write int(data.a)"),
        ("data.a ** 2 > 4", "write data.a * data.a"),
        ("data.a ^ 2 > 4", "write data.a * data.a"),
        ("pow(data.a, 2) > 4", "write data.a * data.a"),
        ("and (data.a > 1) (data.b > 1)", "write data.a > 1 && data.b > 1"),
        ("data.a > 1_000", "write a number without _"),
        ("data.a > 1MB", "write the number of bytes"),
        ("data.a > 100 -- x", "write // for a comment"),
        ("x := data.a", "write the rule's let"),
        ("def f(x): x", "a condition is one expression"),
        ("data::a == 1", "write a dot: data.a"),
        ("(data.a > 1))", "there is no ( for it"),
        ("data.a > 1 data.b > 2", "write && or || between two conditions"),
        ("data.a > 1 event.type == 'x'", "write && or || between two conditions"),
    ],
)
def test_a_condition_of_another_language_gets_a_hint(source: str, hint: str) -> None:
    """Case O13."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(source)

    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("source", ["data['x'] == 1", "data.x == 'true'", "data.and && data.not"])
def test_what_is_valid_is_not_refused(source: str) -> None:
    assert compile_condition(source)


def test_the_position_of_the_error_stays() -> None:
    source = "data.a && data.t > 4h"
    with pytest.raises(ConditionError) as caught:
        compile_expression(source)

    assert source[caught.value.offset :][: caught.value.length] == "h"
