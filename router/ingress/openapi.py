"""The OpenAPI operations of the endpoints for events: requests, and every response."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import hdrs

from router.events.model import CloudEvent
from router.http.openapi import Operation, ResponseSpec
from router.ingress.responses import Accepted
from router.media_types import CLOUDEVENT, CLOUDEVENT_BATCH, JSON

_RETRY: Final = {"Retry-After": "Seconds after which to retry."}
_TEXT: Final = r"^[^\u0000-\u001f\u007f-\u009f]+$"


def _cloudevent() -> dict[str, Any]:
    """Return the schema of an event: the envelope's types, and what else CloudEvents requires."""
    (_,), components = msgspec.json.schema_components(
        (CloudEvent,), ref_template="#/components/schemas/{name}"
    )
    schema: dict[str, Any] = components["CloudEvent"]
    properties = schema["properties"]
    for name in ("id", "source", "type", "subject"):
        properties[name] = {**_text_of(properties[name]), "pattern": _TEXT}
    properties["time"] = {"type": "string", "format": "date-time"}
    properties["dataschema"] = {"type": "string", "format": "uri"}
    properties["datacontenttype"] = {"type": "string", "examples": [JSON]}
    properties["data_base64"] = {"type": "string", "contentEncoding": "base64"}
    return {
        **schema,
        "properties": properties,
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        "description": (
            "CloudEvents 1.0, JSON format. Extensions have names of lower-case letters and digits;"
            " data and data_base64 exclude each other."
        ),
    }


def _text_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a text, without its alternative null."""
    options = schema.get("anyOf", [schema])
    found = next(option for option in options if option.get("type") == "string")
    return dict(found)


CLOUDEVENT_SCHEMA: Final = _cloudevent()
"""The JSON Schema of one event."""
_BATCH: Final = {"type": "array", "items": CLOUDEVENT_SCHEMA}
_EITHER: Final = {"anyOf": [CLOUDEVENT_SCHEMA, _BATCH]}
RESPONSES: Final[Mapping[int, ResponseSpec]] = {
    202: ResponseSpec("All events are durable in Redis.", Accepted),
    400: ResponseSpec("The request is malformed; the path says where."),
    403: ResponseSpec("The signature, token or client address was rejected."),
    408: ResponseSpec("The body did not arrive in time."),
    413: ResponseSpec("The body has too many bytes or events."),
    415: ResponseSpec("The content type, its charset or the encoding is not supported."),
    429: ResponseSpec("The client address or the credential exceeds its rate.", headers=_RETRY),
    503: ResponseSpec(
        "The router is overloaded or stopping, or Redis is unavailable.", headers=_RETRY
    ),
}
"""The responses of every endpoint for events."""
_UNAUTHORIZED: Final = ResponseSpec(
    "The credentials are missing.", headers={"WWW-Authenticate": "The scheme to use."}
)

OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_POST,
        path="/twilio",
        tag="events",
        summary="Accept events of Twilio Event Streams",
        description=(
            "One event or an array of them, signed. A signed item that is not a CloudEvent goes to"
            " quarantine, and the other events of the request are accepted. So does a signed body"
            " that is not JSON, as a whole. Other methods get 405."
        ),
        body={JSON: _EITHER, CLOUDEVENT: CLOUDEVENT_SCHEMA, CLOUDEVENT_BATCH: _BATCH},
        responses={
            **RESPONSES,
            401: ResponseSpec("The signature or the credentials are missing."),
        },
        security=("signature", "sink"),
    ),
    Operation(
        method=hdrs.METH_POST,
        path="/events",
        tag="events",
        summary="Accept CloudEvents",
        description=(
            "Structured, batched, or binary: the attributes as ce-* headers beside data of any type."
            " The first error rejects the whole request."
        ),
        body={CLOUDEVENT: CLOUDEVENT_SCHEMA, CLOUDEVENT_BATCH: _BATCH, JSON: _EITHER},
        responses={**RESPONSES, 401: _UNAUTHORIZED},
        security=("events",),
    ),
    Operation(
        method=hdrs.METH_OPTIONS,
        path="/events",
        tag="events",
        summary="Ask whether an origin may send",
        description=(
            "The handshake of CloudEvents web hooks. ROUTER_WEBHOOK_ORIGINS lists the origins that"
            " may send."
        ),
        headers={
            "WebHook-Request-Origin": "The DNS name of the sender.",
            "WebHook-Request-Rate": "Requests a minute that the sender would like to send.",
        },
        responses={
            200: ResponseSpec(
                "The origin may send.",
                None,
                headers={
                    "WebHook-Allowed-Origin": "The origin, or * for all.",
                    "WebHook-Allowed-Rate": "Requests a minute, or * for any number.",
                },
            ),
            400: ResponseSpec("WebHook-Request-Origin is missing."),
            403: ResponseSpec("This origin is not allowed."),
            405: ResponseSpec("The handshake is disabled.", headers={"Allow": "POST"}),
        },
    ),
)
"""The operations of ``Ingress.routes``."""
