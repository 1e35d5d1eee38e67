"""Hypothesis strategies: conditions of every form that the index supports, and of some others."""

from typing import Any

from hypothesis import strategies as st

from router.cel import Constant, Names, compile_expression

NUMBERS = (0, 1, -1, 3, 2.5, 1.0, -0.0, 2**53 + 1, float(2**53), 10**30)
TEXTS = ("", "a", "ab", "abc", "b", "ba", "é.*", "a\nb")
LITERALS = (
    *('""', '"a"', '"ab"', '"abc"', '"b"', '"é.*"', "0", "1", "-1", "3", "2.5", "1.0"),
    *("9007199254740993", "9007199254740992.0", "true", "false", "null"),
)
PATTERNS = ("", "a", "^a", "b$", "^ab?$", "(?i)AB", "a|b", "^a|b", "^(ab)+", "a.b", "^ab*c", "é")
_NAMES = ("a", "b", "c")

literals = st.sampled_from(LITERALS)
numbers = st.sampled_from(NUMBERS)
texts = st.sampled_from(TEXTS)
scalars = numbers | texts | st.booleans() | st.none()
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3)
    ),
    max_leaves=5,
)
data = st.dictionaries(st.sampled_from(_NAMES), values, max_size=3)
events = st.builds(
    lambda event_type, data: {"id": "1", "type": event_type, **data},
    st.sampled_from(("x.y", "x.z", "x", "y")),
    st.builds(lambda data: {"data": data}, data | data | values) | st.just({}),
)
"""Whole CloudEvents."""


NAMES: Names = {
    "late": compile_expression('data.a == "a" || data.b < 2'),
    "any_late": compile_expression('data.c.exists(v, v == "a")'),
    "field": compile_expression("data.b"),
    "table": Constant({"a": 1, "ab": {"a": "abc"}}),
    "several": Constant(["a", 1, None, True, 2.5]),
    "mixed": Constant(["a", [1]]),
}
"""Names that the conditions use."""

NAMED = (
    *("late", "!late", "any_late", "field == 1", "field.a >= 1", "data.a in several"),
    *("field in mixed", "data.a in table", "table[data.a] == 1", '"a" in field'),
    *("data.a == table.a", "table.ab.a.startsWith(data.a)", "field.exists(w, w in several)"),
)
"""Tests that use the names. Macros in them have the variable ``w``, because they may stand in the
body of a macro whose variable is ``v``."""

_named = st.sampled_from(NAMED)
_operators = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
_quoted = st.sampled_from(('""', '"a"', '"ab"', '"é."', '"b"'))


def _paths(variable: str = "") -> st.SearchStrategy[str]:
    roots = ["data", "data", "data", "event.data", "message.data", "event"]
    steps = (*(f".{name}" for name in _NAMES), '["a"]', ".a.b", ".b.a", '.a["c"]')
    fields = [f"{root}{step}" for root in roots for step in steps]
    fields += ["data", "data", "event"]
    if not variable:
        return st.sampled_from(fields)
    return st.sampled_from([variable, f"{variable}.a", f"{variable}.b"]) | st.sampled_from(fields)


def _leaves(variable: str = "") -> st.SearchStrategy[str]:
    """Return tests that contain no other test."""
    path, path_or_literal = _paths(variable), _paths(variable) | literals
    return st.one_of(
        _named,
        st.builds("{} {} {}".format, path, _operators, literals),
        st.builds("{} {} {}".format, path, _operators, literals),
        st.builds("{} {} {}".format, path_or_literal, _operators, path),
        st.builds("{} in [{}, {}]".format, path, literals, literals),
        st.builds("{} in {}".format, literals, path),
        st.builds(
            "{}.{}({})".format,
            path,
            st.sampled_from(("startsWith", "endsWith", "contains")),
            _quoted,
        ),
        st.builds('{}.matches("{}")'.format, path, st.sampled_from(PATTERNS)),
        st.builds("has({}.a)".format, path),
        path,
        st.builds("size({}) > 0".format, path),
        st.builds("{} + {} == {}".format, path, path, literals),
        st.builds("{} in [{}, {}]".format, literals, path, path),
        st.builds("{} in []".format, path),
        st.builds("({} || {} > 0) == {}".format, path, path, path),
        st.sampled_from(("true", "false")),
    )


def _tree(depth: int, variable: str = "") -> st.SearchStrategy[str]:
    if depth == 0:
        return _leaves(variable)
    part = _tree(depth - 1, variable)
    forms = [
        _leaves(variable),
        st.builds("({} && {})".format, part, part),
        st.builds("({} && {})".format, part, part),
        st.builds("({} || {})".format, part, part),
        st.builds("!({})".format, part),
        st.builds("({} ? {} : {})".format, part, part, part),
    ]
    if not variable:
        macros = st.sampled_from(("exists", "exists", "all", "exists_one"))
        forms.append(st.builds("{}.{}(v, {})".format, _paths(), macros, _tree(depth - 1, "v")))
    return st.one_of(forms)


conditions = _tree(3)
"""Conditions in CEL."""
