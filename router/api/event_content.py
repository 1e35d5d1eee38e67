"""The body of an event as far as history has it, and what of a condition is certain without the rest (pure).

A mask stands in the place of a value, and a body that was cut has no more than the fields that the rules
of that time read, with ``""`` and ``[]`` in the place of texts and lists of which they read no element.
A part of a condition is evaluated without all of these. What it reads of them has no value then, which
makes it true or false only if the rest suffices: ``data.a == 1 || data.masked == 2``. There are two
exceptions, in which its value is never certain:

- It tests whether a field is there, and that field is not known.
- It reads a list or an object as a whole, or each of its members, and some of that is not known.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from router.api.event_views import PartResult
from router.cel.deciding_part import DecidingPart
from router.events.masks import MASK
from router.field_paths import Each, FieldPath

_KNOWN: Final = 0
_NO_VALUE: Final = 1
"""Not known, and read as a field without a value."""
_INCOMPLETE: Final = 2
"""A list or an object of which some is not known."""
_RESULTS: Final = {True: PartResult.TRUE, False: PartResult.FALSE}


class EventContent(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an event as Python values."""

    full: dict[str, Any]
    """As far as it is stored, with masks."""
    is_masked: bool = False
    is_cut: bool = False
    """Whether it may have had fields that a rule reads and history has not."""

    @property
    def is_known(self) -> bool:
        """Whether all that rules read of it is known."""
        return not (self.is_masked or self.is_cut)

    def certain(self) -> dict[str, Any]:
        """Return the part that is known."""
        if self.is_known:
            return self.full
        certain: dict[str, Any] = self._certain(self.full)
        return certain

    def result(self, part: DecidingPart) -> PartResult:
        """Return the value of a part of a condition, which was evaluated for ``certain``."""
        unknown = self._unknown(part.paths)
        if unknown == _INCOMPLETE or (unknown and part.tests_presence):
            return PartResult.UNKNOWN
        if part.value.__class__ is bool:
            return _RESULTS[part.value]
        return PartResult.UNKNOWN if unknown else PartResult.NOTHING

    def _unknown(self, paths: Iterable[FieldPath]) -> int:
        if self.is_known:
            return _KNOWN
        return max((self._unknown_at(self.full, path) for path in paths), default=_KNOWN)

    def _unknown_at(self, value: Any, path: FieldPath) -> int:
        if self._is_hidden(value):
            return _NO_VALUE
        if not path:
            return _INCOMPLETE if self._is_incomplete(value) else _KNOWN
        step, rest = path[0], path[1:]
        if isinstance(value, list) and step is Each.MEMBER:
            return max((self._unknown_at(each, rest) for each in value), default=_KNOWN)
        return self._unknown_below(value, step, rest) if isinstance(value, dict) else _KNOWN

    def _unknown_below(self, members: dict[str, Any], step: str | Each, rest: FieldPath) -> int:
        if step is Each.MEMBER:
            if self.is_cut or any(map(self._is_hidden, members.values())):
                return _INCOMPLETE
            return max((self._unknown_at(each, rest) for each in members.values()), default=_KNOWN)
        if step not in members:
            return _NO_VALUE if self.is_cut else _KNOWN
        return self._unknown_at(members[step], rest)

    def _certain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: self._certain(each)
                for name, each in value.items()
                if not self._is_hidden(each)
            }
        return [self._certain(each) for each in value] if isinstance(value, list) else value

    def _is_hidden(self, value: Any) -> bool:
        """Return whether a value is masked, a list with a masked element, or emptied by the cut."""
        if self.is_cut and value in ("", []):
            return True
        if isinstance(value, list):
            return any(map(self._is_hidden, value))
        return self.is_masked and isinstance(value, str) and MASK in value

    def _is_incomplete(self, value: Any) -> bool:
        if isinstance(value, dict):
            return self.is_cut or any(
                self._is_hidden(each) or self._is_incomplete(each) for each in value.values()
            )
        return isinstance(value, list) and any(map(self._is_incomplete, value))
