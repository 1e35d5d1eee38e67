"""Replace the values of fields by ``***``, in what people see of events and in what history stores.

Fields are named by paths (``router.field_paths``). A mask errs towards masking: a name looks into the
elements of a list and into JSON that stands in a text, as the data of Twilio's older events does. What
cannot be looked into is masked as a whole if it may contain the field: a text that is no JSON but has
the name in it, and ``data_base64`` that is neither JSON nor text.

Only the parts of a body on a path are decoded; all other bytes stay as the sender wrote them. A body
without the name of a masked field is searched and not decoded.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from router.errors import EventError
from router.events import charsets, payload
from router.events.json_text import UNDECODABLE, mended
from router.field_paths import FieldPath, FieldPaths, parse_field_path
from router.field_tree import FieldTree

MASK: Final = "***"
"""The text in place of a value."""

_MASKED_BODY: Final = msgspec.json.encode(MASK)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
"""A name that JSON writes in one way, unless it has escapes."""
_JSON_IN_TEXT: Final = re.compile(r"\s*[\[{]")
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


class Masks:
    """The fields whose values are replaced.

    Args:
        paths: The fields, of ``ROUTER_MASKED_FIELDS``.
    """

    def __init__(self, paths: Iterable[FieldPath] = ()) -> None:
        self.paths = tuple(paths)
        self._tree = FieldTree.of(self.paths)
        names = [_last_name(path) for path in self.paths]
        self._is_searchable = all(map(_PLAIN_NAME.fullmatch, names))
        self._needles = tuple({name.lower().encode() for name in names})
        if any(path[0] == "data" for path in self.paths):
            self._needles += (b"data_base64",)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Masks":
        """Return the masks of paths such as ``data.from``; raise ValueError for one that is none."""
        return cls(FieldPaths(map(parse_field_path, texts)))

    def __bool__(self) -> bool:
        return bool(self.paths)

    def applied(self, document: Any) -> Any:
        """Return a whole CloudEvent, or a list of them, with masked values.

        The argument does not change. It is returned itself if it has none of the fields.

        Args:
            document: As decoded from JSON; its ``data`` may be decoded from ``data_base64``.
        """
        if not self.paths:
            return document
        try:
            return _events(document, self._tree)
        except RecursionError:
            return MASK

    def applied_to(self, body: bytes) -> tuple[bytes, bool]:
        """Return a CloudEvent in JSON with masked values, and whether there are any.

        Never fails, whatever the bytes are: a body that is not JSON is masked as a whole if it has
        the name of a masked field in it.
        """
        if not self.paths or not self._may_concern(body):
            return body, False
        for text in (body, mended(body)):
            whole = msgspec.Raw(text)
            try:
                masked = _events(whole, self._tree)
                if masked is not whole:
                    return msgspec.json.encode(masked), True
                if not isinstance(_opened(whole), msgspec.Raw):
                    return body, False
            except (*UNDECODABLE, UnicodeEncodeError):
                continue
        return _MASKED_BODY, True

    def _may_concern(self, body: bytes) -> bool:
        """Return whether a text may have one of the fields; False is certain."""
        if not self._is_searchable:
            return True
        lower = body.lower()
        # An escape may be in a name, and a NUL means another character set.
        return any(each in lower for each in (*self._needles, b"\\u", b"\x00"))


NO_MASKS: Final = Masks()


def _events(value: Any, tree: FieldTree) -> Any:
    """Mask a CloudEvent, or each of a list."""
    opened = _opened(value)
    if isinstance(opened, list):
        masked = [_events(each, tree) for each in opened]
        return masked if _differ(masked, opened) else value
    if not isinstance(opened, dict):
        return MASK if isinstance(opened, str) and _names_one_of(opened, tree) else value
    event = _members(opened, tree)
    data = tree.names.get("data")
    if data is not None and (packed := opened.get("data_base64")) is not None:
        masked = _packed(packed, opened, data)
        if masked is not packed:
            event = {**event, "data_base64": masked}
    return value if event is opened else event


def _value(value: Any, tree: FieldTree) -> Any:
    """Mask a value, which is decoded, or JSON; return it itself if no path ends in it."""
    if tree.is_end:
        return MASK
    opened = _opened(value)
    masked: Any
    match opened:
        case dict():
            masked = _members(opened, tree)
        case list():
            elements = [_element(each, tree) for each in opened]
            masked = elements if _differ(elements, opened) else opened
        case str():
            masked = _text(opened, tree)
        case _:
            return value
    return value if masked is opened else masked


def _members(members: dict[str, Any], tree: FieldTree) -> dict[str, Any]:
    """Mask the members of an object; return it itself if no path ends in them."""
    masked: dict[str, Any] = {}
    for name in tree.names if tree.each is None else members:
        below = tree.member(name)
        if below is None or name not in members:
            continue
        value = _value(members[name], below)
        if value is not members[name]:
            masked[name] = value
    return {**members, **masked} if masked else members


def _element(value: Any, tree: FieldTree) -> Any:
    """Mask an element of a list. A name looks into it, but not into a list in a list."""
    if isinstance(_opened(value), list):
        return value if tree.each is None else _value(value, tree.each)
    if tree.each is None:
        return _value(value, tree)
    return _value(value, tree.each.with_(FieldTree(names=tree.names)))


def _text(text: str, tree: FieldTree) -> str:
    """Mask JSON in a text; return the text itself if no path ends in it."""
    if _JSON_IN_TEXT.match(text):
        try:
            whole = msgspec.Raw(text.encode())
            masked = _value(whole, tree)
            return text if masked is whole else msgspec.json.encode(masked).decode()
        except (*UNDECODABLE, UnicodeEncodeError):
            pass
    return MASK if _names_one_of(text, tree) else text


def _packed(packed: Any, event: dict[str, Any], tree: FieldTree) -> Any:
    """Mask the attribute ``data_base64`` of an event. The tree begins in its data."""
    text = _opened(packed)
    if text is None:
        return packed
    content_type = _opened(event.get("datacontenttype"))
    stated = content_type if isinstance(content_type, str) else ""
    try:
        data = payload.unpacked(text, stated)
        if data is msgspec.UNSET or tree.is_end:
            return MASK
        masked = _value(data, tree)
        if masked is data:
            return packed
        if masked == MASK or charsets.codec_of(stated) != charsets.UTF8:
            return MASK
        content = masked.encode() if isinstance(data, str) else msgspec.json.encode(masked)
    except (EventError, UnicodeEncodeError):
        return MASK
    return base64.b64encode(content).decode()


def _opened(value: Any) -> Any:
    """Return an object, a list or a text that is JSON, decoded by one level; others as they are.

    Raises one of ``UNDECODABLE``.
    """
    if not isinstance(value, msgspec.Raw):
        return value
    text = bytes(value).lstrip(b" \t\r\n")
    match text[:1]:
        case b"{":
            return _decode_object(text)
        case b"[":
            return _decode_list(text)
        case b'"':
            return _decode_text(text)
        case b"n":
            return msgspec.json.decode(text)
        case _:
            return value


def _differ(masked: Iterable[Any], values: Iterable[Any]) -> bool:
    return any(new is not old for new, old in zip(masked, values, strict=True))


def _names_one_of(text: str, tree: FieldTree) -> bool:
    """Return whether a text has the last name of a path, or a path needs no further name."""
    lower = text.lower()
    return any(name.lower() in lower for name in _last_names(tree))


def _last_names(tree: FieldTree, name: str = "") -> Iterator[str]:
    if tree.is_end:
        yield name
    for each, below in tree.names.items():
        yield from _last_names(below, each)
    if tree.each is not None:
        yield from _last_names(tree.each, name)


def _last_name(path: FieldPath) -> str:
    """Return the last name of a path; ``""``, which is in each text, if it has none."""
    names: Iterator[str] = (step for step in reversed(path) if isinstance(step, str))
    return next(names, "")
