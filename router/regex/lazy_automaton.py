"""Searches a text by a deterministic automaton whose states are made when a text first needs them.

A state is the set of positions in the program that the characters so far can have led to. A search keeps
one state and reads each character once. A step is one look-up in a dict, if it has been taken before (50 ns);
a new one follows each position of the state at most once (the size of the program times 0.2 µs). Both bounds
are independent of what was read before, so that a search is linear in the text.

Conditions such as ``^`` and ``$`` depend on the next character too. A state therefore contains the positions before
such conditions, with the kind of the character before, and a step follows them when it knows the next one.

Source: Russ Cox, "Regular Expression Matching Can Be Simple And Fast" (swtch.com/~rsc/regexp/regexp1.html).
"""

import enum
import functools
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from router.regex.pattern_program import Assert, Match, Program, Read, Split
from router.regex.pattern_syntax import LAST, Anchor

_MAX_STEPS: Final = 4096
"""Steps that are remembered; all are forgotten when there are more."""
_MAX_POSITIONS: Final = 1 << 16
"""Positions of all states that are remembered, of 40 bytes or more; all are forgotten when there are more."""
_EXPLORED: Final = 1024
"""Steps that are tried to find all states of an automaton."""
_COST: Final = 13
"""Instructions of RE2 that one costs in a new step."""


class CharacterKind(enum.Enum):
    """A character, as the conditions see it."""

    NONE = "before the start, after the end"
    LINE_END = "a line feed"
    WORD = "[0-9A-Za-z_]"
    OTHER = "another one"


class _State(dict[str, "_State"]):
    """A state: the states that follow it, by the next character, as far as they are known."""

    __slots__ = ("automaton", "before", "positions")

    def __init__(
        self, automaton: "LinearPattern", positions: frozenset[int], before: CharacterKind
    ) -> None:
        super().__init__()
        self.automaton = automaton
        self.positions = positions
        self.before = before

    def __missing__(self, character: str) -> "_State":
        return self.automaton.step(self, character)


class LinearPattern:
    """A compiled pattern, with as much of google-re2's interface as this package uses."""

    def __init__(self, program: Program) -> None:
        self._program = program
        anchors = {each.anchor for each in program.instructions if isinstance(each, Assert)}
        self._reads_words = Anchor.WORD in anchors
        self._reads_lines = bool(anchors & {Anchor.LINE_START, Anchor.LINE_END})
        reads = (each.bounds for each in program.instructions if isinstance(each, Read))
        self._bounds = sorted({0, 0x80, *(bound for bounds in reads for bound in bounds)})
        self._states: dict[tuple[frozenset[int], CharacterKind], _State] = {}
        self._steps = self._positions = 0
        self._found = _State(self, frozenset(), CharacterKind.NONE)
        self._start = self._state(frozenset(), CharacterKind.NONE)

    @functools.cached_property
    def programsize(self) -> int:
        """Instructions of RE2 that a character costs at most.

        An automaton of few states costs one look-up, however often it is searched.
        """
        return 1 if self._is_small() else len(self._program.instructions) * _COST

    def search(self, text: str) -> "LinearPattern | None":
        """Return something if the pattern is found in the text, and None if not.

        Raises:
            UnicodeEncodeError: The text has a lone surrogate, as for google-re2.
        """
        if not text.isascii():
            text.encode()
        state, found = self._start, self._found
        for character in text:
            state = state[character]
            if state is found:
                return self
        return self if self._ends(state) else None

    def step(self, state: _State, character: str) -> _State:
        """Return the state that follows a state, and remember it."""
        representative = character
        if not character.isascii():
            representative = chr(self._bounds[bisect_right(self._bounds, ord(character)) - 1])
            known = state.get(representative)
            if known is not None:
                return known
        if self._steps >= _MAX_STEPS or self._positions >= _MAX_POSITIONS:
            self._forget()
        self._steps += 1
        known = state[representative] = self._follow(state, representative)
        return known

    def _follow(self, state: _State, character: str) -> _State:
        after, code = self._kind(character), ord(character)
        following = set()
        for instruction in self._reached(state, after):
            if isinstance(instruction, Match):
                return self._found
            if bisect_right(instruction.bounds, code) & 1:
                following.add(instruction.then)
        return self._state(frozenset(following), after)

    def _ends(self, state: _State) -> bool:
        return any(isinstance(each, Match) for each in self._reached(state, CharacterKind.NONE))

    def _reached(self, state: _State, after: CharacterKind) -> Iterable[Read | Match]:
        """Yield the instructions that a state leads to, before a character of a kind."""
        instructions, before = self._program.instructions, state.before
        pending = [*state.positions, self._program.start]
        seen = set()
        while pending:
            position = pending.pop()
            if position in seen:
                continue
            seen.add(position)
            match instructions[position]:
                case Split(first=first, second=second):
                    pending += (first, second)
                case Assert(anchor=anchor, then=then):
                    if _holds(anchor, before, after):
                        pending.append(then)
                case instruction:
                    yield instruction

    def _state(self, positions: frozenset[int], before: CharacterKind) -> _State:
        state = self._states.get((positions, before))
        if state is None:
            state = self._states[positions, before] = _State(self, positions, before)
            self._positions += len(positions)
        return state

    def _forget(self) -> None:
        for state in self._states.values():
            state.clear()
        self._states.clear()
        self._states[self._start.positions, self._start.before] = self._start
        self._steps = self._positions = 0

    def _kind(self, character: str) -> CharacterKind:
        if self._reads_lines and character == "\n":
            return CharacterKind.LINE_END
        if self._reads_words and character.isascii() and (character.isalnum() or character == "_"):
            return CharacterKind.WORD
        return CharacterKind.OTHER

    def _is_small(self) -> bool:
        """Return whether the automaton has few states, which are all made then."""
        self._forget()
        alphabet = {"a", "\n", *(chr(bound) for bound in self._bounds if bound <= LAST)}
        pending, seen, steps = [self._start], {id(self._start)}, 0
        while pending:
            state = pending.pop()
            for character in alphabet:
                following = state[character]
                steps += 1
                if id(following) not in seen and following is not self._found:
                    seen.add(id(following))
                    pending.append(following)
            if steps > _EXPLORED:
                return False
        return True


def _holds(anchor: Anchor, before: CharacterKind, after: CharacterKind) -> bool:
    """Return whether the position between two characters has an anchor."""
    match anchor:
        case Anchor.TEXT_START:
            return before is CharacterKind.NONE
        case Anchor.TEXT_END:
            return after is CharacterKind.NONE
        case Anchor.LINE_START:
            return before in {CharacterKind.NONE, CharacterKind.LINE_END}
        case Anchor.LINE_END:
            return after in {CharacterKind.NONE, CharacterKind.LINE_END}
        case Anchor.WORD:
            return (before is CharacterKind.WORD) is not (after is CharacterKind.WORD)
