"""GitHub's signature, by the values that GitHub publishes."""

import pytest
from support.requests_of_senders import head_of

from router.datatypes import Secret
from router.sources.verifiers.github import GithubConfig, GithubVerifier

# GitHub, "Validating webhook deliveries", section "Testing the webhook payload validation".
SECRET = Secret("It's a Secret to Everybody")
BODY = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize(
    ("secrets", "body", "code"),
    [
        (SECRET, BODY, None),
        ((Secret("a new one"), SECRET), BODY, None),
        (Secret("another"), BODY, "wrong_signature"),
        (SECRET, BODY + b"\n", "wrong_signature"),
    ],
)
async def test_the_body_must_be_signed_with_one_of_the_secrets(secrets, body, code, environment):
    verifier = GithubVerifier(GithubConfig(secret=secrets), environment)
    head = head_of({"X-Hub-Signature-256": SIGNATURE})
    refusal = verifier.check_head(head) or await verifier.check_body(head, body)
    assert (refusal and refusal.code) == code


def test_a_request_without_a_signature_is_refused_before_its_body_is_read(environment):
    verifier = GithubVerifier(GithubConfig(secret=SECRET), environment)
    refusal = verifier.check_head(head_of({}))
    assert refusal.code == "no_signature"
    assert refusal.status == 401
