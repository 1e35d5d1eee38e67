"""From a verified request to CloudEvents: the expressions of a source, evaluated (pure).

The expressions read ``body``, ``form``, ``headers``, ``query``, ``received_at`` and ``item``. They are
names for fields of one map, which the compiled expressions read as the event, and ``item`` as its data.

An item that cannot be mapped is malformed and goes to quarantine with its reason; its neighbours
become events. A request that cannot be decoded or cut is malformed as a whole.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from router.cel import ERROR, Condition, Expression, Verdict, as_json, as_text, compile_expression
from router.cel.paths_read import paths_read
from router.cel.tree import path as tree_path
from router.cel.values import Optional, TimestampValue, describe_type
from router.errors import EventError, EventsTooLargeError
from router.events import cloudevents, limits
from router.events.model import Event, Malformed, key_of
from router.field_paths import FieldPath
from router.media_types import JSON
from router.settings.model import Settings
from router.sources.contract import RequestHead
from router.sources.event_time import event_time
from router.sources.request_body import BodyKind, RequestBody, decode_body
from router.sources.request_fields import RequestFields
from router.sources.spec import Reply, SourceSpec

NAMES: Final[Mapping[str, Expression]] = {
    "body": compile_expression("event.body"),
    "form": compile_expression("event.form"),
    "headers": compile_expression("event.headers"),
    "query": compile_expression("event.query"),
    "received_at": compile_expression("event.received_at"),
    "item": compile_expression("data"),
}
"""The names that the expressions of a source may use."""

_ATTRIBUTE_LENGTH: Final = 2048
_TYPE_LENGTH: Final = 512
_ATTRIBUTES: Final = ("type", "source", "id", "subject")
"""The attributes that are any text."""
_SHOWN: Final = 200
"""Characters of a value in a reason."""
_ITEM: Final = ("data",)
_BODY: Final = ("event", "body")
_RECEIVED_AT: Final = ("event", "received_at")


class OpenedRequest(msgspec.Struct, frozen=True):
    """A request that has been decoded and cut."""

    body: RequestBody
    names: Mapping[str, Any]
    """The values of the names, but for ``item``."""
    items: tuple[Any, ...]
    """A value for each event."""


class SourceReply(msgspec.Struct, frozen=True):
    """The answer to a handshake."""

    status: int
    content: bytes
    content_type: str
    visit: str | None = None
    """A URL to get before answering."""
    hosts: tuple[str, ...] = ()
    """Patterns of the hosts that may be visited."""


class MappingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a request."""

    max_events: int
    max_depth: int
    """Nesting depth of arrays and objects."""
    max_values: int
    """Values of the whole body."""

    @classmethod
    def of(cls, settings: Settings) -> "MappingLimits":
        """Return the limits of the settings."""
        return cls(
            max_events=settings.max_events_per_request,
            max_depth=settings.max_depth,
            max_values=limits.max_request_values(settings.max_body),
        )


class UnmappableError(EventError):
    """Raised when a request cannot be decoded or cut; a verified one is quarantined as a whole."""


class SourceMapping:
    """The mapping of one source.

    Args:
        spec: The source.
        limits: Limits of a request.
        new_id: Makes the id of an event whose source gives none.
    """

    def __init__(
        self, spec: SourceSpec, request_limits: MappingLimits, new_id: Callable[[], str]
    ) -> None:
        self.spec: Final = spec
        self.limits: Final = request_limits
        self._max_events = min(spec.events_per_request, request_limits.max_events)
        self._new_id = new_id
        self._read_paths = _paths_read(spec)
        self._read_names = frozenset(name for name in NAMES if self.reads(name))
        self.fields: Final = RequestFields(spec.verify.values())
        path_of_data = _path(spec.event.data)
        # A field of the body is JSON already, and converting it would visit each of its values.
        self._data_is_json = path_of_data is not None and path_of_data[:2] != _RECEIVED_AT
        self._takes_body = path_of_data == _BODY or (path_of_data == _ITEM and spec.split is None)

    def open(self, head: RequestHead, body: bytes, content_type: str) -> OpenedRequest:
        """Decode a request and cut it into items.

        Args:
            head: The request.
            body: Its body, decompressed.
            content_type: The header ``Content-Type``, with its parameters.

        Raises:
            UnmappableError: It cannot be decoded or cut.
            EventsTooLargeError: It has too many items.
        """
        try:
            decoded = decode_body(
                body,
                content_type,
                max_depth=self.limits.max_depth,
                max_values=self.limits.max_values,
            )
            names = self._names(head, decoded)
        except EventError as error:
            raise UnmappableError("not_mappable", error.message, error.path) from None
        return OpenedRequest(decoded, names, self.items(names, decoded.value))

    def reply(self, opened: OpenedRequest) -> SourceReply | None:
        """Return the answer if the request is a handshake, else None.

        Raises:
            UnmappableError: It is one, and lacks a value that the answer needs.
        """
        event = {**opened.names, "data": opened.body.value}
        for reply in self.spec.replies:
            if reply.when.verdict(event) is Verdict.MATCH:
                return _answer(reply, event)
        return None

    def event(
        self, opened: OpenedRequest, index: int, received_at: float
    ) -> Event | Malformed | None:
        """Return the event of an item; Malformed if it has none; None if the source skips it."""
        item = opened.items[index]
        values = {**opened.names, "data": item}
        if self.skips(values):
            return None
        try:
            attributes = self.attributes(opened, values)
            text = self._encoded(attributes)
        except EventError as error:
            path = "$" if self.spec.split is None else f"$[{index}]"
            return Malformed(error.message, path, received_at, _item_text(opened, item))
        event_id, source, event_type = attributes["id"], attributes["source"], attributes["type"]
        return Event(
            event_id,
            source,
            event_type,
            attributes.get("time", ""),
            key_of(event_type, source, event_id, text),
            received_at,
            text,
        )

    def reads(self, name: str, part: str | None = None) -> bool:
        """Return whether an expression reads a name, or a part of its value."""
        read = [path[1:2] for path in self._read_paths if not path or path[0] == name]
        return bool(read) if part is None else any(not rest or rest[0] == part for rest in read)

    def _encoded(self, attributes: dict[str, Any]) -> bytes:
        text = msgspec.json.encode(attributes)
        exceeded = limits.exceeded_limit(text, max_depth=self.limits.max_depth)
        if exceeded:
            raise EventError("not_mappable", exceeded)
        return text

    def skips(self, values: dict[str, Any]) -> bool:
        """Return whether the source skips an item, whose ``values`` are those of all names."""
        skip = self.spec.skip
        return skip is not None and skip.verdict(values) is Verdict.MATCH

    def _names(self, head: RequestHead, body: RequestBody) -> dict[str, Any]:
        names: dict[str, Any] = {"body": body.value}
        if "form" in self._read_names:
            names["form"] = body.value if body.kind is BodyKind.FORM else {}
        if "headers" in self._read_names:
            names["headers"] = self.fields.headers(head)
        if "query" in self._read_names:
            names["query"] = self.fields.query(head)
        if "received_at" in self._read_names:
            names["received_at"] = arrival(head.received_at)
        return names

    def items(self, names: Mapping[str, Any], body: Any) -> tuple[Any, ...]:
        """Return the items of a request.

        Args:
            names: The values of the names, but for ``item``.
            body: The value of the body.

        Raises:
            UnmappableError: It cannot be cut.
            EventsTooLargeError: It has too many items.
        """
        split = self.spec.split
        if split is None:
            return (body,)
        found = split.value({**names, "data": body})
        if not isinstance(found, list):
            shown = split.reason({**names, "data": body}) or f"it is {describe_type(found)}"
            raise UnmappableError("not_mappable", f"split must be a list: {shown}", "$")
        if len(found) > self._max_events:
            raise EventsTooLargeError(
                "too_many_events", f"{len(found)} events in one request, at most {self._max_events}"
            )
        return tuple(found)

    def attributes(self, opened: OpenedRequest, values: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes and the data of an item's event.

        Args:
            opened: The request.
            values: The values of all names, that of ``item`` as ``data``.

        Raises:
            EventError: An attribute has no value, or one that CloudEvents do not permit.
        """
        attributes: dict[str, Any] = {"specversion": "1.0"}
        for name in _ATTRIBUTES:
            value = self._text(name, values)
            if value is not None:
                attributes[name] = value
        time = self._time(values)
        if time is not None:
            attributes["time"] = time
        for name, expression in self.spec.event.extensions.items():
            value = _text_of(expression.value(values))
            if value is not None:
                attributes[name] = _checked(name, value)
        attributes["datacontenttype"] = JSON
        attributes["data"] = self._data(opened, values)
        return attributes

    def _text(self, name: str, values: dict[str, Any]) -> str | None:
        expression: Expression | None = getattr(self.spec.event, name)
        if expression is None:
            return self.default(name)
        found = expression.value(values)
        if _is_absent(found):
            return self.default(name)
        value = _text_of(found)
        if not value:
            if name == "subject":
                return None
            reason = "it is empty" if value == "" else expression.reason(values)
            raise EventError("not_mappable", f"{name}: {reason[:_SHOWN] or 'it is no text'}")
        return _checked(name, value)

    def default(self, name: str) -> str | None:
        """Return the value of an attribute without an expression; None if it is left out."""
        match name:
            case "type":
                return f"in.{self.spec.name}"
            case "source":
                return self.spec.path
            case "id":
                return self._new_id()
            case _:
                return None

    def _time(self, values: dict[str, Any]) -> str | None:
        expression = self.spec.event.time
        if expression is None:
            return None
        value = expression.value(values)
        if isinstance(value, Optional):
            value = value.value
        if value is None or value is ERROR:
            return None
        time = event_time(value)
        if time is None:
            shown = as_text(value)[:_SHOWN]
            raise EventError("not_mappable", f"time: {shown} is no time that can be read")
        return time

    def _data(self, opened: OpenedRequest, values: dict[str, Any]) -> Any:
        if self._takes_body and opened.body.json:
            return msgspec.Raw(opened.body.json)  # so that receivers get what was sent
        expression = self.spec.event.data
        if expression is None:
            return values["data"]
        value = expression.value(values)
        if not self._data_is_json:
            value = as_json(value)
        if value is ERROR:
            raise EventError("not_mappable", f"data: {expression.reason(values)[:_SHOWN]}")
        return value


def arrival(received_at: float) -> TimestampValue:
    """Return the value of ``received_at``, of which the argument is Unix time in seconds."""
    return TimestampValue(int(received_at * 1_000_000) * 1000)


def _paths_read(spec: SourceSpec) -> frozenset[FieldPath]:
    """Return the paths that the source's expressions read, below the names; ``()`` reads all."""
    event = spec.event
    read: list[Expression | Condition | None] = [
        spec.split,
        spec.skip,
        *(event.type, event.id, event.source, event.time, event.subject, event.data),
        *event.extensions.values(),
    ]
    for reply in spec.replies:
        read += [reply.when, reply.text, reply.visit, *(reply.json or {}).values()]
    return frozenset(path for each in read if each is not None for path in paths_read(each.tree))


def _path(expression: Expression | None) -> tuple[str, ...] | None:
    return _ITEM if expression is None else tree_path(expression.tree)


def _is_absent(value: Any) -> bool:
    """Return whether a value is an optional that is absent, which stands for the default."""
    return isinstance(value, Optional) and value.value is ERROR


def _text_of(value: Any) -> str | None:
    """Return a value as an attribute; None if it is none."""
    if value.__class__ is str:
        return str(value)
    value = as_json(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    return None


def _checked(name: str, value: str) -> str:
    longest = _TYPE_LENGTH if name == "type" else _ATTRIBUTE_LENGTH
    if len(value) > longest:
        raise EventError("not_mappable", f"{name} has more than {longest} characters")
    if not value.isprintable() and cloudevents.has_control_characters(value):
        raise EventError("not_mappable", f"{name} has control characters")
    return value


def _answer(reply: Reply, event: dict[str, Any]) -> SourceReply:
    content, content_type = b"", "text/plain"
    if reply.json is not None:
        values = {name: _needed(expression, event, name) for name, expression in reply.json.items()}
        content, content_type = msgspec.json.encode(values), JSON
    elif reply.text is not None:
        content = str(_needed(reply.text, event, "text")).encode("utf-8", "replace")
    visit = None if reply.visit is None else str(_needed(reply.visit, event, "visit"))
    return SourceReply(reply.status, content, content_type, visit, reply.hosts)


def _needed(expression: Expression, event: dict[str, Any], name: str) -> Any:
    value = as_json(expression.value(event))
    if value is ERROR or value is None:
        raise UnmappableError("not_mappable", f"the reply's {name} has no value", "$")
    return value


def _item_text(opened: OpenedRequest, item: Any) -> bytes:
    if opened.body.json and item is opened.body.value:
        return opened.body.json
    return msgspec.json.encode(item)
