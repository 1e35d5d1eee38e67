"""Hints about templates that are written as in Go, Liquid, JavaScript, Python or a shell."""

import re
from collections.abc import Iterable
from typing import Final

from router.destinations.rendering.templates import ALERT_FIELDS
from router.suggestions import closest_match

_FILTERS: Final[dict[str, str]] = {
    **dict.fromkeys(("upcase", "toupper", "uppercase", "ucase"), "write {{ data.a | upper }}"),
    **dict.fromkeys(("downcase", "tolower", "lowercase", "lcase"), "write {{ data.a | lower }}"),
    **dict.fromkeys(
        ("json", "to_json", "tojsonpretty", "jsonify", "dump"), "write {{ data.a | tojson }}"
    ),
    **dict.fromkeys(("size", "len"), "write {{ data.a | length }}"),
    **dict.fromkeys(("strip", "trimspace"), "write {{ data.a | trim }}"),
    **dict.fromkeys(("escape", "e", "safe", "html"), "leave it out: values are escaped"),
    **dict.fromkeys(
        ("default_if_none", "ifnull", "fallback", "or"), 'write {{ data.a or "unknown" }}'
    ),
    **dict.fromkeys(("printf", "format", "number", "floatformat"), "write {{ data.a | round(1) }}"),
    **dict.fromkeys(("titlecase", "humanize", "capfirst"), "write {{ data.a | title }}"),
    **dict.fromkeys(
        ("date", "strftime", "datetime", "time"), "write {{ data.a }}: times stay as they came"
    ),
    **dict.fromkeys(("substr", "substring", "slice", "limit"), "write {{ data.a | truncate(20) }}"),
}
"""By the name of an unknown filter or function, in lower case."""
_METHODS: Final[dict[str, str]] = {
    **{name: f"write {{{{ data.a | {name} }}}}" for name in ("upper", "lower", "title", "replace")},
    **{name: f"write {{{{ data.a | {name} }}}}" for name in ("join", "round", "int", "float")},
    **dict.fromkeys(("str", "string"), "write {{ data.a }}"),
    "get": 'write {{ data.a or "unknown" }}',
    "items": "write {% for name, value in data.a | items %}",
    **_FILTERS,
}
"""By the name of a function or method that is called, in lower case."""
_LOOP: Final = "write {% for each in data.a %}{{ each }}{% endfor %}"
_CHOICE: Final = "write {% if data.a %}…{% else %}…{% endif %}"
_OTHER_VALUE: Final = 'write {{ data.a or "unknown" }}'
_SIGNS: Final[tuple[tuple[str, str], ...]] = (
    (r"\{\{-?\s*(range|for|endfor)\b", _LOOP),
    (r"\{\{-?\s*(if|else|elif|end|endif|with|unless)\b", _CHOICE),
    (r"\{%-?\s*(unless|end|case|switch)\b", _CHOICE),
    (r"\{%-?\s*(set|assign)\b", "write the rule's let for a name of an expression"),
    (r"\{%-?\s*else\s*if\b", "write {% elif data.a %}"),
    (r"\{\{-?\s*[#/]", _CHOICE),
    (r"\{\{[^}]*\$", "write {{ data.a }} for a field; there are no $ variables"),
    (
        r"\{\{-?\s*(\w+\s+)?\.\w",
        "write {{ data.a }} for a field of the event, without a dot before it",
    ),
    (r"\?\.", "write data.a.b: a field of a missing field is missing, too"),
    (r"\?\?|\?:", _OTHER_VALUE),
    (r"\{[{%][^}]*\|\|", f"{_OTHER_VALUE}, or `or` in an if"),
    (r"\{[{%][^}]*&&", "write and"),
    (r"\{[{%][^}]*\s\?\s", "write {{ data.a if data.b else data.c }}"),
    (r"\{%[^}]*===?=", "write == to compare"),
    (r"\{%-?\s*if\b[^}]*[^=!<>]=[^=]", "write == to compare"),
    (r"\{%[^}]*![\w(]", "write not data.a"),
    ("[\u201c\u201d\u2018\u2019]", "write straight quotes"),
    (r"\b[fr]['\"]", "write {{ data.a }} in the text itself"),
)
"""A text of another language in the template, and the hint."""
_CALLED: Final = re.compile(r"(\w+)\s*\(")
_QUOTED: Final = re.compile(r"'([^']*)'")
_TAG: Final = re.compile(r"'(end\w+)'")
_EVENT: Final = frozenset({"type", "source", "id", "subject", "time", "specversion"})
_PLACEHOLDER: Final = re.compile(
    r"\$\{\s*(?P<shell>(?:data|event|alert)[.\[][^{}\s]*)\s*\}"
    r"|(?<![{$%])\{\s*(?P<brace>(?:data|event|alert)[.\[][^{}%\s]*)\s*\}(?!\})"
    r"|%\((?P<percent>(?:data|event|alert)\.[^()\s]*)\)s"
    r"|<%=?\s*(?P<tag>(?:data|event|alert)\.[^%\s]*)\s*%>"
)


def template_hint(source: str, message: str, names: Iterable[str]) -> str:
    """Return how an author writes what they meant; ``""`` if that is not known.

    Args:
        source: The line of the template that is wrong.
        message: What is wrong with it.
        names: The names that it may use.
    """
    sign = next((hint for earlier, hint in _SIGNS if re.search(earlier, source)), "")
    return sign or _hint_of_message(source, message, names)


def _hint_of_message(source: str, message: str, names: Iterable[str]) -> str:
    named = _QUOTED.search(message)
    name = named[1] if named else ""
    if message.startswith("no filter "):
        return _FILTERS.get(name.lower(), "")
    if message.startswith("unknown name "):
        return _name_hint(name, names)
    if message.startswith("`call`"):
        called = (_METHODS.get(each.lower(), "") for each in _CALLED.findall(source))
        return next(filter(None, called), "write a filter: {{ data.a | upper }}")
    if tag := _TAG.search(message):
        return f"write {{% {tag[1]} %}} at its end"
    if (
        "expected 'end of print statement'" in message
        or "expected token 'end of print" in message
        or message == "unexpected '}'"
    ):
        return "write }} behind one value and its filters: {{ data.a | upper }}"
    return "the text in quotes has no end" if message.startswith("unexpected char ") else ""


def _name_hint(name: str, names: Iterable[str]) -> str:
    """Return where a name that stands alone may be found."""
    if name.lower() in _METHODS or name == "env":
        return ""
    if name in _EVENT:
        return f"write {{{{ event.{name} }}}}"
    if name in ALERT_FIELDS:
        return f"write {{{{ alert.{name} }}}}"
    near = closest_match(name, names)
    return (
        f'did you mean "{near}"?'
        if near
        else f"write {{{{ data.{name} }}}} for a field of the event"
    )


def placeholder(source: str) -> tuple[int, int, str] | None:
    """Return a placeholder of another language that would be sent as it is: its place, and its field.

    ``$`` before ``{{`` is none: it is the sign of a currency.
    """
    found = _PLACEHOLDER.search(source)
    if found is None:
        return None
    return found.start(), found.end(), next(filter(None, found.groups()))
