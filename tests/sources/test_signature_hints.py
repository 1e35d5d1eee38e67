"""Each hint about a signature, from a request that has that mistake."""

import base64
import hmac
from typing import Any

import msgspec
import pytest
from support.requests_of_senders import head_of, verdict

from router.datatypes import Secret
from router.sources.contract import VerifierEnvironment
from router.sources.hmac_scheme import SignatureEncoding
from router.sources.signature_hints import LARGEST_BODY, HintBudget
from router.sources.verifiers.kinds import VERIFIERS, build_verifier

SECRET = "s3cr3t-canary-0123456789abcdef"
BODY = b'{"b": 1, "a": "\xc3\xa9"}'
NOW = 1_764_000_000.0
TIME = {"timestamp": "X-Timestamp", "signed": "{timestamp}.{body}"}


def signature(text: bytes, *, key: bytes = SECRET.encode(), name: str = "sha256") -> str:
    return hmac.new(key, text, name).hexdigest()


async def hint_of(
    given: str,
    environment: VerifierEnvironment,
    *,
    secret: str = SECRET,
    body: bytes = BODY,
    age: float = 0.0,
    **options: Any,
) -> str:
    config = VERIFIERS["hmac"].config(secret=Secret(secret), header="X-Signature", **options)
    verifier = build_verifier(config, environment)
    headers = {"X-Signature": given, "X-Timestamp": str(int(NOW - age))}
    refusal = await verdict(verifier, head_of(headers, received_at=NOW), body)
    assert refusal is not None
    assert secret.strip() not in repr(refusal)
    assert given not in repr(refusal)
    return refusal.hint


@pytest.mark.parametrize(
    ("signed", "got", "expected"),
    [
        (b"{}", b"{}\n", "fits the body without its last line end: a proxy"),
        (b"{}\n", b"{}", "fits the body with a line end after it: a proxy"),
        (b"{}\n[]", b"{}\r\n[]", "fits the body with LF for CRLF: a proxy"),
        (b"{}\r\n[]", b"{}\n[]", "fits the body with CRLF for LF: a proxy"),
        (b"", b"{}", "fits an empty body: a proxy"),
        (b'{"b":1,"a":2}', b'{"b": 1, "a": 2}', "fits the body as JSON without white space"),
        (b'{"a":2,"b":1}', b'{"b": 1, "a": 2}', "and with sorted keys"),
        (b'{"b": 1, "a": 2}', b'{"b":1,"a":2}', "with a space after each comma and colon"),
        (b'{\n  "b": 1\n}', b'{"b":1}', "with an indent of 2"),
    ],
)
async def test_a_body_that_a_proxy_changed(signed, got, expected, environment):
    assert expected in await hint_of(signature(signed), environment, body=got)


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        (
            base64.b64encode(hmac.digest(SECRET.encode(), BODY, "sha256")).decode(),
            {},
            "but it is written in base64, and the source says hex",
        ),
        (
            signature(BODY),
            {"encoding": SignatureEncoding.BASE64},
            "written in hex, and the source says base64",
        ),
        (signature(BODY), {"prefix": "sha256="}, 'no prefix, while the source says "sha256="'),
        (f"sha256={signature(BODY)}", {}, "the signature fits the secret and the body"),
        (
            f"v1={signature(BODY)}",
            {"prefix": "v0="},
            'the prefix "v1=", while the source says "v0="',
        ),
        (signature(BODY, name="sha1"), {}, "fits with sha1, and the source says sha256"),
        (signature(BODY), {"algorithm": "sha512"}, "write algorithm: sha256"),
        (signature(BODY), TIME, 'fits the text "{body}", and the source says "{timestamp}.{body}"'),
        ("unsigned!", {}, "no signature of a known form"),
    ],
)
async def test_a_source_that_describes_the_signature_wrongly(given, options, expected, environment):
    assert expected in await hint_of(given, environment, **options)


@pytest.mark.parametrize(
    ("key", "secret", "expected"),
    [
        (SECRET.encode(), SECRET + "\n", "the secret without the white space around it: remove it"),
        ((SECRET + "\n").encode(), SECRET, "the secret with a line end after it"),
        (SECRET.encode(), f"whsec_{SECRET}", "the part of the secret after its first _"),
        (b"\x01" * 24, "whsec_" + "AQEB" * 8, "after its first _, decoded from base64"),
        (b"\x01" * 16, "01" * 16, "the secret, decoded from hex"),
    ],
)
async def test_a_secret_that_was_copied_wrongly(key, secret, expected, environment):
    assert expected in await hint_of(signature(BODY, key=key), environment, secret=secret)


async def test_the_secret_of_another_source(environment):
    others = {"billing": (Secret("one"), Secret("the-secret-of-billing"))}
    environment = msgspec.structs.replace(environment, other_secrets=others)
    hint = await hint_of(signature(BODY, key=b"the-secret-of-billing"), environment)
    assert "the signature fits the secret of the source billing" in hint


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (720, "the signature fits, but the request is 12 minutes old and the source allows 5 min"),
        (
            -7200,
            "is from 2 hours in the future and the source allows 5 minutes: compare the clocks",
        ),
    ],
)
async def test_a_clock_that_is_wrong(age, expected, environment):
    given = signature(b"%d." % int(NOW - age) + BODY)
    assert expected in await hint_of(given, environment, age=age, **TIME)


async def test_nothing_that_was_not_computed_is_said(environment):
    hint = await hint_of(signature(BODY, key=b"another secret"), environment)
    assert hint == "compare the secret of the source with that of the sender"


async def test_a_large_body_is_not_hashed_again_and_again(environment):
    body = b"x" * LARGEST_BODY + b"\n"
    hint = await hint_of(signature(body.rstrip()), environment, body=body)
    assert hint == "compare the secret of the source with that of the sender"


def test_explanations_are_limited():
    budget = HintBudget()
    assert [budget.take(NOW) for _ in range(22)] == [True] * 20 + [False] * 2
    assert [budget.take(NOW + 1) for _ in range(3)] == [True, True, False]
    assert not budget.take(NOW - 100)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Hub-Signature": "sha1=0"}, "the request has x-hub-signature, and the source reads"),
        ({"Stripe-Signature": "t=1"}, "has the header stripe-signature of the verifier stripe"),
        ({"X-Other": "1"}, "set the secret in the webhook's settings on GitHub"),
        ({"X-\x1b[2J-Signature": "1"}, "set the secret in the webhook's settings on GitHub"),
    ],
)
def test_another_header_than_the_expected_one(headers, expected, environment):
    config = VERIFIERS["github"].config(secret=Secret(SECRET))
    refusal = build_verifier(config, environment).check_head(head_of(headers))
    assert expected in refusal.hint
