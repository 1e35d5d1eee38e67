"""What the type check says of a rule's conditions, at the places of the rules file.

A rule's ``when`` and ``match`` are judged as the one condition that they make together, for what
one of them asks first the other may rely on. So each stretch of that condition's text knows where
it comes from.
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
from router.destinations.rendering.summary import fields_read
from router.errors import ConditionError
from router.rules.event_types import problems_of, problems_on_sides


class SourceSegment(msgspec.Struct, frozen=True):
    """A part of a condition's text that comes from one place of the file."""

    source: str
    place: Callable[[TypeProblem], Span]
    """Where a problem stands; its offset counts from the beginning of this part."""


def text_segment(document: YamlDocument, node: Scalar, source: str) -> SourceSegment:
    """Of CEL as it is written."""
    return SourceSegment(
        source,
        lambda problem: document.part_span(
            node, escaped_offset(node.text, problem.offset), problem.length
        ),
    )


def test_segment(
    document: YamlDocument, condition: Condition, field: Scalar, key: Scalar, value: Node
) -> SourceSegment:
    """Of one test of a ``match``: ``key`` is the operator, or the field where there is none."""
    literals = [node for node in walk(condition.tree) if isinstance(node, Literal)]
    places = dict(
        zip(((node.offset, node.length) for node in literals), _scalars(value), strict=False)
    )

    def place(problem: TypeProblem) -> Span:
        scalar = places.get((problem.offset, problem.length))
        if scalar is not None:
            return scalar.span
        named = condition.source[problem.offset :][: problem.length]
        at = field.text.find(named)
        return key.span if at < 0 else document.part_span(field, at, len(named))

    return SourceSegment(condition.source, place)


def report_problems(
    document: YamlDocument,
    judged: Condition | Expression,
    events: tuple[str, ...],
    stretches: list[SourceSegment],
) -> None:
    """Report what can be said against a condition or expression on events of these types."""
    _report(document, judged, problems_of(judged, events), stretches)


def report_expression(
    document: YamlDocument, node: Scalar, judged: Condition | Expression, *sides: tuple[str, ...]
) -> None:
    """Report what can be said against an expression that is the whole text of ``node``.

    Each of ``sides`` are types of events: values for those of one are compared with the others'.
    """
    stretch = text_segment(document, node, judged.source)
    _report(document, judged, problems_on_sides(judged, sides), [stretch])


def _report(
    document: YamlDocument,
    judged: Condition | Expression,
    problems: list[TypeProblem],
    stretches: list[SourceSegment],
) -> None:
    begins = 0
    for stretch in stretches:
        begins = judged.source.index(stretch.source, begins)
        ends = begins + len(stretch.source)
        for problem in problems:
            if begins <= problem.offset < ends:
                own = msgspec.structs.replace(problem, offset=problem.offset - begins)
                span = stretch.place(own)
                if any(span == fault[0] for fault in document.errors):
                    continue  # what is there is wrong already
                tell = document.warn if problem.is_warning else document.report
                tell(span, problem.message, problem.hint)
        begins = ends


def warn_of_fields(
    document: YamlDocument, node: Scalar, template: str, events: tuple[str, ...]
) -> None:
    """Warn of fields that a sound template names and no event of these types has.

    No more than that: where a template fails, the alert is told all the same, in its plain form.
    """
    for name in dict.fromkeys(_fields_read(template)):
        try:
            expression = compile_expression(name)
        except ConditionError:
            continue  # a name that only templates have
        for problem in problems_of(expression, events):
            at = template.find(name) + problem.offset
            span = document.part_span(node, escaped_offset(node.text, at), problem.length)
            document.warn(span, f"summary: {problem.message}", problem.hint.partition(" (")[0])


@functools.lru_cache(maxsize=1000)
def _fields_read(template: str) -> tuple[str, ...]:
    return tuple(fields_read(template))


def _scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case ListNode(items=items):
            for item in items:
                yield from _scalars(item)
        case MapNode(entries=entries):
            for entry in entries:
                yield from _scalars(entry.value)
        case _:
            pass
