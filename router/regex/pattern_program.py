"""Compiles a pattern's tree to a program: the instructions of Thompson's automaton.

A counted repetition is written out, so that the size of a program is what a step of a search costs at most.
"""

from typing import Final

import msgspec

from router.regex.pattern_syntax import (
    Alternation,
    Anchor,
    Characters,
    Concatenation,
    NotSupportedError,
    Repetition,
    Tree,
)

MAX_SIZE: Final = 1000
"""Instructions. RE2 permits about 10,000, of which each costs a tenth."""
_MAX_PARTS: Final = 2 * MAX_SIZE
"""Parts of a tree, each as often as it is repeated."""


class Read(msgspec.Struct, frozen=True):
    """Read a character of a set."""

    bounds: tuple[int, ...]
    """Code points at which membership changes: the first one of each range, and the one after its last."""
    then: int


class Assert(msgspec.Struct, frozen=True):
    """Go on if the position has the anchor."""

    anchor: Anchor
    then: int


class Split(msgspec.Struct, frozen=True):
    """Go on at both."""

    first: int
    second: int


class Match(msgspec.Struct, frozen=True):
    """The pattern was found."""


Instruction = Read | Assert | Split | Match


class Program(msgspec.Struct, frozen=True):
    """The instructions, and where they begin."""

    instructions: tuple[Instruction, ...]
    start: int


def compile_program(tree: Tree) -> Program:
    """Return the program of a tree. Raise NotSupportedError if it is too large."""
    writer = _Writer()
    start = writer.write(tree, writer.add(Match()))
    return Program(tuple(writer.instructions), start)


class _Writer:
    """Writes instructions from the end of a pattern to its start, so that each knows the next one."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self._written = 0

    def add(self, instruction: Instruction) -> int:
        """Append an instruction and return its position."""
        if len(self.instructions) >= MAX_SIZE:
            raise NotSupportedError("so large a pattern")
        self.instructions.append(instruction)
        return len(self.instructions) - 1

    def write(self, tree: Tree, then: int) -> int:
        """Write what matches ``tree`` and goes on at ``then``; return where it starts."""
        self._written += 1  # an empty part that is repeated writes no instruction
        if self._written > _MAX_PARTS:
            raise NotSupportedError("so large a pattern")
        match tree:
            case Anchor():
                return self.add(Assert(tree, then))
            case Characters(ranges=ranges):
                bounds = tuple(bound for low, high in ranges for bound in (low, high + 1))
                return self.add(Read(bounds, then))
            case Concatenation(parts=parts):
                for part in reversed(parts):
                    then = self.write(part, then)
                return then
            case Alternation():
                return self._write_choice(tree, then)
            case Repetition():
                return self._write_repetition(tree, then)

    def _write_choice(self, tree: Alternation, then: int) -> int:
        starts = [self.write(part, then) for part in tree.parts]
        first = starts.pop()
        while starts:
            first = self.add(Split(starts.pop(), first))
        return first

    def _write_repetition(self, tree: Repetition, then: int) -> int:
        if tree.most is None:
            then = self._write_loop(tree.part, then)
        else:
            end = then
            for _ in range(tree.most - tree.least):
                then = self.add(Split(self.write(tree.part, then), end))
        for _ in range(tree.least):
            then = self.write(tree.part, then)
        return then

    def _write_loop(self, part: Tree, then: int) -> int:
        loop = self.add(Match())  # replaced as soon as the start of its part is known
        self.instructions[loop] = Split(self.write(part, loop), then)
        return loop
