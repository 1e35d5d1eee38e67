"""Tests that are not true for an event that lacks a field, although they read as if they were.

``data.name != "x"`` is not true for an event without a name, because a missing field is an error and
an error is no match. The same applies to every negated test (``!``, ``!=``) and to a comparison with
null. Such a test is reported, unless the condition ensures that the field is present: by ``has()``,
or because another part that must be true needs the field too.

The walk carries a sign, because De Morgan negates logic: under ``!``, an ``||`` is a conjunction and
an ``==`` is a negated test. In a conjunction, each part may rely on the fields that the others need.
In a disjunction, it may rely on the fields whose absence makes another part true
(``!has(data.a) || …``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from router.cel import tree
from router.cel.check.checker import TypeProblem
from router.cel.check.types import ANY, Type
from router.cel.tree import Node, path

_SHOWN: Final = 200
"""Characters of a test that a message quotes."""

Path = tuple[str, ...]
"""A field, from the root: ``("data", "status")``."""
Paths = frozenset[Path]
_NONE: Final[Paths] = frozenset()


def missing_field_warnings(source: str, root: Node, names: Mapping[str, Type]) -> list[TypeProblem]:
    """Return a warning for each test that a missing field makes an error, perhaps unintentionally.

    Args:
        source: The condition's text.
        root: Its tree.
        names: The types of the event's roots.
    """
    finder = _Finder(source, names)
    finder.visit(root, negated=False, present=_NONE)
    return finder.problems


class _Finder:
    def __init__(self, source: str, names: Mapping[str, Type]) -> None:
        self._source = source
        self._names = names
        self.problems: list[TypeProblem] = []

    def visit(self, node: Node, *, negated: bool, present: Paths) -> None:
        """Find such tests below a node. ``present`` are the fields that are surely present."""
        match node:
            case tree.Let(body=body, source=source):
                inner = _Finder(source, self._names)
                inner.visit(body, negated=negated, present=present)
                # A problem of a let is shown at its name.
                self.problems += [
                    msgspec.structs.replace(each, offset=node.offset, length=node.length)
                    for each in inner.problems
                ]
            case tree.Not(operand=operand):
                self.visit(operand, negated=not negated, present=present)
            case tree.Logic():
                self._visit_parts(node, negated=negated, present=present)
            case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
                for branch, is_true in ((then, True), (otherwise, False)):
                    surely = present | _tested_fields(condition, negated=not is_true)
                    self.visit(branch, negated=negated, present=surely)
            case _:
                if _is_negated_test(node, negated=negated):
                    self._check(node, negated=negated, present=present)

    def _visit_parts(self, node: tree.Logic, *, negated: bool, present: Paths) -> None:
        """Visit each part with the fields that the other parts ensure."""
        is_conjunction = (node.operator == "&&") is not negated
        each = [
            _needed_fields(part, negated=negated)
            if is_conjunction
            else _tested_fields(part, negated=not negated)
            for part in node.parts
        ]
        counts = Counter(name for names in each for name in names)
        for part, own in zip(node.parts, each, strict=True):
            by_others = {name for name, count in counts.items() if count > (name in own)}
            self.visit(part, negated=negated, present=present | by_others)

    def _check(self, node: Node, *, negated: bool, present: Paths) -> None:
        lacking = [name for name in self._optional(node) if name not in present]
        if not lacking:
            return
        test = self._text(node)
        if negated:
            test = (
                f"!{test}" if isinstance(node, tree.Has | tree.Field | tree.Call) else f"!({test})"
            )
        shown = ".".join(lacking[0])
        absent = " || ".join(f"!has({'.'.join(name)})" for name in lacking)
        self.problems.append(
            TypeProblem(
                node.offset,
                node.length,
                f"`{test}` is not true for an event without {shown}",
                f"write {absent} || {test} if it should be, has({shown}) && … if not",
                is_warning=True,
            )
        )

    def _optional(self, node: Node) -> list[Path]:
        """Return the fields that a test reads, or reads through, and that an event may lack."""
        found: dict[Path, None] = {}
        for name in _fields_read(node):
            for length in range(2, len(name) + 1):
                if self._may_lack(name[:length]):
                    found[name[:length]] = None
        return list(found)

    def _may_lack(self, name: Path) -> bool:
        owner = self._names.get(name[0], ANY)
        required = True
        for step in name[1:]:
            known = (owner.fields or {}).get(step)
            if known is None:
                return False
            owner, required = known.type, known.required
        return not required

    def _text(self, node: Node) -> str:
        text = " ".join(self._source[node.offset : node.offset + node.length].split())
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _is_negated_test(node: Node, *, negated: bool) -> bool:
    """Return whether a test reads as if it were true for a missing field."""
    if isinstance(node, tree.Binary) and node.operator in {"==", "!="}:
        is_equality = (node.operator == "==") is not negated
        with_null = any(_is_null(side) for side in (node.left, node.right))
        return is_equality is with_null
    return negated


def _is_null(node: Node) -> bool:
    value = tree.unwrap_lets(node)
    return isinstance(value, tree.Literal) and value.value is None


def _needed_fields(node: Node, *, negated: bool) -> Paths:
    """Return the fields that are present if a part is true (false if ``negated``)."""
    match tree.unwrap_lets(node):
        case tree.Not(operand=operand):
            return _needed_fields(operand, negated=not negated)
        case tree.Logic(operator=operator, parts=parts):
            each = [_needed_fields(part, negated=negated) for part in parts]
            is_conjunction = (operator == "&&") is not negated
            return _NONE.union(*each) if is_conjunction else each[0].intersection(*each)
        case tree.Has():
            return _tested_fields(node, negated=negated)
        case test:
            # A negated test ensures nothing, because it is itself to be checked.
            return _NONE if _is_negated_test(test, negated=negated) else _prefixes(test)


def _tested_fields(node: Node, *, negated: bool) -> Paths:
    """Return the fields that ``has`` found if a part is true (false if ``negated``)."""
    match tree.unwrap_lets(node):
        case tree.Not(operand=operand):
            return _tested_fields(operand, negated=not negated)
        case tree.Logic(operator=operator, parts=parts):
            each = [_tested_fields(part, negated=negated) for part in parts]
            is_conjunction = (operator == "&&") is not negated
            return _NONE.union(*each) if is_conjunction else each[0].intersection(*each)
        case tree.Has(name=name, operand=operand) if not negated:
            owner = path(operand)
            return _NONE if owner is None else _prefixes(operand) | {(*owner, name)}
        case _:
            return _NONE


def _prefixes(node: Node) -> Paths:
    """Return the fields that a test reads, and those that it reads through."""
    return frozenset(
        name[:length] for name in _fields_read(node) for length in range(2, len(name) + 1)
    )


def _fields_read(node: Node) -> Iterator[Path]:
    """Yield the plain fields that a test always reads.

    Fields in the body of a macro, in logic or in a conditional may not be read.
    """
    name = path(node)
    if name is not None:
        yield name
        return
    if isinstance(node, tree.Logic | tree.Conditional):
        return
    children = (node.over,) if isinstance(node, tree.Macro) else node.children()
    for child in children:
        yield from _fields_read(child)
