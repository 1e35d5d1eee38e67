"""What the API's description says of the doors for events: requests, and every answer there is."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import hdrs

from router.events.model import CloudEvent
from router.http.openapi import JSON, Operation, ResponseSpec
from router.ingress.http_binding import BATCHED, STRUCTURED
from router.ingress.responses import Accepted

_RETRY: Final = {"Retry-After": "Seconds after which to try again."}
_TEXT: Final = r"^[^\u0000-\u001f\u007f-\u009f]+$"


def _cloudevent() -> dict[str, Any]:
    """The envelope, and what CloudEvents asks beyond its types."""
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
    """The schema of a text without the alternative of null."""
    options = schema.get("anyOf", [schema])
    found = next(option for option in options if option.get("type") == "string")
    return dict(found)


CLOUDEVENT: Final = _cloudevent()
_BATCH: Final = {"type": "array", "items": CLOUDEVENT}
_EITHER: Final = {"anyOf": [CLOUDEVENT, _BATCH]}
_ANSWERS: Final[Mapping[int, ResponseSpec]] = {
    202: ResponseSpec("Redis has all of it.", Accepted),
    400: ResponseSpec("It is not what it should be; the path says where."),
    403: ResponseSpec("The token, the signature or the address is wrong."),
    405: ResponseSpec("The method is not POST.", headers={"Allow": "The methods there are."}),
    408: ResponseSpec("The body did not come in time."),
    413: ResponseSpec("Too many bytes or events."),
    415: ResponseSpec("No content type or encoding that is taken."),
    429: ResponseSpec("More events from this address than it may send.", headers=_RETRY),
    503: ResponseSpec("Overloaded, stopping, or Redis is away.", headers=_RETRY),
}
_UNAUTHORIZED: Final = ResponseSpec(
    "Nothing says who sends it.", headers={"WWW-Authenticate": "How to say it."}
)

OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_POST,
        path="/twilio",
        tag="events",
        summary="Take events of Twilio Event Streams",
        description=(
            "One event or an array of them, signed. What is signed but is not a CloudEvent goes to"
            " quarantine, and its neighbours go on."
        ),
        body={JSON: _EITHER, STRUCTURED: CLOUDEVENT, BATCHED: _BATCH},
        responses={**_ANSWERS, 401: ResponseSpec("Not signed, or no credentials.")},
        security=("signature", "sink"),
    ),
    Operation(
        method=hdrs.METH_POST,
        path="/events",
        tag="events",
        summary="Take CloudEvents",
        description=(
            "Structured, batched, or binary: the attributes as ce-* headers beside data of any type."
            " The first fault refuses the whole request."
        ),
        body={STRUCTURED: CLOUDEVENT, BATCHED: _BATCH, JSON: _EITHER},
        responses={**_ANSWERS, 401: _UNAUTHORIZED},
        security=("events",),
    ),
    Operation(
        method=hdrs.METH_OPTIONS,
        path="/events",
        tag="events",
        summary="Ask whether an origin may send",
        description="The handshake of CloudEvents web hooks. ROUTER_WEBHOOK_ORIGINS says who may.",
        headers={"WebHook-Request-Origin": "Who asks.", "WebHook-Request-Rate": "A minute."},
        responses={
            200: ResponseSpec(
                "It may.",
                None,
                headers={
                    "WebHook-Allowed-Origin": "The origin, or * for all.",
                    "WebHook-Allowed-Rate": "Requests a minute, or * for any number.",
                },
            ),
            400: ResponseSpec("Nobody asks: WebHook-Request-Origin is missing."),
            403: ResponseSpec("Events from this origin are not wanted."),
            405: ResponseSpec("Nobody may ask.", headers={"Allow": "POST"}),
        },
    ),
)
