"""``docs/reference/api.md``: each endpoint, from the description that ``GET /openapi.json`` gives."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from router.http.openapi import OPERATOR, TAGS, VIEWER, describe
from router.http.openapi_endpoint import _SELF
from router.runtime.build_api import OPERATIONS

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
_INTRODUCTION: Final = """\
# HTTP API

Every endpoint but those of [sources](sources.md), whose paths the rules folder gives, and the pages of the
[console](console.md). `GET /openapi.json` describes all that a process serves, with the schemas of bodies, in OpenAPI 3.1.
`make reference` writes this page.

Tokens are sent as `Authorization: Bearer …`. An error has the body `{"error": {"code", "message", "path"}}`: a stable word for
programs, a sentence for people, and where in the request it is.
"""
_ROLES: Final = {
    OPERATOR: "operators",
    VIEWER: "viewers",
    "events": "senders with `ROUTER_EVENTS_TOKEN`",
    "signature": "Twilio, by its signature",
    "sink": "by `ROUTER_TWILIO_BASIC_AUTH`",
}


def api_page() -> str:
    """Return the text of the page."""
    document = api_document()
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag[operation["tags"][0]].append((method.upper(), path, operation))
    parts = [_INTRODUCTION]
    for tag, about in TAGS.items():
        parts.append(f"\n## {tag.capitalize()}\n\n{about}\n")
        parts += [_section(*operation) for operation in by_tag[tag]]
    return "".join(parts)


def api_document() -> dict[str, Any]:
    """Return the OpenAPI document of all endpoints that do not depend on the rules folder."""
    operations = {(each.method, each.path): each for each in (*OPERATIONS, _SELF)}
    routes = [web.RouteDef(method, path, _unused, {}) for method, path in operations]
    return describe(routes, operations.values(), server="/")


async def _unused(_request: web.Request) -> web.Response:
    return web.Response()


def _section(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"\n### {method} {path}\n\n{_cell(operation['summary'])}. For {_roles(operation)}.\n"]
    if described := operation.get("description"):
        parts.append(f"\n{_cell(described)}\n")
    if parameters := operation.get("parameters"):
        parts.append("\n| parameter | in | type | meaning |\n|---|---|---|---|\n")
        parts += [_parameter(each) for each in parameters]
    if bodies := operation.get("requestBody", {}).get("content"):
        parts.append(
            f"\nBody: {', '.join(f'`{media}`{_schema(each)}' for media, each in bodies.items())}.\n"
        )
    parts.append("\n| status | meaning |\n|---|---|\n")
    parts += [
        f"| {status} | {_cell(response['description'])} |\n"
        for status, response in sorted(operation["responses"].items())
    ]
    return "".join(parts)


def _roles(operation: Mapping[str, Any]) -> str:
    schemes = [name for each in operation.get("security", []) for name in each]
    return " or ".join(_ROLES[name] for name in schemes) or "anyone"


def _parameter(parameter: Mapping[str, Any]) -> str:
    needed = "" if not parameter.get("required") or parameter["in"] == "path" else ", required"
    kind = _type(parameter.get("schema", {}))
    return (
        f"| `{parameter['name']}` | {parameter['in']}{needed} | {kind} |"
        f" {_cell(parameter.get('description', ''))} |\n"
    )


def _type(schema: Mapping[str, Any]) -> str:
    kinds = [part for part in (schema, *schema.get("anyOf", ())) if part.get("type") != "null"]
    names = [f"`{value}`" for part in kinds for value in part.get("enum", ())]
    return ", ".join(names) or " or ".join(
        dict.fromkeys(str(part["type"]) for part in kinds if "type" in part)
    )


def _schema(content: Mapping[str, Any]) -> str:
    reference = content.get("schema", {}).get("$ref", "")
    return f" (`{reference.rpartition('/')[2]}`)" if reference else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|").replace("<", r"\<").rstrip(".") + (
        "." if text.rstrip().endswith(".") else ""
    )
