"""The language beyond the page's examples: literals, limits of types, errors in macros."""

import pytest

from router.cel import ERROR, ConditionError, compile_expression

EVENT = {
    "id": "e1",
    "data": {
        "list": [1, 2, 3],
        "map": {"a": 1, "b": None},
        "text": "abc",
        "nothing": None,
        "moment": "2025-03-30T00:30:00Z",
        "midnight": "2025-03-30T24:00:00Z",
        "half": "\ud800",
        "enormous": 10**400,
    },
}


def value(source: str) -> object:
    return compile_expression(source).value(EVENT)


def is_true(source: str) -> bool:
    return value(source) is True


@pytest.mark.parametrize(
    "source",
    [
        r"'\a\b\f\n\r\t\v\\\?\"\'\`' == '\x07\x08\x0c\x0a\x0d\x09\x0b\x5c\x3f\x22\x27\x60'",
        r"'\u00e9\U0001F431\351' == 'é🐱é'",
        r"r'\n' == '\\n' && R'\n'.size() == 2",
        r"'''a'b''c''' == 'a\'b\'\'c'",
        '"""a\nb""" == "a\\nb"',
        "r'''\\''' == '\\\\'",
        "'''\\'''' == \"'\"",
        r"b'\xff\377' == b'\xFF\xff' && b'é' == bytes('é') && br'\n' == b'\\n'",
        "0x1F == 31 && -0x1F == -31 && 0xFFu == 255u",
        "1e3 == 1000.0 && .5 == 0.5 && 1.5E-1 == 0.15",
        "-9223372036854775808 < 0 && 18446744073709551615u > 0u",
        "[1, 2,] == [1, 2] && {'a': 1,} == {'a': 1}",
        "{'a-b': 1}.`a-b` == 1 && has({'a.b': 1}.`a.b`)",
        "data.list.size() == 3 // and so on",
    ],
)
def test_literals(source: str) -> None:
    assert is_true(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (r"b'\u00e9'", "there is no escape"),
        (r"'\ud800'", "there is no such character"),
        (r"'\U00110000'", "there is no such character"),
        (r"'\18'", "there is no escape"),
        ("'a\nb'", "unexpected character"),
        ("`a`", "expected a value"),
        ("data.`a;b`", "unexpected character"),
        ("1.5u", "should end here"),
        ("data.a.int()", "there is no method"),
        ("timestamp('2025-10-14')", "not a timestamp"),
        ("duration('1 hour')", "not a duration"),
        ("optional.maybe(1)", "there is no 'optional'"),
        ("[1].transformList(x, x)", "expected ',' after the variable"),
        ("data.?a()", "should end here"),
    ],
)
def test_what_is_refused(source: str, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        compile_expression(source)


@pytest.mark.parametrize(
    "source",
    [
        "{1: 'a'}[1] == 'a' && {1: 'a'}[1u] == 'a' && {1: 'a'}[1.0] == 'a'",
        "{true: 'a', 1: 'b'}[true] == 'a' && !(1 in {true: 'a'}) && !(true in {1: 'a'})",
        "{1: 2} == {1u: 2.0} && {1: 2} != {true: 2}",
        "{true: 1, 'a': 2}.all(k, k == true || k == 'a')",
        "{1: 'x'}.transformMap(k, v, k) == {1: 1}",
        "1 == 1u && 1u == 1.0 && 1u < 2 && 2.5 > 2u && 1u in [1]",
        "type(1u) == uint && type(1) != type(1u) && type(type(1)) == type",
        "b'a' < b'b' && b'a' + b'b' == b'ab' && size(b'é') == 2",
        "7u / 2u == 3u && 7u % 4u == 3u && 2u - 1u == 1u",
        "[1, [2.0, {'a': null}]] == [1.0, [2, {'a': null}]]",
        "1 in [true, 1.0] && !(1 in [true]) && !(false in [0]) && null in [null] && !(null in [0])",
        "!([0.0 / 0.0].exists(x, x in [x])) && [1] in [[1.0]] && !({'a': 1} in [1])",
        "0.0 == -0.0 && 0.0 / 0.0 != 0.0 / 0.0",
        "int('-42') == -42 && uint('42') == 42u && double('1e3') == 1000.0 && !bool('f')",
        "string(1.5) == '1.5' && string(b'abc') == 'abc' && string(true) == 'true'",
        "string(-0.5) == '-0.5' && string(1.0 / 0.0) == '+Inf'",
    ],
)
def test_types_of_their_own(source: str) -> None:
    assert is_true(source)


@pytest.mark.parametrize(
    "source",
    [
        "{1.5: 2}",
        "{null: 1}",
        "{1: 'a', 1u: 'b'}",
        "{'a': 1, 'a': 2}",
        "data.map[null]",
        "null in data.map",
        "data.list['a']",
        "data.list[0.5]",
        "2u - 3u",
        "1u + 1",
        "-(1u)",
        "-true",
        "7 % 0",
        "7u / 0u",
        "int(9223372036854775807.0)",
        "int('9223372036854775808')",
        "int(' 5')",
        "uint('-0')",
        "string(null)",
        "string(b'\\xff')",
        "size(5)",
        "'a' + 1",
        "[1] + 'a'",
        "data.list.map(x, x.y)",
        "data.text.substring(2, 1)",
        "data.text.substring(0, data.nothing)",
        "data.text.charAt(4)",
        "data.text.indexOf('a', -1)",
        "data.text.lastIndexOf('a', data.nothing)",
        "data.text.split(1)",
        "['a', 1].join('')",
        "data.text.replace('a', 'b', 1.0)",
        "double(data.enormous)",
        "double(null)",
        "bytes(data.half)",
        "data.half.matches('a')",
        "timestamp(data.midnight)",
        "optional.none().x.value()",
    ],
)
def test_what_has_no_value(source: str) -> None:
    assert value(source) is ERROR


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.list.exists(i, v, i == 2 && v == 3)", True),
        ("data.list.exists(i, v, v / i == 2 || v == 3)", True),
        ("data.list.exists(i, v, v / i == 17)", ERROR),
        ("data.list.all(i, v, v > i)", True),
        ("data.list.all(i, v, v / i > 5)", False),
        ("data.map.existsOne(k, v, v == null)", True),
        ("data.list.exists_one(x, x.y)", ERROR),
        ("data.list.transformList(i, v, v / i)", ERROR),
        ("data.list.transformList(i, v, i, v)", ERROR),
        ("data.map.transformMap(k, v, v == null, k)", {"b": "b"}),
        ("data.list.transformMap(i, v, v) == {0: 1, 1: 2, 2: 3}", True),
        ("data.text.all(c, true)", ERROR),
        ("data.nothing.exists(k, v, true)", ERROR),
        ("data.list.map(x, data.list.map(y, x * y)) == [[1, 2, 3], [2, 4, 6], [3, 6, 9]]", True),
        ("data.list.map(i, data.list.transformList(j, w, i + w)[0])", [2, 3, 4]),
    ],
)
def test_macros(source: str, expected: object) -> None:
    found = value(source)

    assert found is expected if expected is ERROR else found == expected


@pytest.mark.parametrize(
    "source",
    [
        "data.?map.?b.hasValue() && data.?map.?b.value() == null",
        "!data.?map.?c.hasValue() && has(data.?map.a) && !has(data.?lacking.a)",
        "data.list[?0].value() == 1 && data.map[?'c'].or(data.map[?'a']).value() == 1",
        "data.?map['a'].value() == 1 && !data.?lacking['a'].hasValue()",
        "data.?list.orValue([]).exists(x, x == 3)",
        "optional.of(1) == optional.of(1.0) && optional.none() == data.?lacking",
        "optional.of(1) != optional.none() && optional.of(1) != 1",
        "data.?lacking.optMap(x, x + 1) == optional.none()",
        "data.?map.optMap(m, data.list.all(x, m.a < 2)).value()",
        "optional.of(optional.none()).hasValue()",
        "!optional.none().x.hasValue() && data.enormous > 1e308",
        "!optional.ofNonZeroValue(0u).hasValue() && optional.ofNonZeroValue(1u).hasValue()",
        "data.?text.orValue(data.lacking) == 'abc'",
    ],
)
def test_optionals(source: str) -> None:
    assert is_true(source)


@pytest.mark.parametrize(
    "source",
    [
        "data.?text.?a",
        "data.?list['a']",
        "data.?list[9]",
        "data.list[?'a']",
        "data.lacking.?a",
        "data.?lacking.value()",
        "data.text.orValue('x')",
        "data.?lacking.or('x')",
        "data.?lacking.orValue(data.lacking)",
        "[?1]",
        "{?'a': 1}",
        "optional.of(data.lacking)",
        "data.text.optMap(x, x)",
    ],
)
def test_optionals_that_are_errors(source: str) -> None:
    assert value(source) is ERROR


@pytest.mark.parametrize(
    "source",
    [
        "timestamp('2024-02-29T23:59:60Z') == timestamp('2024-03-01T00:00:00Z')",
        "timestamp('2025-01-01t00:00:00z').getFullYear() == 2025",
        "timestamp('1969-12-31T23:59:59.999Z').getMilliseconds() == 999",
        "string(timestamp('0001-01-01T00:00:00.5Z')) == '0001-01-01T00:00:00.500Z'",
        "string(duration('-1.5s')) == '-1.500s' && string(duration('1ns')) == '0.000000001s'",
        "timestamp(data.moment).getHours('Europe/Berlin') == 1",
        "(timestamp(data.moment) + duration('1h')).getHours('Europe/Berlin') == 3",
        "timestamp(data.moment).getHours('-00:45') == 23",
        "timestamp(data.moment).getDayOfWeek('America/New_York') == 6",
        "duration('-90m').getHours() == -1 && duration('1.5h').getMinutes() == 90",
        "duration('1h') - duration('30m') == duration('1800s')",
        "timestamp(data.moment) - timestamp('2025-03-29T00:30:00Z') == duration('24h')",
        "int(timestamp('1969-12-31T23:59:59.5Z')) == -1",
        "duration('0') == duration('0s') && timestamp(timestamp(5)) == timestamp(5)",
    ],
)
def test_time(source: str) -> None:
    assert is_true(source)


@pytest.mark.parametrize(
    "source",
    [
        "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
        "timestamp('0001-01-01T00:00:00Z') - duration('1ns')",
        "timestamp(data.text)",
        "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')",
        "timestamp(0) + timestamp(0)",
        "timestamp(0) < duration('1s')",
        "duration('1s') * 2",
        "timestamp(0).getHours('Nowhere/Else')",
        "timestamp(0).getHours(data.text)",
        "timestamp('9999-12-31T23:59:59Z').getHours('+01:00')",
        "duration('1h').getHours('UTC')",
        "duration('1h').getFullYear()",
        "int(duration('1h'))",
    ],
)
def test_times_that_are_errors(source: str) -> None:
    assert value(source) is ERROR
