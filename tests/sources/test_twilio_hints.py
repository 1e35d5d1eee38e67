"""Each hint about Twilio's signature, signed by Twilio's own library for the URL that it called."""

import hashlib
from typing import Any

import msgspec
import pytest
from support.requests_of_senders import head_of, verdict
from support.signed_requests import BODY, FORM, FORM_TYPE, OTHER, PLANTED, form_of
from twilio.request_validator import RequestValidator

from router.datatypes import Secret
from router.sources.contract import RequestHead, VerifierEnvironment
from router.sources.verifiers.twilio import TwilioVerifier, TwilioVerifierConfig

HASH = f"bodySHA256={hashlib.sha256(BODY).hexdigest()}"
OURS = "http://router.internal:8000/in/source"


def requested(called: str, *, query: str = HASH, **headers: str) -> RequestHead:
    """A request that Twilio signed for ``called``, as the router sees it at OURS."""
    signature = RequestValidator(PLANTED).compute_signature(called, {})
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return head_of(
        {"X-Twilio-Signature": signature, "Host": "router.internal:8000", **names},
        query=query,
        urls=(f"{OURS}?{query}",),
    )


async def hint_of(head: RequestHead, environment: Any, body: bytes = BODY) -> str:
    config = TwilioVerifierConfig(auth_token=Secret(PLANTED))
    refusal = await verdict(TwilioVerifier(config, environment), head, body)
    assert refusal is not None
    assert PLANTED not in repr(refusal)
    assert HASH not in repr(refusal)
    return refusal.hint


@pytest.mark.parametrize(
    ("called", "headers", "expected"),
    [
        (
            f"https://router.internal:8000/in/source?{HASH}",
            {},
            "must send X-Forwarded-Proto and be in ROUTER_TRUSTED_PROXIES",
        ),
        (
            f"https://events.example.com/in/source?{HASH}",
            {"X_Forwarded_Host": "events.example.com"},
            "Twilio called https://events.example.com/in/source, and the router saw http://router",
        ),
        (
            f"https://events.example.com/hooks/in/source?{HASH}",
            {"X_Forwarded_Host": "events.example.com", "X_Forwarded_Prefix": "/hooks"},
            "Twilio called https://events.example.com/hooks/in/source",
        ),
        (f"{OURS}/?{HASH}", {}, "Twilio called http://router.internal:8000/in/source/"),
        (OURS, {}, "Twilio's has none of the query, which a proxy changes"),
    ],
)
async def test_the_signature_fits_the_token_but_not_the_url(called, headers, expected, environment):
    hint = await hint_of(requested(called, **headers), environment)
    assert hint.startswith("the signature fits the auth token but not the URL")
    assert expected in hint


async def test_the_query_is_spelt_otherwise(environment):
    head = requested(f"{OURS}?a=b%20c&{HASH}", query=f"a=b+c&{HASH}")
    assert "another spelling or order of the query" in await hint_of(head, environment)


async def test_the_token_of_another_source(environment):
    others = {"voice": (Secret(OTHER),)}
    environment = msgspec.structs.replace(environment, other_secrets=others)
    signature = RequestValidator(OTHER).compute_signature(f"{OURS}?{HASH}", {})
    head = head_of({"X-Twilio-Signature": signature}, query=HASH, urls=(f"{OURS}?{HASH}",))
    assert "the auth token of the source voice" in await hint_of(head, environment)


async def test_nothing_that_was_not_computed_is_said(environment):
    head = requested(f"https://elsewhere.example.com/?{HASH}")
    assert (await hint_of(head, environment)).startswith("compare the auth token with that of")


async def test_the_body_was_changed(environment):
    head = requested(f"{OURS}?{HASH}")
    hint = await hint_of(head, environment, BODY + b"\n")
    assert hint.startswith("bodySHA256 fits the body without its last line end")


async def test_a_form_that_a_proxy_dropped_or_changed(environment):
    signature = RequestValidator(PLANTED).compute_signature(OURS, form_of(FORM))
    for body, content_type in ((FORM + b"1", FORM_TYPE), (b"", FORM_TYPE), (FORM, "text/plain")):
        headers = {"X-Twilio-Signature": signature, "Content-Type": content_type}
        head = head_of(headers, urls=(OURS,))
        assert await hint_of(head, environment, body)


async def test_a_hash_in_another_query_than_the_signed_one_is_no_proof(environment):
    """Mutant: the URLs are not compared with the query."""
    signature = RequestValidator(PLANTED).compute_signature(OURS, {})
    head = head_of({"X-Twilio-Signature": signature}, query=HASH, urls=(OURS,))
    assert await hint_of(head, environment)


async def test_the_tokens_of_the_settings_count_without_own_ones(environment):
    settings: VerifierEnvironment = msgspec.structs.replace(
        environment, auth_tokens=(Secret(PLANTED),)
    )
    head = requested(f"{OURS}?{HASH}")
    verifiers = [TwilioVerifier(TwilioVerifierConfig(), each) for each in (settings, environment)]
    first, second = [await verdict(each, head, BODY) for each in verifiers]
    assert first is None
    assert second.code == "no_auth_token"
    assert "ROUTER_TWILIO_AUTH_TOKENS" in second.hint
