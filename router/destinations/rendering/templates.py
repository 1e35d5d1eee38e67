"""The template language: the part of Jinja2 that a line of text needs, with limits.

Templates are written by operators; the values filled in come from outside. Jinja2's sandbox keeps a
template from reaching into Python, but not from running for hours or filling the memory, and a
timeout cannot interrupt it. The language is therefore limited to what cannot grow: output, ``if``,
``for``, operators and a fixed set of filters; no assignment, macro, call or import. Iterations are
counted, and rendering stops at a maximal length. Event values are escaped for the target where they
are output; the template's own text is not.
"""

import enum
import functools
import html
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import jinja2
import msgspec
from jinja2 import meta, nodes

from router.destinations.rendering import escapes, http_escapes
from router.destinations.rendering.jinja_adapter import FieldLookup, Renderer
from router.destinations.rendering.text import clean, cut
from router.field_paths import FieldPath
from router.suggestions import closest_match

SOURCE_LIMIT: Final = 8192
"""Characters of a template."""
OUTPUT_LIMIT: Final = 64 * 1024
"""Characters after which rendering stops."""
VALUE_LIMIT: Final = 2000
"""Characters of one output value; an ellipsis replaces the rest."""
LOOP_LIMIT: Final = 1000
"""Iterations of all loops of one rendering together."""

_LITERAL_WORD: Final = re.compile(r"[^\s/?&=]{8,}")
_CACHED_TEMPLATES: Final = 1024
_ITERATIONS: Final = "_iterations"
_RESULT: Final = "result"

_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.CondExpr),
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter),
    *(nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg),
    *(nodes.Pos, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair, nodes.Keyword),
)
_EVENT: Final = frozenset({"data", "event"})
ALERT_FIELDS: Final = frozenset(
    "acknowledged_by count description escalation fields grouped held_back held_because id key labels"  # noqa: SIM905 - not twenty lines
    " measure members raised_at reminder rule severity since status values".split()
)
"""The fields of ``alert`` in every template."""
_FILTERS: Final = frozenset(
    "abs capitalize count d default dictsort filesizeformat first float int items join last"  # noqa: SIM905 - not forty lines
    " length list lower map max min reject rejectattr replace reverse round select selectattr"
    " sort sum title tojson trim truncate unique upper".split()
)
_TESTS: Final = frozenset(
    "defined undefined none string number integer float boolean mapping sequence iterable"  # noqa: SIM905 - as above
    " in eq ne lt le gt ge equalto greaterthan lessthan even odd divisibleby true false".split()
)


class TemplateTarget(enum.Enum):
    """The kind of text that a template makes, which decides how event values are escaped."""

    TEXT = "text"
    SLACK = "slack"
    MARKDOWN = "markdown"
    HTML = "html"
    URL = "url"
    HEADER = "header"
    JSON = "json"


ESCAPES: Final[dict[TemplateTarget, Callable[[str], str]]] = {
    TemplateTarget.TEXT: str,
    TemplateTarget.SLACK: escapes.slack_mrkdwn,
    TemplateTarget.MARKDOWN: escapes.markdown,
    TemplateTarget.HTML: html.escape,
    TemplateTarget.URL: http_escapes.url_part,
    TemplateTarget.HEADER: http_escapes.header_value,
    TemplateTarget.JSON: http_escapes.json_text,
}
"""The escaping of a text for each target."""


class Missing(jinja2.StrictUndefined):
    """A field that the event does not have: false in ``or`` and ``if``, an error everywhere else.

    ``data.friendly_name or data.conference_sid`` therefore takes the second, a field of a missing
    field is missing too, and printing a misspelt name is an error instead of an empty text.
    """

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]  # strict in all else
        return False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _key: object) -> Any:
        return self


def template_error(
    source: str, names: Collection[str] = (), *, fields: Collection[str] = ()
) -> tuple[int, str] | None:
    """Return the first error of a template, as line (from 1) and message; None if there is none.

    Args:
        source: The template.
        names: The names it may use besides ``data``, ``event`` and ``alert``.
        fields: The fields of ``alert`` that it may use besides ``ALERT_FIELDS``.
    """
    try:
        tree = _tree(source, TemplateTarget.TEXT)
        _check_names(tree, names)
        _check_alert_fields(tree, ALERT_FIELDS | set(fields))
    except jinja2.TemplateSyntaxError as error:
        return error.lineno, error.message or "not a template"
    return None


def fields_read(source: str) -> list[str]:
    """Return the event's fields that a valid template names, as ``data.a.b``.

    Fields read by ``[…]`` and fields of a loop's variable are left out.
    """
    found = []
    inner = set()
    for node in _tree(source, TemplateTarget.TEXT).find_all(nodes.Getattr):
        names: list[str] = []
        owner: nodes.Node = node
        while isinstance(owner, nodes.Getattr):
            inner.add(id(owner.node))
            names.append(owner.attr)
            owner = owner.node
        if id(node) not in inner and isinstance(owner, nodes.Name) and owner.name in _EVENT:
            found.append(".".join([owner.name, *reversed(names)]))
    return found


def paths_read(source: str) -> set[FieldPath]:
    """Return the paths of all that a valid template reads of the event; ``()`` is the whole event."""
    return set(_paths_below(_tree(source, TemplateTarget.TEXT)))


def _paths_below(node: nodes.Node) -> Iterator[FieldPath]:
    path = _path(node)
    if path is not None:
        yield path
        return
    for child in node.iter_child_nodes():
        yield from _paths_below(child)


def _path(node: nodes.Node) -> FieldPath | None:
    """Return the field that a node reads; None if it is not just a field."""
    match node:
        case nodes.Name(name=str(name)):
            return {"event": (), "data": ("data",)}.get(name)
        case nodes.Getattr(node=owner, attr=str(step)):
            above = _path(owner)
        case nodes.Getitem(node=owner, arg=nodes.Const(value=str(step))):
            above = _path(owner)
        case _:
            return None
    return None if above is None else (*above, step)


def is_constant(source: str) -> bool:
    """Return whether a template gives the same text for every event."""
    return "{" not in source


def is_template(source: str) -> bool:
    """Return whether a text that need not be a template is one."""
    return "{{" in source or "{%" in source


def mask_literals(source: str) -> str:
    """Return a valid template whose longer literal words are ``***``, because they may be secret."""
    tokens = _environment(TemplateTarget.TEXT).lex(source)
    return "".join(
        _LITERAL_WORD.sub("***", text) if kind == "data" else text for _, kind, text in tokens
    )


def render(source: str, variables: Mapping[str, Any], target: TemplateTarget) -> str:
    """Return the template filled in, at most OUTPUT_LIMIT characters.

    Raises:
        jinja2.TemplateError: The template is not valid, or a rule of the language was broken.
        Exception: An expression raised it, for example a TypeError.
    """
    pieces: list[str] = []
    room = OUTPUT_LIMIT
    for piece in _compiled(source, target).pieces(_with_iterations(variables)):
        pieces.append(piece)
        room -= len(piece)
        if room < 0:
            break
    text = cut("".join(pieces), OUTPUT_LIMIT)
    return http_escapes.place_json(text) if target is TemplateTarget.JSON else text


def render_value(source: str, variables: Mapping[str, Any]) -> Any:
    """Return a template's value in JSON: of a single ``{{ … }}`` the value itself, else the text.

    ``"{{ data.issues }}"`` gives the object and ``"{{ alert.count }}"`` a number. Raises what
    ``render`` raises.
    """
    expression = _compiled_expression(source)
    if expression is None:
        return render(source, variables, TemplateTarget.TEXT)
    found = expression.assigned(_RESULT, _with_iterations(variables))
    if isinstance(found, Missing):
        str(found)  # raises, naming the missing field
    return None if type(found) is jinja2.Undefined else found


def _with_iterations(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables, and the iterations that all loops of one rendering share."""
    return {**variables, _ITERATIONS: iter(range(LOOP_LIMIT))}


class _Environment(FieldLookup):
    intercepted_binops = frozenset({"*", "%"})

    def __init__(self, target: TemplateTarget) -> None:
        super().__init__(
            undefined=Missing,
            finalize=_output_in_json
            if target is TemplateTarget.JSON
            else functools.partial(_output, ESCAPES[target]),
            # Off, because it would escape for HTML only; ``finalize`` escapes for each target.
            autoescape=False,
            cache_size=0,
        )
        self.globals = {}
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.filters |= {"tojson": _json, "replace": _replace, _ITERATIONS: _counted}
        if target is TemplateTarget.JSON:
            self.filters["tojson"] = _to_json
        self.tests = {name: self.tests[name] for name in _TESTS}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise jinja2.TemplateRuntimeError(f"`{operator}` is for numbers only")
        return super().call_binop(context, operator, left, right)


def _tree(source: str, target: TemplateTarget) -> nodes.Template:
    """Return the checked syntax tree, or raise TemplateSyntaxError with a line and a message."""
    if len(source) > SOURCE_LIMIT:
        raise jinja2.TemplateSyntaxError(
            f"the template has {len(source)} characters, at most {SOURCE_LIMIT}", 1
        )
    environment = _environment(target)
    tree = environment.parse(source)
    for node in tree.find_all(nodes.Node):
        _check(node)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _ITERATIONS, [], [], None, None, lineno=loop.lineno)
    return tree


def _check(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        problem = f"no filter {node.name!r}, there are: {', '.join(sorted(_FILTERS))}"
    elif isinstance(node, nodes.Test) and node.name not in _TESTS:
        problem = f"no test {node.name!r}, there are: {', '.join(sorted(_TESTS))}"
    elif isinstance(node, nodes.For) and node.recursive:
        problem = "a loop may not be recursive"
    elif not isinstance(node, _NODES):
        problem = (
            f"`{type(node).__name__.lower()}` is not available in templates,"
            " only values, operators, filters, `if` and `for`"
        )
    else:
        return
    raise jinja2.TemplateSyntaxError(problem, node.lineno or 1)


def _check_names(tree: nodes.Template, names: Collection[str]) -> None:
    known = [*sorted(_EVENT), "alert", *sorted(names)]
    # ``self`` is added, because Jinja2 defines it and therefore does not report it.
    unknown = meta.find_undeclared_variables(tree) - set(known) | {"self"}
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            raise jinja2.TemplateSyntaxError(
                f"unknown name {name.name!r}, there are {', '.join(known[:-1])} and {known[-1]}",
                name.lineno,
            )


def _check_alert_fields(tree: nodes.Template, fields: Collection[str]) -> None:
    """Raise TemplateSyntaxError for a field that no alert has, because it would fail each time."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        match node:
            case nodes.Getattr(node=nodes.Name(name="alert"), attr=str(field)):
                pass
            case nodes.Getitem(node=nodes.Name(name="alert"), arg=nodes.Const(value=str(field))):
                pass
            case _:
                continue
        if field not in fields:
            near = closest_match(field, fields)
            known = sorted(fields)
            choice = f"there are {', '.join(known[:-1])} and {known[-1]}"
            raise jinja2.TemplateSyntaxError(
                f"alert has no {field!r}, " + (f"did you mean {near!r}?" if near else choice),
                node.lineno,
            )


@functools.cache
def _environment(target: TemplateTarget) -> _Environment:
    return _Environment(target)


@functools.lru_cache(maxsize=_CACHED_TEMPLATES)
def _compiled(source: str, target: TemplateTarget) -> Renderer:
    return Renderer(_environment(target).from_string(_tree(source, target)))


@functools.lru_cache(maxsize=_CACHED_TEMPLATES)
def _compiled_expression(source: str) -> Renderer | None:
    """Return a template that assigns the single expression of ``source``; None if it has more."""
    tree = _tree(source, TemplateTarget.TEXT)
    match tree.body:
        case [nodes.Output(nodes=[expression])] if not isinstance(expression, nodes.TemplateData):
            assign = nodes.Assign(nodes.Name(_RESULT, "store"), expression, lineno=1)
        case _:
            return None
    template = nodes.Template([assign], lineno=1)
    return Renderer(_environment(TemplateTarget.TEXT).from_string(template))


def _output(escape: Callable[[str], str], value: object) -> str:
    """Return one value as text: true, lists and objects as in JSON, nothing for null."""
    if value is None or type(value) is jinja2.Undefined:  # an ``if`` without its ``else``
        return ""
    if isinstance(value, str | Missing) or (
        isinstance(value, int | float) and not isinstance(value, bool)
    ):
        text = str(value)  # raises for a Missing
    else:
        text = _json(value)
    return escape(clean(text, VALUE_LIMIT))


class _Json(str):
    """JSON that the filter ``tojson`` made for a text that is JSON itself."""

    __slots__ = ()


def _to_json(value: Any) -> _Json:
    return _Json(_json(value))


def _output_in_json(value: object) -> str:
    """Return one value as ``_output`` does; JSON is marked, whole, for ``place_json``."""
    if isinstance(value, dict | list | tuple):
        value = _to_json(value)
    if isinstance(value, _Json):
        return http_escapes.marked_json(value)
    return _output(http_escapes.json_text, value)


def _json(value: Any) -> str:
    if isinstance(value, Missing):
        str(value)  # raises, naming the missing field
    return msgspec.json.encode(value).decode()


def _replace(text: object, old: str, new: str) -> str:
    whole = str(text)
    if not old or whole.count(old) * len(new) > OUTPUT_LIMIT:
        raise jinja2.TemplateRuntimeError("`replace` of an empty text, or the result is too long")
    return whole.replace(old, new)


@jinja2.pass_context
def _counted(context: Any, iterable: Iterable[Any]) -> Iterator[Any]:
    iterations = context.resolve(_ITERATIONS)
    for item in iterable:
        if next(iterations, None) is None:
            raise jinja2.TemplateRuntimeError(f"more than {LOOP_LIMIT} iterations of loops")
        yield item
