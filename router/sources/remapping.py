"""Requests that could not be mapped: the rest that is stored with their bodies, and their replay."""

from typing import Any

from router.cel import ERROR
from router.errors import EventError
from router.events.model import Event, Malformed, UnmappedRequest
from router.media_types import JSON
from router.sources.contract import RequestHead
from router.sources.mapping import OpenedRequest, SourceMapping, UnmappableError, arrival
from router.sources.mapping_budget import MappingBudget
from router.sources.request_body import BodyKind, decode_body, decoded_text


def unmapped_request(
    mapping: SourceMapping, head: RequestHead, content_type: str, *, is_item: bool
) -> UnmappedRequest:
    """Return what a later mapping of a request needs besides its body, or one of its items.

    Args:
        mapping: The mapping of the source.
        head: The request.
        content_type: The header ``Content-Type``.
        is_item: Whether the body that is stored is one item.
    """
    try:
        query = mapping.fields.query(head) if mapping.reads("query") else {}
    except EventError:
        query = {}
    headers = mapping.fields.headers(head) if mapping.reads("headers") else {}
    return UnmappedRequest(
        source=mapping.spec.name,
        content_type=decoded_text(content_type),  # because a record holds text only
        headers={name: value for name, value in headers.items() if mapping.reads("headers", name)},
        query={name: value for name, value in query.items() if mapping.reads("query", name)},
        is_item=is_item and mapping.spec.split is not None,
    )


def remapped(
    mapping: SourceMapping,
    request: UnmappedRequest,
    body: bytes,
    received_at: float,
    budget: MappingBudget,
) -> list[Event]:
    """Return the events of a request, or an item, that could not be mapped before.

    An item has no ``body``: an expression that reads it has no value.

    Args:
        mapping: The mapping of the source.
        request: The rest of the request.
        body: The body, or the item.
        received_at: Unix time in seconds.
        budget: The limits of its cost, because it may be in quarantine for its cost.

    Raises:
        EventError: It still cannot be mapped, or it is a handshake.
    """
    decoded = decode_body(
        body,
        JSON if request.is_item else request.content_type,
        max_depth=mapping.limits.max_depth,
        max_values=mapping.limits.max_values,
    )
    names: dict[str, Any] = {
        "body": ERROR if request.is_item else decoded.value,
        "form": decoded.value if decoded.kind is BodyKind.FORM else {},
        "headers": request.headers,
        "query": request.query,
        "received_at": arrival(received_at),
    }
    items = (decoded.value,) if request.is_item else mapping.items(names, decoded.value)
    opened = OpenedRequest(decoded, names, items)
    if not request.is_item and mapping.reply(opened) is not None:
        raise UnmappableError("not_mappable", "it is a handshake")
    events = []
    for index in range(len(items)):
        match mapping.event(opened, index, received_at):
            case Event() as event:
                events.append(event)
                budget.count(len(event.body))
            case Malformed(reason=reason):
                raise UnmappableError("not_mappable", reason)
            case None:
                pass
    return events
