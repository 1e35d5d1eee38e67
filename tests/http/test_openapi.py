"""The description: made of routes, Structs and operations, and never without one of them."""

from typing import Annotated

import msgspec
import pytest
from aiohttp import hdrs, web
from msgspec import Meta

from router.http.openapi import OPERATOR, Operation, ResponseSpec, describe, undescribed
from router.http.openapi_endpoint import OpenApiEndpoint


class Query(msgspec.Struct, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=9, description="Maximum number.")] = 5
    name: str


class One(msgspec.Struct):
    """The first.

    With ``markup``.
    """

    value: int


class Other(msgspec.Struct):
    name: str


LIST = Operation(
    method=hdrs.METH_GET,
    path="/things/{kind}",
    tag="operators",
    summary="List things",
    query=Query,
    path_parameters={"kind": "Kind of things."},
    responses={200: ResponseSpec("Things.", (One, Other)), 204: ResponseSpec("None.", None)},
    security=(OPERATOR,),
)


async def handle(_request: web.Request) -> web.Response:
    return web.Response()


ROUTES = [web.get("/things/{kind:[a-z]+}", handle), web.route(hdrs.METH_ANY, "/things", handle)]


def test_parameters_come_from_the_path_and_from_the_struct_of_the_query() -> None:
    described = describe(ROUTES, [LIST], server="/")["paths"]["/things/{kind}"]["get"]

    assert described["parameters"] == [
        {
            "name": "kind",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[^{}/]+$"},
            "description": "Kind of things.",
        },
        {
            "name": "limit",
            "in": "query",
            "required": False,
            "description": "Maximum number.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
        },
        {
            "name": "name",
            "in": "query",
            "required": True,
            "description": "",
            "schema": {"type": "string"},
        },
    ]
    assert described["security"] == [{"operator": []}]


def test_responses_refer_to_schemas_of_their_structs() -> None:
    document = describe(ROUTES, [LIST], server="/")
    responses = document["paths"]["/things/{kind}"]["get"]["responses"]

    assert responses["200"]["content"]["application/json"]["schema"] == {
        "anyOf": [{"$ref": "#/components/schemas/One"}, {"$ref": "#/components/schemas/Other"}]
    }
    assert responses["204"] == {"description": "None."}
    assert document["components"]["schemas"]["One"]["description"] == "The first.\n\nWith `markup`."


def test_routes_that_are_not_served_are_left_out() -> None:
    assert describe([], [LIST], server="/")["paths"] == {}


def test_a_route_without_a_description_is_found() -> None:
    routes = [*ROUTES, web.post("/things/{kind}", handle)]

    assert undescribed(ROUTES, [LIST]) == []
    assert undescribed(routes, [LIST]) == [("POST", "/things/{kind}")]
    with pytest.raises(LookupError, match=r"no Operation describes POST /things/\{kind\}"):
        OpenApiEndpoint(routes, [LIST], "")
