"""Paths to fields of a CloudEvent, as settings write them (pure).

==============================  =======================================================
``subject``                     an attribute
``data``                        all of the data
``data.from``                   a field; its name looks into the elements of a list, too
``data["caller.number"]``       a field whose name is not letters, digits, ``_`` and ``-``
``data.participants[*].from``   a field of each element of a list
``data.*.phone``                a field of each member of an object
==============================  =======================================================

``[*]`` and ``*`` mean the same: each element of a list, or each member of an object.
"""

import enum
import re
from typing import Final

import msgspec

NECESSARY: Final = frozenset(
    {"specversion", "id", "source", "type", "time", "datacontenttype", "dataschema"}
)
"""Attributes that no path can name, because an event is known and read by them."""
PATHS_LIMIT: Final = 100
PATH_LIMIT: Final = 512
"""Characters of one path."""

_STEP: Final = re.compile(
    r'\.(?P<name>[A-Za-z0-9_-]+)|(?P<each>\.\*|\[\*\])|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]'
)
_ATTRIBUTE: Final = re.compile(r"[A-Za-z0-9_-]+")
_EXAMPLE: Final = "write for example data.from, data.participants[*].from or subject"
_SHOWN: Final = 80


class Each(enum.Enum):
    """The step of a path to all elements of a list, or to all members of an object."""

    MEMBER = "*"


FieldPath = tuple[str | Each, ...]
"""From the whole CloudEvent: ``("data", "participants", Each.MEMBER, "from")``."""


class FieldPaths(tuple[FieldPath, ...]):
    """Paths, written with commas between them."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "FieldPaths":
        """Return the paths of a list; raise ValueError with what to write instead."""
        parts = [part.strip() for part in text.split(",")]
        if len(parts) > PATHS_LIMIT:
            raise ValueError(f"has {len(parts)} paths, at most {PATHS_LIMIT}")
        return cls(dict.fromkeys(map(parse_field_path, parts)))


def check_field_paths(text: str) -> None:
    """Raise ValueError unless ``text`` is a list of paths."""
    FieldPaths.parse(text)


def parse_field_path(text: str) -> FieldPath:
    """Return the path that ``text`` denotes.

    Raises ValueError with a message that completes a sentence after the name of a setting.
    """
    if not text:
        raise ValueError(f"has an empty path, {_EXAMPLE}")
    if len(text) > PATH_LIMIT:
        raise ValueError(f"has a path with more than {PATH_LIMIT} characters, {_EXAMPLE}")
    shown = repr(text[:_SHOWN])
    root = _ATTRIBUTE.match(text)
    if root is None:
        raise ValueError(f"has {shown}, which begins with no attribute, {_EXAMPLE}")
    steps: list[str | Each] = [root[0]]
    end = root.end()
    while end < len(text):
        step = _STEP.match(text, end)
        if step is None:
            raise ValueError(f"has {shown}, which is wrong at {text[end : end + 20]!r}, {_EXAMPLE}")
        steps.append(_step(step, shown))
        end = step.end()
    _check_root(root[0], steps, shown, text)
    return tuple(steps)


def path_text(path: FieldPath) -> str:
    """Return a path as it is written."""
    first, *steps = path
    return f"{first}{''.join(map(_step_text, steps))}"


def _step_text(step: str | Each) -> str:
    if isinstance(step, Each):
        return "[*]"
    return f".{step}" if _ATTRIBUTE.fullmatch(step) else f"[{msgspec.json.encode(step).decode()}]"


def _step(found: re.Match[str], shown: str) -> str | Each:
    if found["each"]:
        return Each.MEMBER
    if found["name"]:
        return found["name"]
    try:
        return msgspec.json.decode(found["quoted"], type=str)
    except msgspec.DecodeError:
        raise ValueError(f"has {shown}, of which a name in quotes is no JSON string") from None


def _check_root(root: str, steps: list[str | Each], shown: str, text: str) -> None:
    if root in {"event", "message"} and len(steps) > 1:
        raise ValueError(f"has {shown}, write {text.partition('.')[2][:_SHOWN] or 'data'}")
    if root == "data_base64":
        raise ValueError(f"has {shown}, write data: it stands for data_base64, too")
    if root in NECESSARY:
        raise ValueError(
            f"has {shown}, by which an event is known; name fields of data, or subject"
        )
    if len(steps) > 1 and root != "data":
        raise ValueError(f"has {shown}, but only data has fields, write data.{text[:_SHOWN]}")
    if not re.fullmatch("[a-z0-9]+", root):
        raise ValueError(
            f"has {shown}, which is no attribute of a CloudEvent, write data.{text[:_SHOWN]}"
        )
