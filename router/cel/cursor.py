"""Where a parser is in its tokens, and what it does at every step."""

from collections.abc import Callable
from typing import TypeVar

from router.cel import limits
from router.cel.lexer import Token, tokens
from router.errors import ConditionError

T = TypeVar("T")


class TokenCursor:
    def __init__(self, source: str) -> None:
        self._tokens = tokens(source)
        self._at = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def stands(self, *texts: str) -> bool:
        """Whether the next token is one of these operators or names."""
        token = self.next
        return token.text in texts and token.kind in {"operator", "name"}

    def follow(self, *texts: str) -> bool:
        """Take these operators and names if all of them come next, in this order."""
        found = self._tokens[self._at : self._at + len(texts)]
        if [token.text for token in found] != list(texts):
            return False
        self._at += len(texts)
        return True

    def skip(self, text: str) -> bool:
        """Take the token if it is this one."""
        if self.stands(text):
            self._at += 1
            return True
        return False

    def expect(self, text: str, after: str) -> Token:
        if not self.stands(text):
            raise self.unexpected(f"expected {text!r} {after}")
        return self.take()

    def unexpected(self, what: str) -> ConditionError:
        token = self.next
        found = "the end" if token.kind == "end" else repr(token.text)
        return ConditionError(f"{what}, found {found}", offset=token.offset, length=token.length)

    def length_from(self, offset: int) -> int:
        """How long that is what was taken since there."""
        last = self._tokens[self._at - 1]
        return last.offset + last.length - offset

    def items(self, end: str, item: Callable[[], T]) -> list[T]:
        """What stands between commas, up to ``end``; a comma may stand after the last."""
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
