"""What verifiers share."""

import pytest

from router.sources.contract import VerifierEnvironment


async def fetch_nothing(url: str) -> bytes:
    raise AssertionError(f"{url} was fetched")


@pytest.fixture
def environment() -> VerifierEnvironment:
    return VerifierEnvironment(fetch=fetch_nothing)
