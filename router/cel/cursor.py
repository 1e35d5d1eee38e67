"""The position of a parser in its tokens, and the steps that all its parts share."""

from collections.abc import Callable
from typing import TypeVar

from router.cel import limits
from router.cel.lexer import Token, tokens
from router.errors import ConditionError

T = TypeVar("T")


class TokenCursor:
    """Reads the tokens of a condition one by one."""

    def __init__(self, source: str) -> None:
        self._tokens = tokens(source)
        self._position = 0

    @property
    def next(self) -> Token:
        """The next token, not taken."""
        return self._tokens[self._position]

    def take(self) -> Token:
        """Return the next token and advance."""
        token = self._tokens[self._position]
        self._position += 1
        return token

    def next_is(self, *texts: str) -> bool:
        """Return whether the next token is one of these operators or names."""
        token = self.next
        return token.text in texts and token.kind in {"operator", "name"}

    def skip_all(self, *texts: str) -> bool:
        """Skip these operators and names if they are the next tokens, in this order."""
        found = self._tokens[self._position : self._position + len(texts)]
        if [token.text for token in found] != list(texts):
            return False
        self._position += len(texts)
        return True

    def skip(self, text: str) -> bool:
        """Skip the next token if it is this operator or name."""
        if self.next_is(text):
            self._position += 1
            return True
        return False

    def expect(self, text: str, after: str) -> Token:
        """Take the operator or name ``text``. Raise ConditionError if another token is next."""
        if not self.next_is(text):
            raise self.unexpected(f"expected {text!r} {after}")
        return self.take()

    def unexpected(self, expected: str) -> ConditionError:
        """Return the error that names the next token and the ``expected`` one."""
        token = self.next
        found = "the end" if token.kind == "end" else repr(token.text)
        return ConditionError(
            f"{expected}, found {found}", offset=token.offset, length=token.length
        )

    def length_from(self, offset: int) -> int:
        """Return how many characters the tokens taken since ``offset`` span."""
        last = self._tokens[self._position - 1]
        return last.offset + last.length - offset

    def items(self, end: str, item: Callable[[], T]) -> list[T]:
        """Parse items between commas up to ``end``. The last item may have a comma after it."""
        found: list[T] = []
        while not self.skip(end):
            if found:
                self.expect(",", "between two")
                if self.skip(end):
                    break
            found.append(item())
            if len(found) > limits.ITEMS:
                raise ConditionError(
                    f"more than {limits.ITEMS} items in one list", offset=self.next.offset
                )
        return found
