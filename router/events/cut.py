"""Cut a JSON array into its elements although one of them is malformed, or too deep for a decoder.

Only strings, brackets and commas are looked at. Each element is decoded by itself afterwards, so
that a wrong cut makes a malformed element and never an event. The work is linear in the text, and
the steps of this module's own are bounded.
"""

import re
from typing import Final

_MAX_STEPS: Final = 200_000
"""Runs of brackets that are looked at. A thousand events of Twilio have a tenth of it."""
_WHITESPACE: Final = b" \t\r\n"
# No possessive groups: those of Python before 3.11.5 match wrongly (python/cpython#106052).
_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_BETWEEN: Final = re.compile(
    rb'[^",\[\]{}]*(?:' + _STRING + rb'[^",\[\]{}]*)*([,\[\]{}])', re.DOTALL
)
"""Up to the next comma or bracket of the array itself."""
_WITHIN: Final = re.compile(
    rb'[^"\[\]{}]*(?:' + _STRING + rb'[^"\[\]{}]*)*(?:([\[{]+)|([\]}]+))', re.DOTALL
)
"""Up to the next brackets of an element, with all of them that follow each other."""


def cut_array(text: bytes, *, most: int) -> list[bytes] | None:
    """Return the elements of an array; None if ``text`` is not one, or does not end where it does.

    Args:
        text: JSON, of which elements may be malformed.
        most: The search ends when there are more elements.
    """
    text = text.strip(_WHITESPACE)
    if not text.startswith(b"["):
        return None
    scanner = _Scanner(text)
    elements: list[bytes] = []
    while len(elements) <= most:
        start = scanner.position
        mark = scanner.skip_element()
        if mark == b"]" and scanner.position != len(text):
            return None
        if mark not in {b",", b"]"}:
            return None
        element = text[start : scanner.position - 1].strip(_WHITESPACE)
        if element:
            elements.append(element)
        if mark == b"]":
            break
    return elements or None


class _Scanner:
    """A position in the text of an array, behind its opening bracket at first."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._steps = _MAX_STEPS
        self.position = 1

    def skip_element(self) -> bytes:
        """Move behind the comma or the bracket after an element; return it, ``b""`` if none is."""
        while found := _BETWEEN.match(self._text, self.position):
            self.position = found.end()
            if found[1] not in {b"[", b"{"}:
                return found[1]
            if not self._skip_nested():
                break
        return b""

    def _skip_nested(self) -> bool:
        """Move behind the bracket that closes an open one; return whether there is one."""
        depth = 1
        while depth and self._steps:
            self._steps -= 1
            found = _WITHIN.match(self._text, self.position)
            if found is None:
                return False
            closing = found[2]
            if closing is None:
                depth += len(found[1])
                self.position = found.end()
            else:
                closed = min(len(closing), depth)
                depth -= closed
                self.position = found.start(2) + closed
        return not depth
