"""The description of the HTTP API in OpenAPI 3.1, made of what the process really serves. Pure.

Paths and methods come from the routes themselves, shapes from the Structs that requests are decoded
into and answers are encoded from; an operation adds the words. A route without an operation of its
own is described by its docstring, so nothing that is served is missing.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from router import __version__

JSON: Final = "application/json"
OPERATOR: Final = "operator"
"""The security scheme of whatever is not for everybody."""
_REFERENCES: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_OPERATORS_PATHS: Final = ("/api/", "/-/")


class ErrorDetail(msgspec.Struct, frozen=True):
    """What was wrong with a request."""

    code: str
    """A stable word for programs."""
    message: str
    """A sentence for people."""
    path: str
    """A JSON path into the request, for example ``$[3].source``; ``""`` where none applies."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every error."""

    error: ErrorDetail


class ResponseSpec(msgspec.Struct, frozen=True):
    """One answer of an operation. ``schema`` is a Struct, a JSON Schema, or None for no body."""

    description: str
    schema: type[msgspec.Struct] | Mapping[str, Any] | None = ErrorBody
    media_type: str = JSON
    headers: Mapping[str, str] = {}
    """Name -> what it says."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What the documentation says of one method of one path."""

    method: str
    path: str
    summary: str
    tag: str
    responses: Mapping[int, ResponseSpec]
    description: str = ""
    body: Mapping[str, type[msgspec.Struct] | Mapping[str, Any]] = {}
    """Media type -> the shape of a request's body."""
    headers: Mapping[str, str] = {}
    """Request headers that may be sent -> what they say."""
    security: tuple[str, ...] = ()
    """Any one of these schemes will do; none for everybody."""


SECURITY_SCHEMES: Final[Mapping[str, Mapping[str, Any]]] = {
    OPERATOR: {"type": "http", "scheme": "bearer", "description": "ROUTER_ADMIN_TOKEN"},
    "events": {"type": "http", "scheme": "bearer", "description": "ROUTER_EVENTS_TOKEN, if set"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Twilio-Signature",
        "description": "By Twilio, over the URL with bodySHA256 in its query",
    },
    "sink": {"type": "http", "scheme": "basic", "description": "ROUTER_TWILIO_BASIC_AUTH"},
}
_GENERIC: Final[Mapping[int, ResponseSpec]] = {
    200: ResponseSpec("Done.", {}),
    400: ResponseSpec("The request is not understood."),
    401: ResponseSpec("No token was sent.", headers={"WWW-Authenticate": "Bearer"}),
    403: ResponseSpec("The token is wrong, or none is configured."),
    404: ResponseSpec("There is no such thing."),
    409: ResponseSpec("It cannot be done as things are."),
    503: ResponseSpec("Redis did not answer."),
}


_ANY: Final[Mapping[int, ResponseSpec]] = {0: ResponseSpec("What there is to see.", None)}
"""0 stands for any status."""


def document(
    routes: Iterable[web.RouteDef], operations: Iterable[Operation], *, server: str
) -> dict[str, Any]:
    """The description. ``server`` is the public URL, ``/`` where there is none."""
    known = {(operation.method, operation.path): operation for operation in operations}
    served = [
        known.get((route.method, _plain(route.path))) or _from_docstring(route)
        for route in routes
        if route.method != hdrs.METH_ANY
    ]
    structs = tuple(dict.fromkeys(struct for each in served for struct in _structs(each)))
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REFERENCES)
    shapes = dict(zip(structs, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in served:
        described = _described(operation, shapes)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "event-router",
            "version": __version__,
            "description": "Takes Twilio Event Streams and CloudEvents, and tells people.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": dict(SECURITY_SCHEMES)},
    }


def _from_docstring(route: web.RouteDef) -> Operation:
    path = _plain(route.path)
    words = inspect.getdoc(route.handler) or f"{route.method} {path}"
    summary, _, rest = words.partition("\n\n")
    is_operators = path.startswith(_OPERATORS_PATHS)
    takes_body = route.method in {hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH}
    return Operation(
        method=route.method,
        path=path,
        summary=_one_line(summary),
        description=_one_line(rest),
        tag="operators" if is_operators else "others",
        responses=_GENERIC if is_operators else _ANY,
        body={JSON: {"type": "object"}} if takes_body and is_operators else {},
        security=(OPERATOR,) if is_operators else (),
    )


def _described(operation: Operation, shapes: Mapping[type, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(operation.path)
    ] + [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in operation.headers.items()
    ]
    described: dict[str, Any] = {
        "operationId": _identifier(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {
            str(status or "default"): _answer(answer, shapes)
            for status, answer in operation.responses.items()
        },
    }
    if operation.description:
        described["description"] = operation.description
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        content = {media: _content(shape, shapes) for media, shape in operation.body.items()}
        described["requestBody"] = {"required": True, "content": content}
    if operation.security:
        described["security"] = [{scheme: []} for scheme in operation.security]
    return described


def _answer(answer: ResponseSpec, shapes: Mapping[type, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.schema is not None:
        described["content"] = {answer.media_type: _content(answer.schema, shapes)}
    if answer.headers:
        described["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in answer.headers.items()
        }
    return described


def _content(shape: Any, shapes: Mapping[type, Any]) -> dict[str, Any]:
    return {"schema": shapes[shape] if isinstance(shape, type) else shape}


def _structs(operation: Operation) -> list[type[msgspec.Struct]]:
    shapes = [answer.schema for answer in operation.responses.values()] + list(
        operation.body.values()
    )
    return [shape for shape in shapes if isinstance(shape, type)]


def _identifier(operation: Operation) -> str:
    words = re.findall(r"[a-zA-Z0-9]+", f"{operation.method.lower()} {operation.path}")
    return "_".join(words)


def _plain(path: str) -> str:
    """A path without the patterns of its parameters."""
    return _PARAMETER.sub(r"{\1}", path)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")
