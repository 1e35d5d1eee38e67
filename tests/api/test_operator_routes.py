"""Each route of the operator API needs the token."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.mark.fault_row(71)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "dead-letters"),
        ("GET", "dead-letters/mail/x"),
        ("POST", "dead-letters/replay"),
        ("POST", "dead-letters/discard"),
        ("GET", "quarantine"),
        ("GET", "quarantine/x"),
        ("POST", "quarantine/replay"),
        ("POST", "quarantine/discard"),
        ("GET", "destinations"),
        ("POST", "destinations/mail/pause"),
        ("POST", "destinations/mail/resume"),
    ],
)
async def test_each_route_needs_the_token(ask: Ask, method: str, path: str) -> None:
    """Mutant: each request is that of an operator."""
    status, answer = await ask(method, path, headers={})
    assert (status, answer["error"]["code"]) == (401, "no_token")
