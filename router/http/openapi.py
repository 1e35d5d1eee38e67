"""The OpenAPI 3.1 description of the HTTP API, built from the routes that a process serves. Pure.

Paths and methods come from the routes, schemas from the Structs that requests are decoded into and
responses are encoded from; an ``Operation`` adds the texts. Each route has an ``Operation``:
``describe`` raises for a route without one, so that the description is always complete.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from router import __version__
from router.media_types import JSON

OPERATOR: Final = "operator"
"""Security scheme of operators, who may read and change."""
VIEWER: Final = "viewer"
"""Security scheme of viewers, who may read."""
_REFERENCE: Final = "#/components/schemas/{name}"
_PATH_PARAMETER: Final = re.compile(r"\{(\w+)(?::[^}]*)?\}")

Schema = type[msgspec.Struct] | tuple[type[msgspec.Struct], ...] | Mapping[str, Any]
"""A Struct, several Structs of which one applies, or a JSON Schema."""


class ErrorDetail(msgspec.Struct, frozen=True):
    """A problem of a request."""

    code: str
    """A stable word for programs."""
    message: str
    """A sentence for people."""
    path: str
    """A JSON path into the request, for example ``$[3].source``; ``""`` if none applies."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of an error response."""

    error: ErrorDetail


class ResponseSpec(msgspec.Struct, frozen=True):
    """One response of an operation."""

    description: str
    schema: Schema | None = ErrorBody
    """None for a response without a body."""
    media_types: tuple[str, ...] = (JSON,)
    """Several if the Accept header chooses."""
    others: Mapping[str, Schema] = {}
    """Media type -> schema, of those that differ from ``schema``."""
    headers: Mapping[str, str] = {}
    """Name -> description."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """The description of one method of one path."""

    method: str
    path: str
    summary: str
    tag: str
    responses: Mapping[int, ResponseSpec]
    description: str = ""
    path_parameters: Mapping[str, str] = {}
    """Name -> description."""
    query: type[msgspec.Struct] | None = None
    """Struct that the query is decoded into: a parameter for each field."""
    headers: Mapping[str, str] = {}
    """Request header -> description."""
    body: Mapping[str, Schema] = {}
    """Media type -> schema of the request body."""
    body_required: bool = True
    security: tuple[str, ...] = ()
    """Schemes of which any one suffices; empty if none is needed."""
    schemes: Mapping[str, Mapping[str, Any]] = {}
    """Name -> security scheme, of schemes of this operation alone, of which all are needed."""
    id: str = ""
    """A unique name; ``""`` for one of the method and the path."""


TAGS: Final[Mapping[str, str]] = {
    "events": "Receive events.",
    "alerts": "Pages behind the links in alerts.",
    "operators": (
        "Inspect and control the router. Needs ROUTER_ADMIN_TOKEN; ROUTER_VIEWER_TOKEN may read."
    ),
    "status": "Health, metrics and this description.",
}
SECURITY_SCHEMES: Final[Mapping[str, Mapping[str, Any]]] = {
    OPERATOR: {
        "type": "http",
        "scheme": "bearer",
        "description": "ROUTER_ADMIN_TOKEN: reads and changes",
    },
    VIEWER: {"type": "http", "scheme": "bearer", "description": "ROUTER_VIEWER_TOKEN: reads"},
    "events": {"type": "http", "scheme": "bearer", "description": "ROUTER_EVENTS_TOKEN"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Twilio-Signature",
        "description": "Signature by Twilio of the URL, whose query contains bodySHA256",
    },
    "sink": {"type": "http", "scheme": "basic", "description": "ROUTER_TWILIO_BASIC_AUTH"},
}


def undescribed(
    routes: Iterable[web.RouteDef], operations: Iterable[Operation]
) -> list[tuple[str, str]]:
    """Return the method and path of each route that has no operation.

    Routes for any method are left out: they only reject requests that no other route serves.
    """
    described = {(operation.method, operation.path) for operation in operations}
    return [served for served in _served(routes) if served not in described]


def describe(
    routes: Iterable[web.RouteDef],
    operations: Iterable[Operation],
    *,
    server: str,
    further: Iterable[Operation] = (),
) -> dict[str, Any]:
    """Return the OpenAPI document of ``routes``.

    Args:
        routes: The routes that the process serves.
        operations: Descriptions; those of routes that are not served are left out.
        server: The public URL, or ``/``.
        further: Operations that a route for several paths serves.

    Raises:
        KeyError: A route has no operation.
    """
    by_route = {(operation.method, operation.path): operation for operation in operations}
    served = [*(by_route[route] for route in _served(routes)), *further]
    structs = tuple(dict.fromkeys(struct for each in served for struct in _structs(each)))
    references, components = msgspec.json.schema_components(structs, ref_template=_REFERENCE)
    schemas = dict(zip(structs, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in served:
        described = _operation(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "event-router",
            "version": __version__,
            "description": (
                "Evaluates rules against Twilio Voice Insights events and CloudEvents, and delivers"
                " alerts to Slack, e-mail and HTTP."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {name: _with_plain_text(schema) for name, schema in components.items()},
            "securitySchemes": {
                **SECURITY_SCHEMES,
                **{name: dict(each) for of in served for name, each in of.schemes.items()},
            },
        },
    }


def _served(routes: Iterable[web.RouteDef]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if route.method != hdrs.METH_ANY:
            yield route.method, _PATH_PARAMETER.sub(r"{\1}", route.path)


def _operation(operation: Operation, schemas: Mapping[type, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id or _operation_id(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {
            str(status): _response(response, schemas)
            for status, response in operation.responses.items()
        },
    }
    if operation.description:
        described["description"] = operation.description
    parameters = [
        *_path_parameters(operation),
        *_query_parameters(operation),
        *_header_parameters(operation),
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        content = {media: _content(schema, schemas) for media, schema in operation.body.items()}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    if operation.security:
        described["security"] = [{scheme: []} for scheme in operation.security]
    if operation.schemes:
        described["security"] = [{scheme: [] for scheme in operation.schemes}]
    return described


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in _PATH_PARAMETER.findall(operation.path):
        # aiohttp matches a parameter with this pattern.
        schema = {"type": "string", "pattern": "^[^{}/]+$"}
        described = {"name": name, "in": "path", "required": True, "schema": schema}
        text = operation.path_parameters.get(name)
        yield described if text is None else {**described, "description": text}


def _query_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    _, components = msgspec.json.schema_components((operation.query,), ref_template=_REFERENCE)
    schema = components[operation.query.__name__]
    for name, described in schema["properties"].items():
        field = dict(described)
        yield {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "description": field.pop("description", ""),
            "schema": field,
        }


def _header_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, text in operation.headers.items():
        yield {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _response(response: ResponseSpec, schemas: Mapping[type, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": response.description}
    if response.schema is not None:
        content = _content(response.schema, schemas)
        described["content"] = {
            **dict.fromkeys(response.media_types, content),
            **{media: _content(schema, schemas) for media, schema in response.others.items()},
        }
    if response.headers:
        described["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in response.headers.items()
        }
    return described


def _content(schema: Schema, schemas: Mapping[type, Any]) -> dict[str, Any]:
    if isinstance(schema, tuple):
        return {"schema": {"anyOf": [schemas[struct] for struct in schema]}}
    return {"schema": schemas[schema] if isinstance(schema, type) else schema}


def _structs(operation: Operation) -> Iterator[type[msgspec.Struct]]:
    responses = [response.schema for response in operation.responses.values()]
    others = [each for spec in operation.responses.values() for each in spec.others.values()]
    for schema in (*responses, *others, *operation.body.values()):
        if isinstance(schema, tuple):
            yield from schema
        elif isinstance(schema, type):
            yield schema


def _operation_id(operation: Operation) -> str:
    words = re.findall(r"[a-zA-Z0-9]+", f"{operation.method.lower()} {operation.path}")
    return "_".join(words)


def _with_plain_text(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a component whose description, a docstring, is without markup and indentation."""
    text = schema.get("description")
    if text is None:
        return schema
    return {**schema, "description": inspect.cleandoc(text).replace("``", "`")}
