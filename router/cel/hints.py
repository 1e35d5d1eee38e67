"""Hints about conditions that are written as in other languages.

The parser says what it expected. That is of no help to an author who writes ``and`` as in SQL, ``4h``
as in PromQL or ``=~`` as in Perl: such an error gets the hint that an experienced colleague would give.
"""

import re
from typing import Final

_WORDS: Final[dict[str, str]] = {
    "and": "write && for and",
    "or": "write || for or",
    "not": "write ! for not, such as !has(data.a) or !(data.a == 1)",
    "is": "write == to compare, such as data.a == null",
    "like": 'write data.a.contains("x"), or data.a.matches("^x") for a pattern',
    "contains": 'write data.a.contains("x") for text, "x" in data.a for a list',
    "startswith": 'write data.a.startsWith("x")',
    "endswith": 'write data.a.endsWith("x")',
    "matches": 'write data.a.matches("^x")',
    "between": "write data.a >= 1 && data.a <= 2",
    "if": "write condition ? value : other value",
    "then": "write condition ? value : other value",
    "else": "write condition ? value : other value",
    "none": "write null",
    "nil": "write null",
    "undefined": "write !has(data.a) for a field that is missing, null for null",
    "true": "write true",
    "false": "write false",
    "exists": "write has(data.a)",
    "in": 'write in, in lower case, and a list: data.a in ["x", "y"]',
    "lambda": "write data.a.exists(x, x == 1)",
    "for": "write data.a.exists(x, x == 1)",
    "def": "a condition is one expression; the rule's let names others",
    **dict.fromkeys(("const", "var"), "write the rule's let for a name of an expression"),
    "return": "write the condition alone, without return",
    **dict.fromkeys(("eq", "equals"), "write == to compare"),
    **dict.fromkeys(("ne", "neq"), "write != to compare"),
    "gt": "write > to compare",
    "gte": "write >= to compare",
    "lt": "write < to compare",
    "lte": "write <= to compare",
    "now": "a condition has no clock; the rule's count, absent and cooldown have time spans",
}
"""By the word at the error, in lower case."""
_CALLS: Final[dict[str, str]] = {
    **dict.fromkeys(("len", "length", "count", "size_of", "strlen"), "write size(data.a)"),
    **dict.fromkeys(
        ("lower", "tolower", "tolowercase", "downcase", "lowercase"), "write data.a.lowerAscii()"
    ),
    **dict.fromkeys(
        ("upper", "toupper", "touppercase", "upcase", "uppercase"), "write data.a.upperAscii()"
    ),
    **dict.fromkeys(
        ("regex", "match", "regexmatch", "test", "rlike", "regexp"), 'write data.a.matches("^x")'
    ),
    **dict.fromkeys(
        ("includes", "include", "has_value"),
        'write data.a.contains("x") for text, "x" in data.a for a list',
    ),
    **dict.fromkeys(
        ("exists", "defined", "isdefined", "isset", "present", "ispresent"), "write has(data.a)"
    ),
    **dict.fromkeys(
        ("isnull", "empty", "isempty", "isnil", "is_null", "is_empty", "isblank", "isnone"),
        'write data.a == null, or data.a == ""',
    ),
    **dict.fromkeys(("now", "today", "time"), _WORDS["now"]),
    **dict.fromkeys(("toint", "parseint", "number", "integer", "long"), "write int(data.a)"),
    **dict.fromkeys(("tostring", "str"), "write string(data.a)"),
    **dict.fromkeys(("float", "tofloat", "parsefloat"), "write double(data.a)"),
    **dict.fromkeys(("strip",), "write data.a.trim()"),
    **dict.fromkeys(("equals", "eq", "equalsignorecase"), "write == to compare"),
    **dict.fromkeys(("any", "some", "find", "anymatch"), "write data.a.exists(x, x == 1)"),
    **dict.fromkeys(("every", "allmatch", "foreach"), "write data.a.all(x, x > 1)"),
    **dict.fromkeys(
        ("coalesce", "default", "nvl", "ifnull", "if_null", "getordefault"),
        "write data.?a.orValue(1) for another value if the field is missing",
    ),
    **dict.fromkeys(("concat", "concat_ws"), "write data.a + data.b"),
    **dict.fromkeys(
        ("round", "floor", "ceil", "trunc"), "write int(data.a), which cuts at the point"
    ),
    **dict.fromkeys(("pow", "power", "sqrt"), "write data.a * data.a"),
    "select": "write the condition alone, such as data.a > 1",
    "and": "write data.a > 1 && data.b > 1",
    "or": "write data.a > 1 || data.b > 1",
    "not": "write !(data.a > 1)",
    "has": "write has(data.a)",
    "get": 'write data["a"], or data.?a.orValue(1) for another value if the field is missing',
    "abs": "write data.a > 1 || data.a < -1",
    **dict.fromkeys(("min", "max"), "write data.a < data.b ? data.a : data.b"),
    **dict.fromkeys(
        ("sum", "avg", "mean", "rate", "increase", "irate", "avg_over_time", "count_over_time"),
        "a condition sees one event; the rule's count and measure see many",
    ),
    "xor": "write data.a != data.b",
    **dict.fromkeys(("date", "datetime", "parsetime"), "write timestamp(data.a)"),
}
"""By the name of an unknown function or method, in lower case."""
_CERTAIN: Final = frozenset(
    {
        *("get", "abs", "min", "max", "xor", "every", "sum", "avg", "mean", "rate", "severity"),
        *("parseint", "count", "has", "round", "concat", "lambda", "select"),
    }
)
"""Words whose hint is better than a similar name."""
_SIGNS: Final[tuple[tuple[str, str, str], ...]] = (
    (r"", r"=<", "write <= to compare"),
    (r":$", r"=", "write the rule's let for a name of an expression"),
    (r"^\s*$", r"=\{\{|=\s*\S", "write the condition alone, without = before it"),
    (r"", r"\|\s*length\b", "write size(data.a)"),
    (r"", r"\|\s*select\b", "write data.a.exists(x, x.b == 1)"),
    (
        r"",
        r"\|\s*(lower|upper|trim)\b",
        "write a method: data.a.lowerAscii(), .upperAscii() or .trim()",
    ),
    (r"\*$", r"\*", "write data.a * data.a"),
    (r"", r"\^", "write data.a * data.a"),
    (r"\.$", r"\*", "write data.a.exists(x, x.b == 1) for one of a list"),
    (r"\.$", r"\.", "write each field's name: data.a.b"),
    (r"\[$", r"\]", "write data.a.exists(x, x.b == 1) for one of a list"),
    (r"\[[^\[\]]*$", r":", "write data.a[0] for one of a list; there are no slices"),
    (r"\.(exists|all|filter|map)\(\s*\w+\s*$", r":", "write data.a.exists(x, x == 1)"),
    (r"\bhas\(\s*[\w.]+\s*$", r",", "write has(data.a)"),
    (r":$", r":", "write a dot: data.a"),
    (r"[\w.]:?$", r"::", "write a dot: data.a"),
    (r"^\s*$", r"\.", "write data.a, without a dot before it"),
    (r"(^|[(,&|<>=+-])\s*$", r"%\w", "write data.a for a field"),
    (
        r"\.(contains|startsWith|endsWith|matches)\s+$",
        r"['\"]",
        'write brackets: data.a.contains("x")',
    ),
    (r"=~?$", r"=~|~", 'write data.a.matches("^x") for a pattern'),
    (r"", r"=~|~", 'write data.a.matches("^x") for a pattern'),
    (r"\(\s*\w+\s*$", r"=>", "write data.a.exists(x, x == 1)"),
    (r"", r"=>", "write >= to compare"),
    (r"[=!]=$", r"=", "write == or !=; there is no third sign"),
    (r"<\s*$", r">", "write != for not equal"),
    (r"-$", r">", "write a dot: data.a"),
    (r"\?\s*$", r"\?", "write data.?a.orValue(1) for another value if the field is missing"),
    (r"\?$", r"\.", "write data.?a: the question mark follows the dot"),
    (r"\bin\s*\([^()]*$", r",", "write a list: [1, 2]"),
    (r"\d$", r",\d{3}", "write a number without commas"),
    (r"\d\s*%\s*$", r"$", "write the number without %"),
    (r"^\s*\{$", r"", "write the expression without {{ }}"),
    (r"^\s*\{\{[^{}]*$", r"\}", "write the expression without {{ }}"),
    (r"", r"#", "write // for a comment"),
    (r"/$", r"\*", "write // for a comment"),
    (r"(^|[(,&|])\s*$", r"/", 'write a pattern as text: data.a.matches("^x")'),
    (r"(=|[<>(,]|^)\s*$", r"`", 'write text in quotes: "x"'),
    (r"", "[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]", 'write straight quotes: "x"'),
    (r"", r";", "a condition is one expression, without a semicolon"),
    (r"", r"\$", "write data.a for a field; there are no $ variables"),
    (r"", r"@", "write data.a for a field"),
)
"""The text before the error, the text at it, and the hint."""
_PHRASES: Final[tuple[tuple[str, str, str], ...]] = (
    (r"", r"is\s+not\b", "write != to compare, such as data.a != null"),
    (r"", r"not\s+in\b", 'write !(data.a in ["x", "y"])'),
    (r"", r"not\s+(like|contains|matches)\b", 'write !data.a.contains("x")'),
    (r"", r"\w[^\]]*\sfor\s+\w+\s+in\b", "write data.a.exists(x, x == 1)"),
    (r"--\s*$", r"", "write // for a comment"),
    (r"\d$", r"_\d", "write a number without _"),
    (r"\d\s?$", r"[kmgtKMGT]i?[bB]\b", "write the number of bytes"),
)
"""The text before the error, the words at it, and the hint."""
_AMOUNT: Final = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s?$")
_UNIT: Final = re.compile(r"(ms|s|sec|secs|m|min|mins|h|hour|hours|hrs|d|day|days|w)\b")
_HOURS: Final = {"d": 24, "day": 24, "days": 24, "w": 168}
_VALUE: Final = re.compile(r"([=!]=|[\[,(])\s*$")
"""The text before a value."""
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HYPHENATED: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\.([A-Za-z0-9_-]*-)$")
_HYPHENATED_REST: Final = re.compile(r"[A-Za-z0-9_-]*")
_ATTRIBUTES: Final = frozenset({"type", "source", "id", "subject", "time", "specversion"})


def is_certain(source: str, offset: int) -> bool:
    """Tell whether a hint about the word at ``offset`` replaces a similar name."""
    word = _WORD.match(source[offset:])
    return word is not None and word[0].lower() in _CERTAIN


def colleague_hint(source: str, offset: int, message: str) -> str:
    """Return a hint for an error at ``offset``, or ``""`` if the text is of no other language.

    Args:
        source: The condition.
        offset: The position of the error.
        message: What the parser says.
    """
    before, rest = source[:offset], source[offset:]
    word = _WORD.match(rest)
    if word is None:
        return _first_hint(_SIGNS, before, rest) or _end_hint(rest, message)
    return (
        _first_hint(_PHRASES, before, rest.lower() if rest[:1].isalpha() else rest)
        or _hyphen_hint(before, rest, message)
        or _word_hint(before, word[0], message)
        or _end_hint(rest, message)
    )


def _first_hint(table: tuple[tuple[str, str, str], ...], before: str, rest: str) -> str:
    return next(
        (
            hint
            for earlier, here, hint in table
            if re.search(earlier, before) and re.match(here, rest)
        ),
        "",
    )


def _end_hint(rest: str, message: str) -> str:
    """Return the hint for a complete condition that something follows."""
    if not message.startswith("the condition should end here"):
        return ""
    return (
        "there is no ( for it" if rest.startswith(")") else "write && or || between two conditions"
    )


def _hyphen_hint(before: str, rest: str, message: str) -> str:
    if not before.endswith("-") or not message.startswith("there is no "):
        return ""
    start, end = _HYPHENATED.search(before), _HYPHENATED_REST.match(rest)
    name = f'{start[1]}["{start[2]}{end[0]}"]' if start and end else 'data["a-b"]'
    return f"write {name} for a name with a hyphen, or spaces around a minus"


def _word_hint(before: str, word: str, message: str) -> str:
    amount, unit = _AMOUNT.search(before), _UNIT.fullmatch(word)
    if amount is not None and unit is not None:
        hours = _HOURS.get(word)
        text = f"{float(amount[1]) * hours:g}h" if hours else f"{amount[1]}{_short(word)}"
        return f'write duration("{text}") for a time span'
    is_call = message.startswith(("there is no function", "there is no method"))
    if is_call:
        return _CALLS.get(word.lower(), "")
    hint = _WORDS.get(word.lower(), "")
    if hint or not message.startswith("there is no "):
        return hint
    root = "event" if word in _ATTRIBUTES else "data"
    if _VALUE.search(before):
        return f'write "{word}" for the text, or {root}.{word} for a field of the event'
    return f"write {root}.{word} for a field of the event"


def _short(unit: str) -> str:
    return unit if unit in {"ms", "s", "m", "h"} else unit[0]
