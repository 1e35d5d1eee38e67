"""The mutants of a Python module or a Lua script: the same text with one change each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec


class Mutant(msgspec.Struct, frozen=True):
    """One change of a file."""

    path: str
    """Relative to the repository."""
    start: int
    """The position of the change in bytes."""
    end: int
    line: int
    before: str
    after: str

    def apply(self, source: bytes) -> bytes:
        """Return the changed file."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        before, after = (" ".join(text.split())[:70] for text in (self.before, self.after))
        return f"{self.path}:{self.line}: {before}  ->  {after}"


_SWAPS: Final[dict[type[Any], type[Any]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
}
_TEXT: Final = re.compile(r"\b(logger|_log|logging)\b")


def mutants_of(root: Path, path: str) -> Iterator[Mutant]:
    """Yield all mutants of a file."""
    source = (root / path).read_bytes()
    if path.endswith(".lua"):
        yield from _lua_mutants(path, source)
    else:
        yield from _python_mutants(path, source)


def _python_mutants(path: str, source: bytes) -> Iterator[Mutant]:
    starts = [0, 0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in _code(ast.parse(source)):
        for after in _changes(node):
            start = starts[node.lineno] + node.col_offset
            end = starts[node.end_lineno or 0] + (node.end_col_offset or 0)
            yield Mutant(path, start, end, node.lineno, source[start:end].decode(), after)


def _code(node: ast.AST) -> Iterator[Any]:
    """Yield the nodes that run, without annotations, decorators, docstrings and text for people."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases", "type_params"}:
            continue
        if name == "keywords" and isinstance(node, ast.ClassDef):  # frozen=True
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_text(child):
                yield from _code(child)


def _is_text(node: ast.AST) -> bool:
    is_string = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    is_log = isinstance(node, ast.Expr) and _TEXT.search(ast.unparse(node)) is not None
    is_slots = isinstance(node, ast.Assign) and ast.unparse(node).startswith("__")
    return is_string or is_log or is_slots or isinstance(node, ast.JoinedStr | ast.ImportFrom)


def _changes(node: Any) -> Iterator[str]:
    """Yield what may stand in place of a node."""
    changed = _statement(node) if isinstance(node, ast.stmt) else _expression(node)
    if changed is not None:
        yield changed


def _statement(node: ast.stmt) -> str | None:
    match node:
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            return "return None"
        case ast.Expr(value=ast.Await() | ast.Call()) | ast.Raise() | ast.Break() | ast.Continue():
            return "pass"
        case _:
            return None


def _expression(node: Any) -> str | None:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _SWAPS:
            return _paren(ast.Compare(left, [_SWAPS[type(op)]()], [right]))
        case ast.BoolOp(op=op, values=values):
            return _paren(ast.BoolOp(_SWAPS[type(op)](), values))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SWAPS:
            return _paren(ast.BinOp(left, _SWAPS[type(op)](), right))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _paren(operand)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _paren(ast.IfExp(test, orelse, body))
        case _:
            return _constant(node.value) if isinstance(node, ast.Constant) else None


def _constant(value: object) -> str | None:
    if isinstance(value, bool):
        return str(not value)
    return repr(value + 1) if isinstance(value, int | float) else None


def _paren(node: ast.expr) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"


_LUA: Final = (
    (re.compile(r" == "), " ~= "),
    (re.compile(r" ~= "), " == "),
    (re.compile(r" <= "), " < "),
    (re.compile(r" >= "), " > "),
    (re.compile(r" < "), " <= "),
    (re.compile(r" > "), " >= "),
    (re.compile(r" \+ "), " - "),
    (re.compile(r" - "), " + "),
    (re.compile(r" and "), " or "),
    (re.compile(r" or "), " and "),
    (re.compile(r"\bnot "), ""),
    (re.compile(r"\btrue\b"), "false"),
    (re.compile(r"\bfalse\b"), "true"),
    (re.compile(r"(?<![\w.'-])1(?![\w.'])"), "2"),
    (re.compile(r"(?<![\w.'-])0(?![\w.'])"), "1"),
    (re.compile(r"(?m)(?<=^)( *)(redis\.call\([^\n]*\))$"), "do end"),
    (
        re.compile(r"(?m)(?<=^)( *)((?:end_job|end_if_empty|enqueue|seal|extend|drop)\([^\n]*\))$"),
        "do end",
    ),
    (re.compile(r"(?<=then )return (?:-?\d|\w+)(?= end)"), "do end"),
)


def _lua_mutants(path: str, source: bytes) -> Iterator[Mutant]:
    text = source.decode()
    # Of the same length, so that positions stay.
    code = re.sub(r"--[^\n]*|#![^\n]*", lambda comment: " " * len(comment[0]), text)
    for pattern, after in _LUA:
        for found in pattern.finditer(code):
            start, end = found.span(2) if pattern.groups == 2 else found.span()
            line = text.count("\n", 0, start) + 1
            at = [len(text[:position].encode()) for position in (start, end)]
            yield Mutant(path, *at, line, text[start:end], after)
