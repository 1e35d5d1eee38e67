"""Options that protect from nothing are errors at load, and weak ones are warned of."""

import pytest
from support.requests_of_senders import head_of, verdict

from router.datatypes import Duration, Secret
from router.sources.verifiers.kinds import VERIFIERS, build_verifier

LONG = Secret("a-secret-that-is-long-enough-0123")
HMAC = {"secret": LONG, "header": "X-Signature"}


@pytest.mark.parametrize(
    ("key", "options", "problem"),
    [
        ("github", {"secret": Secret("")}, "secret is empty"),
        ("github", {"secret": ()}, "secret is empty"),
        ("github", {"secret": (LONG,) * 11}, "secret has 11 secrets, at most 10"),
        ("stripe", {"secret": LONG, "tolerance": Duration(0)}, "tolerance must be more than 0"),
        ("slack", {"secret": LONG, "tolerance": Duration(90000)}, "at most 1d"),
        ("hmac", {**HMAC, "algorithm": "md5"}, "algorithm must be one of .* md5 is broken"),
        ("hmac", {**HMAC, "signed": "{url}"}, "signed must contain {body}"),
        ("hmac", {**HMAC, "signed": "{bdy}"}, "signed has the unknown part {bdy}"),
        ("hmac", {**HMAC, "signed": "{body"}, "signed has a single '{'"),
        ("hmac", {**HMAC, "signed": "{timestamp}{body}"}, "name its header"),
        ("hmac", {**HMAC, "timestamp": "X-Time"}, r"signed must contain \{timestamp\}"),
        ("hmac", {**HMAC, "separator": "|"}, "separator must be comma or space"),
        ("hmac", {**HMAC, "header": "X Signature"}, "header must be the name of a header"),
        ("stripe", {"secret": LONG, "header": "Stripe Signature"}, "header must be the name"),
        ("grafana", {"secret": LONG, "timestamp": ""}, "timestamp must be the name of a header"),
        ("mtls", {"dns": ("a.example",), "header": "X:Cert"}, "header must be the name"),
        ("sendgrid", {"public_key": "abc"}, "public_key is no public key in base64: copy"),
        ("sendgrid", {"public_key": ()}, "public_key must have from 1"),
        (
            "standard-webhooks",
            {"secret": Secret("whsec_***")},
            "secret must be base64 after whsec_",
        ),
        ("standard-webhooks", {"secret": Secret("whpk_AAAA")}, "no Ed25519 public key"),
        ("svix", {"secret": Secret("whsk_AAAA")}, "secret is the private key of the sender"),
        ("basic", {"credentials": Secret("voice")}, "credentials must have the form user:password"),
        ("bearer", {"token": Secret("")}, "token is empty"),
        ("api_key", {"secret": LONG}, "header or query, one of both"),
        ("api_key", {"secret": LONG, "query": "a", "header": "b"}, "header or query, one of both"),
        ("networks", {"allow": ()}, "allow must have from 1"),
        ("networks", {"allow": ("192.0.2.1/24",)}, "allow: '192.0.2.1/24' is no network"),
        ("twilio", {"auth_token": Secret("")}, "auth_token is empty"),
    ],
)
def test_an_option_that_protects_from_nothing_is_an_error(key, options, problem):
    with pytest.raises(ValueError, match=problem) as raised:
        VERIFIERS[key].config(**options)
    # The reader of the rules folder finds the option by the first word.
    assert str(raised.value).replace(":", " ").split()[0] in {*options, "header", "timestamp"} or (
        key == "hmac"
    )


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        ("github", {"secret": Secret("short")}, "shorter than 16 characters"),
        ("github", {"secret": Secret(" a-secret-with-a-space-0123")}, "white space"),
        ("basic", {"credentials": Secret("voice:abc")}, "password is shorter than 8"),
        ("grafana", {"secret": LONG}, "without a timestamp a copy"),
        ("hmac", HMAC, "without a timestamp a copy"),
        ("api_key", {"secret": LONG, "query": "code"}, "stands in the logs"),
        ("networks", {"allow": ("0.0.0.0/0",)}, "allows every sender"),
        ("standard-webhooks", {"secret": Secret("whsec_AAAA")}, "fewer than 24 bytes"),
    ],
)
def test_a_weak_option_is_warned_of(key, options, message):
    (warning,) = VERIFIERS[key].config(**options).warnings()
    assert message in warning.message
    assert warning.key in (*options, "signed")
    assert warning.hint


@pytest.mark.parametrize("key", sorted(set(VERIFIERS) - {"networks", "sns", "mtls"}))
def test_the_stand_in_of_a_missing_variable_is_valid(key):
    kind = VERIFIERS[key].config
    value = kind.stand_in if key == "sendgrid" else Secret(kind.stand_in)
    more = {"hmac": {"header": "X"}, "api_key": {"header": "X"}}.get(key, {})
    config = kind(**{kind.short_key: value, **more})
    assert key == "sendgrid" or config.all_secrets() == (Secret(kind.stand_in),)


@pytest.mark.parametrize(
    ("authorization", "hint"),
    [
        ("Bearer  a-secret-that-is-long-enough-0123", None),
        ("bearer\ta-secret-that-is-long-enough-0123", None),
        ("a-secret-that-is-long-enough-0123", '"Bearer " in front of it is missing'),
        ('Bearer "a-secret-that-is-long-enough-0123"', "has quotes around it"),
        ("Basic abc", "another scheme than Bearer"),
        ("Bearer other", "compare the token"),
    ],
)
def test_forms_of_a_bearer_token(authorization, hint, environment):
    verifier = build_verifier(VERIFIERS["bearer"].config(token=LONG), environment)
    refusal = verifier.check_head(head_of({"Authorization": authorization}))
    assert (refusal and hint in refusal.hint) is (None if hint is None else True)


@pytest.mark.parametrize(("in_query", "code"), [(True, None), (False, "no_token")])
async def test_a_token_in_the_query_passes_if_the_source_says_so(in_query, code, environment):
    config = VERIFIERS["bearer"].config(token=LONG, in_query=in_query)
    head = head_of({}, query=f"a=b&access_token={LONG.reveal()}")
    refusal = await verdict(build_verifier(config, environment), head, b"")
    assert (refusal and refusal.code) == code
    assert refusal is None or "in_query: true" in refusal.hint


async def test_a_key_in_the_query_passes(environment):
    config = VERIFIERS["api_key"].config(secret=LONG, query="code")
    verifier = build_verifier(config, environment)
    head = head_of({}, query=f"code={LONG.reveal()}")
    assert await verdict(verifier, head, b"") is None
    assert (await verdict(verifier, head_of({}, query="code=x"), b"")).code == "wrong_key"


@pytest.mark.parametrize(
    ("address", "headers", "hint"),
    [
        ("192.0.2.7", {}, None),
        ("2001:db8::1", {}, None),
        ("198.51.100.1", {}, "198.51.100.1 is in none of the networks"),
        ("198.51.100.1", {"X-Forwarded-For": "192.0.2.7"}, "add it to ROUTER_TRUSTED_PROXIES"),
    ],
)
def test_the_address_must_be_in_a_network(address, headers, hint, environment):
    config = VERIFIERS["networks"].config(allow=("192.0.2.0/24", "2001:db8::/32"))
    refusal = build_verifier(config, environment).check_head(head_of(headers, address=address))
    assert (refusal and hint in refusal.hint) is (None if hint is None else True)
