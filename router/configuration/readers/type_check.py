"""Report type problems of conditions at their positions in the rules file.

``when`` and ``match`` of a rule are checked as one condition, because each may rely on a test in the
other. Each segment of that condition's text maps its problems to the positions in the file.
"""

import functools
from collections.abc import Callable, Iterator

import msgspec

from router.cel import Condition, Expression, compile_expression
from router.cel.check import TypeProblem
from router.cel.tree import Literal, walk
from router.configuration.variables import escaped_offset
from router.configuration.yaml.document import (
    ListNode,
    MapNode,
    Node,
    Scalar,
    Span,
    YamlDocument,
)
from router.destinations.rendering.templates import fields_read
from router.errors import ConditionError
from router.rules.event_types import problems_of, problems_on_sides


class SourceSegment(msgspec.Struct, frozen=True):
    """A segment of a condition's text that comes from one node of the file."""

    source: str
    span_of: Callable[[TypeProblem], Span]
    """Returns the position of a problem whose offset counts from the start of the segment."""


def segment_of_text(document: YamlDocument, node: Scalar, source: str) -> SourceSegment:
    """Return the segment of a scalar with CEL."""
    return SourceSegment(
        source,
        lambda problem: document.part_span(
            node, escaped_offset(node.text, problem.offset), problem.length
        ),
    )


def segment_of_test(
    document: YamlDocument, condition: Condition, field: Scalar, key: Scalar, value: Node
) -> SourceSegment:
    """Return the segment of a test of a ``match``; ``key`` is its operator, or else its field."""
    literals = [node for node in walk(condition.tree) if isinstance(node, Literal)]
    scalars = dict(
        zip(((node.offset, node.length) for node in literals), scalars_below(value), strict=False)
    )

    def span_of(problem: TypeProblem) -> Span:
        scalar = scalars.get((problem.offset, problem.length))
        if scalar is not None:
            return scalar.span
        named = condition.source[problem.offset :][: problem.length]
        at = field.text.find(named)
        return key.span if at < 0 else document.part_span(field, at, len(named))

    return SourceSegment(condition.source, span_of)


def report_problems(
    document: YamlDocument,
    checked: Condition | Expression,
    events: tuple[str, ...],
    segments: list[SourceSegment],
    choices: tuple[str, ...] = (),
) -> None:
    """Report the type problems of a condition or expression for events of these types.

    ``choices`` are the texts of which the value must be one, if it may not be anything.
    """
    _report(document, checked, problems_of(checked, events, choices=choices), segments)


def report_expression(
    document: YamlDocument, node: Scalar, checked: Condition | Expression, *sides: tuple[str, ...]
) -> None:
    """Report the type problems of an expression that is the whole text of ``node``.

    Each of ``sides`` has event types; values of one side are compared with those of the others.
    """
    segment = segment_of_text(document, node, checked.source)
    _report(document, checked, problems_on_sides(checked, sides), [segment])


def report_number(
    document: YamlDocument, node: Scalar, checked: Expression, events: tuple[str, ...]
) -> None:
    """Report the type problems of a number that is the whole text of ``node``."""
    problems = problems_of(checked, events, is_number=True)
    _report(document, checked, problems, [segment_of_text(document, node, checked.source)])


def _report(
    document: YamlDocument,
    checked: Condition | Expression,
    problems: list[TypeProblem],
    segments: list[SourceSegment],
) -> None:
    begins = 0
    for segment in segments:
        begins = checked.source.index(segment.source, begins)
        ends = begins + len(segment.source)
        for problem in problems:
            if begins <= problem.offset < ends:
                own = msgspec.structs.replace(problem, offset=problem.offset - begins)
                span = segment.span_of(own)
                if any(span == error[0] for error in document.errors):
                    continue  # an error at this position is reported already
                report = document.warn if problem.is_warning else document.report
                report(span, problem.message, problem.hint)
        begins = ends


def warn_of_fields(
    document: YamlDocument, node: Scalar, template: str, events: tuple[str, ...]
) -> None:
    """Warn of fields in a valid template that no event of these types has.

    It is not an error, because an alert is delivered in its plain form if its template fails.
    """
    for name in dict.fromkeys(_fields_read(template)):
        try:
            expression = compile_expression(name)
        except ConditionError:
            continue  # a name that exists only in templates
        for problem in problems_of(expression, events):
            at = template.find(name) + problem.offset
            span = document.part_span(node, escaped_offset(node.text, at), problem.length)
            document.warn(span, f"summary: {problem.message}", problem.hint.partition(" (")[0])


@functools.lru_cache(maxsize=1000)
def _fields_read(template: str) -> tuple[str, ...]:
    return tuple(fields_read(template))


def scalars_below(node: Node) -> Iterator[Scalar]:
    """Yield all values in a node, in order."""
    match node:
        case Scalar():
            yield node
        case ListNode(items=items):
            for item in items:
                yield from scalars_below(item)
        case MapNode(entries=entries):
            for entry in entries:
                yield from scalars_below(entry.value)
        case _:
            pass
