"""Signatures as in Standard Webhooks."""

import pytest

from router.datatypes import Secret
from router.destinations.transport.signing import signature, signing_key


def test_the_signature_of_the_specifications_own_example():
    # Standard Webhooks, reference implementations' test vector.
    signed = signature(
        [signing_key(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("whsec_AAEC", b"\x00\x01\x02"),
        ("whsec_AAE", b"\x00\x01"),
        ("whsec_AAE=", b"\x00\x01"),
        ("just words", b"just words"),
    ],
)
def test_a_signing_secret_is_base64_after_its_prefix_or_itself(secret, key):
    assert signing_key(Secret(secret)) == key
