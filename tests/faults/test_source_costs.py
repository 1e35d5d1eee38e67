"""The cost of requests to sources that a stranger signs wrongly."""

import time

import pytest
from support.signed_requests import CASES, SignedCase

from router.datatypes import Secret
from router.sources.contract import FetchError, VerifierEnvironment

LARGEST = b"x" * (4 << 20)
LONGEST_HOLD = 0.2
"""Seconds of CPU that the event loop may be busy with one body of 4 MiB; at most 0.04 on an idle core."""


async def fetch(url: str) -> bytes:
    raise FetchError(f"no network: {url}")


@pytest.mark.fault_row(38)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_wrong_signature_of_a_large_body_costs_little(case: SignedCase) -> None:
    """Revert: the hint for a form of Twilio's took 0.5 s."""
    others = {f"s{number}": (Secret(f"another-secret-{number:04}"),) for number in range(20)}
    verifier = case.verifier(VerifierEnvironment(fetch=fetch, other_secrets=others))
    head, _ = case.request()

    began = time.process_time()
    refusal = verifier.check_head(head) or await verifier.check_body(head, LARGEST)
    seconds = time.process_time() - began

    assert (refusal is None) is not case.signs_body
    assert seconds < LONGEST_HOLD
