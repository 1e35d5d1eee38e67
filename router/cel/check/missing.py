"""Where a condition is silent about events that lack a field, though it reads as if it held.

``data.name != "x"`` holds for no event without a name: a missing field is an error, and an error is
no match. So does every test that is turned round (``!``, ``!=``), and a comparison with null. Such a
test is found here, unless the condition makes sure of the field: by ``has()``, or because another
part that must hold needs it too.

The condition is walked with a sign, as logic is negated by De Morgan: under ``!``, ``||`` is a
conjunction and ``==`` a denial. In a conjunction each part may rely on what the others need; in a
disjunction on what the others, being false, deny (``!has(data.a) || …``).
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

Path = tuple[str, ...]
Paths = frozenset[Path]
_NONE: Final[Paths] = frozenset()


def silent_parts(source: str, root: Node, names: Mapping[str, Type]) -> list[TypeProblem]:
    """A warning for each test that does not hold where a field is missing, and may be meant to."""
    finder = _Finder(source, names)
    finder.look(root, denied=False, present=_NONE)
    return finder.problems


class _Finder:
    def __init__(self, source: str, names: Mapping[str, Type]) -> None:
        self._source = source
        self._names = names
        self.problems: list[TypeProblem] = []

    def look(self, node: Node, *, denied: bool, present: Paths) -> None:
        """Find such tests below a node; ``present`` are the fields that are there for sure."""
        match node:
            case tree.Let(body=body, source=source):
                inner = _Finder(source, self._names)
                inner.look(body, denied=denied, present=present)
                # What is behind a name is shown where the name stands.
                self.problems += [
                    msgspec.structs.replace(each, offset=node.offset, length=node.length)
                    for each in inner.problems
                ]
            case tree.Not(operand=operand):
                self.look(operand, denied=not denied, present=present)
            case tree.Logic():
                self._look_at_parts(node, denied=denied, present=present)
            case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
                for branch, holds in ((then, True), (otherwise, False)):
                    sure = present | _asked(condition, denied=not holds)
                    self.look(branch, denied=denied, present=sure)
            case _:
                if _is_denial(node, denied=denied):
                    self._judge(node, denied=denied, present=present)

    def _look_at_parts(self, node: tree.Logic, *, denied: bool, present: Paths) -> None:
        """Each part, with what is sure where the other parts do not decide already."""
        all_hold = (node.operator == "&&") is not denied
        each = [
            _relied_on(part, denied=denied) if all_hold else _asked(part, denied=not denied)
            for part in node.parts
        ]
        given_by = Counter(name for names in each for name in names)
        for part, own in zip(node.parts, each, strict=True):
            by_others = {name for name, count in given_by.items() if count > (name in own)}
            self.look(part, denied=denied, present=present | by_others)

    def _judge(self, node: Node, *, denied: bool, present: Paths) -> None:
        lacking = [name for name in self._optional(node) if name not in present]
        if not lacking:
            return
        test = self._written(node)
        if denied:
            test = (
                f"!{test}" if isinstance(node, tree.Has | tree.Field | tree.Call) else f"!({test})"
            )
        shown = ".".join(lacking[0])
        absent = " || ".join(f"!has({'.'.join(name)})" for name in lacking)
        self.problems.append(
            TypeProblem(
                node.offset,
                node.length,
                f"`{test}` does not hold for an event without {shown}",
                f"write {absent} || {test} if it should, has({shown}) && … if it should not",
                is_warning=True,
            )
        )

    def _optional(self, node: Node) -> list[Path]:
        """The fields on the way to what a test reads that an event may lack."""
        found: dict[Path, None] = {}
        for name in _read(node):
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

    def _written(self, node: Node) -> str:
        text = " ".join(self._source[node.offset : node.offset + node.length].split())
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _is_denial(node: Node, *, denied: bool) -> bool:
    """Whether a test, by its sense, holds for what is not there."""
    if isinstance(node, tree.Binary) and node.operator in {"==", "!="}:
        is_equality = (node.operator == "==") is not denied
        with_null = any(_is_null(side) for side in (node.left, node.right))
        return is_equality is with_null
    return denied


def _is_null(node: Node) -> bool:
    value = tree.unwrap_lets(node)
    return isinstance(value, tree.Literal) and value.value is None


def _relied_on(node: Node, *, denied: bool) -> Paths:
    """The fields that are there if a part is true (false, if ``denied``)."""
    match tree.unwrap_lets(node):
        case tree.Not(operand=operand):
            return _relied_on(operand, denied=not denied)
        case tree.Logic(operator=operator, parts=parts):
            each = [_relied_on(part, denied=denied) for part in parts]
            all_hold = (operator == "&&") is not denied
            return _NONE.union(*each) if all_hold else each[0].intersection(*each)
        case tree.Has():
            return _asked(node, denied=denied)
        case test:
            # A denial is itself in question.
            return _NONE if _is_denial(test, denied=denied) else _prefixes(test)


def _asked(node: Node, *, denied: bool) -> Paths:
    """The fields that ``has`` has found if a part is true (false, if ``denied``)."""
    match tree.unwrap_lets(node):
        case tree.Not(operand=operand):
            return _asked(operand, denied=not denied)
        case tree.Logic(operator=operator, parts=parts):
            each = [_asked(part, denied=denied) for part in parts]
            all_hold = (operator == "&&") is not denied
            return _NONE.union(*each) if all_hold else each[0].intersection(*each)
        case tree.Has(name=name, operand=operand) if not denied:
            owner = path(operand)
            return _NONE if owner is None else _prefixes(operand) | {(*owner, name)}
        case _:
            return _NONE


def _prefixes(node: Node) -> Paths:
    """The fields that a test reads, and those on the way to them."""
    return frozenset(name[:length] for name in _read(node) for length in range(2, len(name) + 1))


def _read(node: Node) -> Iterator[Path]:
    """The plain fields that a test always reads: not those in a macro's body, nor behind a choice."""
    name = path(node)
    if name is not None:
        yield name
        return
    if isinstance(node, tree.Logic | tree.Conditional):
        return
    children = (node.over,) if isinstance(node, tree.Macro) else node.children()
    for child in children:
        yield from _read(child)
