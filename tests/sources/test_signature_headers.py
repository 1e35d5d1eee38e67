"""The table of signature headers, compared with the verifiers and their senders' requests."""

import pytest
from support.signed_requests import CASES

from router.sources.signature_headers import SIGNATURE_HEADERS
from router.sources.verifiers.kinds import VERIFIERS

WITHOUT = {"api_key", "basic", "bearer", "hmac", "mtls", "networks", "sns"}
"""The verifiers that read no header of a fixed name."""


def test_each_verifier_with_a_fixed_header_is_in_the_table():
    assert SIGNATURE_HEADERS.keys() == VERIFIERS.keys() - WITHOUT


@pytest.mark.parametrize("verifier", SIGNATURE_HEADERS)
def test_the_sender_signs_in_that_header(verifier):
    cases = [each for each in CASES if each.key == verifier]

    assert any(SIGNATURE_HEADERS[verifier] in each.request()[0].headers for each in cases)
