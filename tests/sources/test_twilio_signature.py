"""The signature, against Twilio's own library as the oracle."""

import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, get_signature_algorithm

from router.datatypes import Secret
from router.sources.twilio_signature import (
    SignatureCheck,
    body_hash,
    called_urls,
    check_body,
    find_signing_token,
    sign,
)

TOKEN = Secret("12345678901234567890123456789012")
BODY = b'[{"id":"1"}]'
URL = f"https://router.example.com/twilio?bodySHA256={body_hash(BODY)}"


def check_url(
    *,
    signature: str | None,
    url: str,
    auth_tokens: Sequence[Secret],
    settings: str = "",
    credentials: str = "",
) -> SignatureCheck:
    """What ``find_signing_token`` finds, without which token it was."""
    found = find_signing_token(
        signature=signature,
        urls=[url],
        auth_tokens=auth_tokens,
        settings=settings,
        credentials=credentials,
    )
    return found if isinstance(found, SignatureCheck) else SignatureCheck.GENUINE


def check(
    *,
    signature: str | None,
    url: str,
    body: bytes,
    auth_tokens: Sequence[Secret],
    settings: str = "",
) -> SignatureCheck:
    """Check a whole request as ingress does: its URL, then its body."""
    result = check_url(signature=signature, url=url, auth_tokens=auth_tokens, settings=settings)
    return check_body(url, body) if result is SignatureCheck.GENUINE else result


def verdict(
    *,
    url: str = URL,
    body: bytes = BODY,
    signature: str | None = None,
    tokens: tuple[Secret, ...] = (TOKEN,),
    settings: str = "",
) -> SignatureCheck:
    given_signature = sign(URL, TOKEN) if signature is None else signature
    return check(
        signature=given_signature, url=url, body=body, auth_tokens=tokens, settings=settings
    )


text = st.text(string.ascii_letters + string.digits + "-._~%&=+/ éж🦉", max_size=30)
ports = st.sampled_from(["", ":80", ":443", ":8443", ":8080"])
algorithms = st.sampled_from(["HMAC_SHA1", "HMAC_SHA256", "hmac_sha256", "HMAC_MD5"])


@given(
    token=st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=40),
    scheme=st.sampled_from(["http", "https"]),
    signed_port=ports,
    called_port=ports,
    path=text,
    query=text,
    body=st.text(max_size=50),
    algorithm=algorithms,
)
def test_it_agrees_with_twilios_own_library(
    token: str,
    scheme: str,
    signed_port: str,
    called_port: str,
    path: str,
    query: str,
    body: str,
    algorithm: str,
) -> None:
    digest = body_hash(body.encode())
    signed, called = (
        f"{scheme}://example.com{port}/{path}?bodySHA256={digest}&{query}"
        for port in (signed_port, called_port)
    )
    settings = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    theirs = RequestValidator(token)
    known = algorithm != "HMAC_MD5"
    signature = theirs.compute_signature(signed, {}, algorithm if known else "HMAC_SHA1")

    ours = check(
        signature=signature,
        url=called,
        body=body.encode(),
        auth_tokens=[Secret(token)],
        settings=settings,
    )

    assert get_signature_algorithm(settings) == algorithm
    assert (ours is SignatureCheck.GENUINE) == theirs.validate(called, body, signature, algorithm)
    assert (ours is SignatureCheck.UNKNOWN_ALGORITHM) == (not known)
    assert sign(signed, Secret(token)) == theirs.compute_signature(signed, {})


@given(text)
def test_settings_that_name_no_algorithm_mean_the_auth_tokens(settings: str) -> None:
    expected = verdict(settings=f"key={settings.replace(',', '')}")

    assert expected is SignatureCheck.GENUINE


@pytest.mark.parametrize("signed", ["", ":443"])
@pytest.mark.parametrize("called", ["", ":443"])
def test_the_default_port_may_be_written_or_not(signed: str, called: str) -> None:
    query = f"bodySHA256={body_hash(BODY)}"
    signature = sign(f"https://example.com{signed}/twilio?{query}", TOKEN)
    url = f"https://example.com{called}/twilio?{query}"

    assert verdict(url=url, signature=signature) is SignatureCheck.GENUINE


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        ("https://voice:open%20sesame@router.example.com/twilio", SignatureCheck.GENUINE),
        ("https://voice:open sesame@router.example.com:443/twilio", SignatureCheck.GENUINE),
        ("https://router.example.com/twilio", SignatureCheck.GENUINE),
        ("https://voice:other@router.example.com/twilio", SignatureCheck.WRONG_SIGNATURE),
    ],
)
def test_the_url_counts_with_the_credentials_that_the_sink_has(
    signed: str, expected: SignatureCheck
) -> None:
    url = "https://router.example.com/twilio"

    result = check_url(
        signature=sign(signed, TOKEN),
        url=url,
        auth_tokens=[TOKEN],
        credentials="voice:open sesame",
    )

    assert result is expected


def test_any_of_several_tokens_will_do() -> None:
    tokens = (Secret("old"), TOKEN, Secret("subaccount"))

    assert verdict(tokens=tokens) is SignatureCheck.GENUINE


@pytest.mark.fault_row(33)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, SignatureCheck.GENUINE),
        ({"signature": ""}, SignatureCheck.NO_SIGNATURE),
        ({"tokens": ()}, SignatureCheck.NO_TOKEN),
        ({"signature": "AAAA"}, SignatureCheck.WRONG_SIGNATURE),
        ({"signature": "ü" * 28}, SignatureCheck.WRONG_SIGNATURE),
        ({"signature": sign(URL, TOKEN)[:-1]}, SignatureCheck.WRONG_SIGNATURE),
        ({"tokens": (Secret("other"),)}, SignatureCheck.WRONG_SIGNATURE),
        ({"url": URL.replace("https", "http")}, SignatureCheck.WRONG_SIGNATURE),
        ({"url": URL.replace("/twilio", "/twilio/")}, SignatureCheck.WRONG_SIGNATURE),
        ({"url": URL + "&x=1"}, SignatureCheck.WRONG_SIGNATURE),
        ({"url": URL.replace(".com", ".org:8443")}, SignatureCheck.WRONG_SIGNATURE),
        ({"url": URL.replace("router", "[::1]:x")}, SignatureCheck.WRONG_SIGNATURE),
        ({"settings": "key=k,algorithm=HMAC_MD5"}, SignatureCheck.UNKNOWN_ALGORITHM),
        ({"settings": "key=k,algorithm=HMAC_SHA256"}, SignatureCheck.WRONG_SIGNATURE),
        ({"body": BODY + b" "}, SignatureCheck.WRONG_BODY_HASH),
        ({"body": b""}, SignatureCheck.WRONG_BODY_HASH),
    ],
)
def test_the_check_that_failed_is_reported(
    change: dict[str, object], expected: SignatureCheck
) -> None:
    assert verdict(**change) is expected  # type: ignore[arg-type]


def test_a_signed_url_without_a_body_hash_protects_no_body() -> None:
    url = "https://router.example.com/twilio"

    assert verdict(url=url, signature=sign(url, TOKEN)) is SignatureCheck.NO_BODY_HASH


@pytest.mark.parametrize(
    ("public_url", "raw_path", "expected"),
    [
        ("https://r.example.com", "/twilio?a=1", "https://r.example.com/twilio?a=1"),
        ("https://r.example.com/", "/twilio?a=1", "https://r.example.com/twilio?a=1"),
        ("https://r.example.com/voice", "/twilio?a=1", "https://r.example.com/voice/twilio?a=1"),
        ("https://r.example.com/twilio", "/twilio?a=1", "https://r.example.com/twilio?a=1"),
        ("https://r.example.com/v/twilio", "/twilio?a=1", "https://r.example.com/v/twilio?a=1"),
        ("https://r.example.com:8443", "/twilio", "https://r.example.com:8443/twilio"),
        ("https://r.example.com", "/twilio?a=%2F&b=+", "https://r.example.com/twilio?a=%2F&b=+"),
    ],
)
def test_the_url_is_the_one_that_twilio_called(
    public_url: str, raw_path: str, expected: str
) -> None:
    assert called_urls(public_url, raw_path)[0] == expected


@pytest.mark.parametrize(
    ("public_url", "signed"),
    [
        ("https://h.example.com/webhooks/voice", "https://h.example.com/webhooks/voice?a=1"),
        ("https://h.example.com/webhooks/voice", "https://h.example.com/webhooks/voice/?a=1"),
        ("https://h.example.com/webhooks/voice/", "https://h.example.com/webhooks/voice/?a=1"),
        ("https://h.example.com/hooks", "https://h.example.com/hooks/twilio?a=1"),
        ("https://h.example.com", "https://h.example.com?a=1"),
        ("https://h.example.com", "https://h.example.com/?a=1"),
        ("https://h.example.com/", "https://h.example.com/?a=1"),
        ("https://h.example.com:8443/x", "https://h.example.com/x?a=1"),
        ("https://h.example.com/twilio", "https://h.example.com/twilio/twilio?a=1"),
    ],
)
def test_a_proxy_may_rewrite_the_path_of_the_sink(public_url: str, signed: str) -> None:
    """Case I12: what Twilio signed is the URL of the sink, whatever path the router receives."""
    urls = called_urls(public_url, "/twilio?a=1")

    found = find_signing_token(signature=sign(signed, TOKEN), urls=urls, auth_tokens=[TOKEN])
    other = find_signing_token(
        signature=sign(signed.replace("h.example", "other.example"), TOKEN),
        urls=urls,
        auth_tokens=[TOKEN],
    )

    assert (found, other) == (TOKEN, SignatureCheck.WRONG_SIGNATURE)


def test_the_url_of_the_sink_is_the_only_one_if_it_is_configured() -> None:
    """Case I12."""
    sink = "https://h.example.com/webhooks/voice"

    assert called_urls("https://x.example.com", "/twilio?a=1", sink) == [f"{sink}?a=1"]
    assert called_urls("", "/twilio", sink) == [sink]
