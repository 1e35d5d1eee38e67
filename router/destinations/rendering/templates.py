"""The template language: the part of Jinja2 that a line of text needs, with bounds.

A template is the operator's, what it is filled with comes from strangers. Jinja2's sandbox keeps
a template from reaching into Python, but not from running for hours or filling the memory, and a
timeout cannot interrupt it. So only what cannot grow is let in: output, ``if``, ``for``, operators
and a fixed set of filters; no assignment, macro, call or import. A ``for`` counts its turns, and
rendering stops at a length. Event values are escaped for the target where they are output; the
template's own text is not.
"""

import enum
import functools
import html
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import jinja2
import jinja2.runtime
import msgspec
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from router.destinations.rendering.text import clean, cut

SOURCE_LIMIT: Final = 8192
"""Characters that a template may have."""
OUTPUT_LIMIT: Final = 64 * 1024
"""Characters after which rendering stops."""
VALUE_LIMIT: Final = 2000
"""Characters of one value that are output; the rest becomes an ellipsis."""
LOOP_LIMIT: Final = 1000
"""Turns that all loops of one rendering may take together."""

_CACHED_TEMPLATES: Final = 1024
_TURNS: Final = "_turns"
_RESULT: Final = "result"

_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.CondExpr),
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter),
    *(nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg),
    *(nodes.Pos, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair, nodes.Keyword),
)
_EVENT: Final = frozenset({"data", "event"})
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
    """Where the text goes, which decides how event values are escaped."""

    TEXT = "text"
    SLACK = "slack"
    HTML = "html"


ESCAPES: Final[dict[TemplateTarget, Callable[[str], str]]] = {
    TemplateTarget.TEXT: str,
    # Slack, "Formatting text for app surfaces": these three, and only these, are to be escaped.
    TemplateTarget.SLACK: functools.partial(html.escape, quote=False),
    TemplateTarget.HTML: html.escape,
}


class Missing(jinja2.StrictUndefined):
    """A value that the event has not: false in ``or`` and ``if``, an error everywhere else.

    So ``data.friendly_name or data.conference_sid`` takes the second, a member of something
    missing is missing too, and a misspelt name that is printed is an error, not an empty text.
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


def template_error(source: str, names: Collection[str] = ()) -> tuple[int, str] | None:
    """What is wrong with a template, as line (from 1) and message; None for nothing.

    ``names`` are those that it may use besides ``data``, ``event`` and ``alert``.
    """
    try:
        _check_names(_tree(source, TemplateTarget.TEXT), names)
    except jinja2.TemplateSyntaxError as error:
        return error.lineno, error.message or "not a template"
    return None


def fields_read(source: str) -> list[str]:
    """The fields of the event that a sound template names, as ``data.a.b``.

    Not what it reads by ``[…]``, nor fields of what a loop goes through.
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


def is_constant(source: str) -> bool:
    """Whether a template says the same of every event."""
    return "{" not in source


def render(source: str, variables: Mapping[str, Any], target: TemplateTarget) -> str:
    """Fill in the variables. At most OUTPUT_LIMIT characters.

    Raises jinja2.TemplateError, or whatever an expression came upon (TypeError and the like).
    """
    template = _compiled(source, target)
    pieces: list[str] = []
    room = OUTPUT_LIMIT
    for piece in template.root_render_func(_context(template, variables)):
        pieces.append(piece)
        room -= len(piece)
        if room < 0:
            break
    return cut("".join(pieces), OUTPUT_LIMIT)


def render_value(source: str, variables: Mapping[str, Any]) -> Any:
    """What a template stands for in JSON: its text, or the value itself of a single ``{{ … }}``.

    So ``"{{ data.issues }}"`` is the object and ``"{{ alert.count }}"`` a number. Raises as render.
    """
    expression = _compiled_expression(source)
    if expression is None:
        return render(source, variables, TemplateTarget.TEXT)
    context = _context(expression, variables)
    for _ in expression.root_render_func(context):
        pass
    found = context.vars[_RESULT]
    if isinstance(found, Missing):
        str(found)  # raises, naming what is missing
    return None if type(found) is jinja2.Undefined else found


def _context(template: jinja2.Template, variables: Mapping[str, Any]) -> jinja2.runtime.Context:
    """The variables, and the turns that all loops of one rendering share."""
    return template.new_context({**variables, _TURNS: iter(range(LOOP_LIMIT))})


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "%"})

    def __init__(self, target: TemplateTarget) -> None:
        super().__init__(
            undefined=Missing,
            finalize=functools.partial(_output, ESCAPES[target]),
            # The escaping for all targets is in ``finalize``; this one is for HTML only.
            autoescape=False,
            cache_size=0,
        )
        self.globals = {}
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.filters |= {"tojson": _json, "replace": _replace, _TURNS: _counted}
        self.tests = {name: self.tests[name] for name in _TESTS}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise jinja2.TemplateRuntimeError(f"`{operator}` is for numbers only")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        # ``data.items`` is the event's member of that name, never the method of dict. Only the
        # ``loop`` of a ``for`` has attributes.
        if isinstance(obj, jinja2.runtime.LoopContext):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Missing):
            return obj
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(f"there is no {argument!r}")


def _tree(source: str, target: TemplateTarget) -> nodes.Template:
    """The checked syntax tree. Raises TemplateSyntaxError, its line and message for people."""
    if len(source) > SOURCE_LIMIT:
        raise jinja2.TemplateSyntaxError(
            f"the template has {len(source)} characters, at most {SOURCE_LIMIT}", 1
        )
    environment = _environment(target)
    tree = environment.parse(source)
    for node in tree.find_all(nodes.Node):
        _check(node)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _TURNS, [], [], None, None, lineno=loop.lineno)
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
    # The filter that counts the turns of loops is not a name, and ``self`` is jinja2's own.
    unknown = meta.find_undeclared_variables(tree) - set(known) | {"self"}
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            raise jinja2.TemplateSyntaxError(
                f"unknown name {name.name!r}, there are {', '.join(known[:-1])} and {known[-1]}",
                name.lineno,
            )


@functools.cache
def _environment(target: TemplateTarget) -> _Environment:
    return _Environment(target)


@functools.lru_cache(maxsize=_CACHED_TEMPLATES)
def _compiled(source: str, target: TemplateTarget) -> jinja2.Template:
    environment = _environment(target)
    code = environment.compile(_tree(source, target))
    return jinja2.Template.from_code(environment, code, environment.globals)


@functools.lru_cache(maxsize=_CACHED_TEMPLATES)
def _compiled_expression(source: str) -> jinja2.Template | None:
    """A template that assigns the one expression that ``source`` is; None where it is more."""
    tree = _tree(source, TemplateTarget.TEXT)
    match tree.body:
        case [nodes.Output(nodes=[expression])] if not isinstance(expression, nodes.TemplateData):
            assign = nodes.Assign(nodes.Name(_RESULT, "store"), expression, lineno=1)
        case _:
            return None
    environment = _environment(TemplateTarget.TEXT)
    code = environment.compile(nodes.Template([assign], lineno=1))
    return jinja2.Template.from_code(environment, code, environment.globals)


def _output(escape: Callable[[str], str], value: object) -> str:
    """One value as people read it: JSON's words for true, lists and objects, nothing for null."""
    if value is None or type(value) is jinja2.Undefined:  # an ``if`` without its ``else``
        return ""
    if isinstance(value, str | Missing) or (
        isinstance(value, int | float) and not isinstance(value, bool)
    ):
        text = str(value)  # a Missing raises here
    else:
        text = _json(value)
    return escape(clean(text, VALUE_LIMIT))


def _json(value: Any) -> str:
    if isinstance(value, Missing):
        str(value)  # raises, naming what is missing
    return msgspec.json.encode(value).decode()


def _replace(text: object, old: str, new: str) -> str:
    whole = str(text)
    if not old or whole.count(old) * len(new) > OUTPUT_LIMIT:
        raise jinja2.TemplateRuntimeError("`replace` of nothing, or with too much")
    return whole.replace(old, new)


@jinja2.pass_context
def _counted(context: Any, iterable: Iterable[Any]) -> Iterator[Any]:
    turns = context[_TURNS]
    for item in iterable:
        if next(turns, None) is None:
            raise jinja2.TemplateRuntimeError(f"more than {LOOP_LIMIT} turns of a loop")
        yield item
