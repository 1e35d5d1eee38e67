"""Viewers read, operators change, and all others get nothing."""

import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import TestClient, TestServer

from router.api.access import Access, Caller, Role, caller_of
from router.api.json_responses import json_response
from router.api.operator_routes import (
    operator_operation,
    operator_route,
    viewer_operation,
    viewer_route,
)
from router.settings.model import Settings
from router.settings.tokens import Tokens

ALICE, BOB, WALL = "correct-horse-alice", "correct-horse-bob=", "correct-horse-wall"
CLOSED = Access(Settings())
ACCESS = Access(
    Settings(admin_token=Tokens.parse(f"alice={ALICE},bob={BOB}"), viewer_token=Tokens.parse(WALL))
)
READ = viewer_operation(hdrs.METH_GET, "/", "Read", {})
CHANGE = operator_operation(hdrs.METH_POST, "/", "Change", {})


async def ask(access: Access, method: str, authorization: str) -> tuple[int, str]:
    """Return the status, and the code of the error or who the caller is."""

    async def answer(request: web.Request) -> web.StreamResponse:
        caller = caller_of(request)
        return json_response({"error": {"code": f"{caller.role} {caller.name}".strip()}})

    application = web.Application()
    application.add_routes(
        [viewer_route(READ, answer, access), operator_route(CHANGE, answer, access)]
    )
    headers = {"Authorization": authorization} if authorization else {}
    async with (
        TestClient(TestServer(application)) as client,
        client.request(method, "/", headers=headers) as response,
    ):
        assert (response.status == 401) == ("WWW-Authenticate" in response.headers)
        return response.status, (await response.json())["error"]["code"]


@pytest.mark.parametrize(
    ("access", "method", "authorization", "answer"),
    [
        (CLOSED, "GET", "", (403, "closed")),
        (CLOSED, "POST", f"Bearer {ALICE}", (403, "closed")),
        (ACCESS, "GET", "", (401, "no_token")),
        (ACCESS, "POST", "", (401, "no_token")),
        (ACCESS, "GET", "Bearer wrong", (403, "wrong_token")),
        (ACCESS, "POST", f"Basic {ALICE}", (403, "wrong_token")),
        (ACCESS, "POST", f"Bearer alice={ALICE}", (403, "wrong_token")),
        (ACCESS, "POST", f"Bearer {WALL}", (403, "read_only")),
        (ACCESS, "GET", f"Bearer {WALL}", (200, "viewer")),
        (ACCESS, "GET", f"Bearer {BOB}", (200, "operator bob")),
        (ACCESS, "POST", f"BEARER  {ALICE}", (200, "operator alice")),
        (ACCESS, "POST", f"bearer {BOB}", (200, "operator bob")),
    ],
)
async def test_a_token_decides_what_its_bearer_may_do(
    access: Access, method: str, authorization: str, answer: tuple[int, str]
) -> None:
    """Mutants: any token may write; the first token alone is compared."""
    assert await ask(access, method, authorization) == answer


def test_the_time_does_not_depend_on_which_token_it_is() -> None:
    """Mutant: the comparison ends at the token that is right."""
    compared = []

    class Counted(Tokens):
        pass

    class Spy:
        def __init__(self, text: str) -> None:
            self.text = text

        def matches_bearer(self, authorization: str) -> bool:
            compared.append(self.text)
            return authorization == self.text

    tokens = Counted(
        type(token)(token.name, Spy(token.name))  # type: ignore[arg-type]
        for token in Tokens.parse(f"alice={ALICE},bob={BOB}")
    )

    assert Access(Settings(admin_token=tokens)).identify("alice") == Caller("alice", Role.OPERATOR)
    assert sorted(compared) == ["alice", "bob"]


def test_a_route_is_for_those_for_whom_it_is_described() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    with pytest.raises(ValueError, match="GET / is described for viewers"):
        operator_route(READ, answer, ACCESS)
    with pytest.raises(ValueError, match="POST / is described for operators"):
        viewer_route(CHANGE, answer, ACCESS)
