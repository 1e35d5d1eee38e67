"""A request that each verifier accepts, signed by the vendor's own library where there is one."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import stripe
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from multidict import MultiDict
from slack_sdk.signature import Clock, SignatureVerifier
from standardwebhooks import Webhook, WebhookVerificationError
from twilio.request_validator import RequestValidator, get_signature_algorithm

from router.clock import system_clock
from router.datatypes import Networks, Secret
from router.sources.contract import RequestHead, Verifier, VerifierEnvironment
from router.sources.verifiers.kinds import VERIFIERS, build_verifier
from support.requests_of_senders import head_of
from support.sns_messages import (
    SNS_CHANGES,
    TOPIC,
    fetch_sns_certificate,
    sns_agrees,
    sns_notification,
)


def now() -> float:
    """Return the time of a request, in whole seconds. Some libraries read the clock themselves."""
    return float(int(system_clock().now()))


BODY: Final = b'{"id": "evt_1", "kind": "renamed", "name": "\xc3\xa9"}'
PLANTED: Final = "s3cr3t-canary-0123456789abcdef"
OTHER: Final = "another-secret-9876543210fedcba"
WEBHOOK_SECRET: Final = "whsec_" + base64.b64encode(PLANTED.encode()).decode()
OTHER_WEBHOOK_SECRET: Final = "whsec_" + base64.b64encode(OTHER.encode()).decode()
SENDGRID_KEY: Final = ec.generate_private_key(ec.SECP256R1())
ED25519_KEY: Final = Ed25519PrivateKey.generate()


CHANGES: Final = (
    lambda body: body + b" ",
    lambda body: body[:-1],
    lambda _: b"",
    lambda body: body.replace(b"1", b"2"),
)
URL: Final = "https://events.example.com/in/source"


class SignedCase(msgspec.Struct, frozen=True, kw_only=True):
    """One verifier, and how its sender signs."""

    name: str
    key: str
    """The key of the verifier in the rules folder."""
    oracle: str
    """The judge of the signatures beside us."""
    options: Mapping[str, Any]
    wrong: Mapping[str, Any]
    """Options with another secret."""
    both: Mapping[str, Any]
    """Options with both secrets, of which the second is right."""
    headers: Callable[[bytes, float], dict[str, str]]
    """The headers of a body that is signed at a time."""
    agrees: Callable[[Mapping[str, str], bytes], bool]
    """Whether the oracle accepts headers and body."""
    body: Callable[[float], bytes] = lambda _: BODY
    """The body of a request that is signed at a time."""
    changed: tuple[Callable[[bytes], bytes], ...] = CHANGES
    """Changes of the body that no verifier accepts."""
    query: Callable[[bytes], str] = lambda _: ""
    environment: Mapping[str, Any] = {}
    has_time: bool = False
    signs_body: bool = True
    unsigned_headers: bool = False
    """Whether the signature is in the body, so that no header matters."""
    tolerance: float = 300.0

    def request(self, age: float = 0.0) -> tuple[RequestHead, bytes]:
        """A request that was signed ``age`` seconds ago."""
        at = now()
        body = self.body(at - age)
        return self.with_headers(self.headers(body, at - age), body, at), body

    def with_headers(
        self, headers: Mapping[str, str], body: bytes, at: float | None = None
    ) -> RequestHead:
        query = self.query(body)
        url = f"{URL}?{query}" if query else URL
        return head_of(headers, query=query, urls=(url,), received_at=at or now())

    def verifier(self, environment: VerifierEnvironment, options: Any = None) -> Verifier:
        config = VERIFIERS[self.key].config(**(self.options if options is None else options))
        shared = msgspec.structs.replace(environment, **self.environment)
        return build_verifier(config, shared)


def secrets(option: str, right: str = PLANTED, wrong: str = OTHER) -> dict[str, dict[str, Any]]:
    return {
        "options": {option: Secret(right)},
        "wrong": {option: Secret(wrong)},
        "both": {option: (Secret(wrong), Secret(right))},
    }


def extended(cases: dict[str, dict[str, Any]], **options: Any) -> dict[str, dict[str, Any]]:
    return {name: {**each, **options} for name, each in cases.items()}


def hex_hmac(text: bytes, hash_name: str = "sha256") -> str:
    return hmac.new(PLANTED.encode(), text, hash_name).hexdigest()


def base64_hmac(text: bytes) -> str:
    return base64.b64encode(hmac.digest(PLANTED.encode(), text, "sha256")).decode()


def same(header: str, expected: Callable[[Mapping[str, str], bytes], str]) -> Any:
    """The oracle of a sender without a library: its published algorithm, written once more."""
    return lambda headers, body: headers.get(header) == expected(headers, body)


def stripe_agrees(headers: Mapping[str, str], body: bytes) -> bool:
    try:
        stripe.WebhookSignature.verify_header(
            body.decode(), headers.get("Stripe-Signature"), PLANTED, tolerance=300
        )
    except stripe.SignatureVerificationError:
        return False
    return True


class FixedClock(Clock):
    def now(self) -> float:
        return now()


def slack_agrees(headers: Mapping[str, str], body: bytes) -> bool:
    return SignatureVerifier(PLANTED, FixedClock()).is_valid_request(body, headers)


def slack_headers(body: bytes, at: float) -> dict[str, str]:
    signature = SignatureVerifier(PLANTED).generate_signature(timestamp=str(int(at)), body=body)
    return {"X-Slack-Request-Timestamp": str(int(at)), "X-Slack-Signature": signature or ""}


def standard_headers(family: str) -> Callable[[bytes, float], dict[str, str]]:
    def headers(body: bytes, at: float) -> dict[str, str]:
        time = datetime.fromtimestamp(at, UTC)
        return {
            f"{family}-id": "msg_1",
            f"{family}-timestamp": str(int(at)),
            f"{family}-signature": Webhook(WEBHOOK_SECRET).sign("msg_1", time, body.decode()),
        }

    return headers


# Two libraries of vendors have hundreds of modules, and each process that runs tests reads this one.
def svix_webhook(secret: str) -> Any:
    from svix.webhooks import Webhook as SvixWebhook

    return SvixWebhook(secret)


def standard_agrees(library: Callable[[str], Any]) -> Any:
    def agrees(headers: Mapping[str, str], body: bytes) -> bool:
        try:
            library(WEBHOOK_SECRET).verify(body, dict(headers))
        except (WebhookVerificationError, ValueError):
            return False
        return True

    return agrees


def ed25519_headers(body: bytes, at: float) -> dict[str, str]:
    signature = ED25519_KEY.sign(b"msg_1.%d." % int(at) + body)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at)),
        "webhook-signature": "v1a," + base64.b64encode(signature).decode(),
    }


def public_text(key: Ed25519PrivateKey) -> str:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "whpk_" + base64.b64encode(raw).decode()


def sendgrid_headers(body: bytes, at: float) -> dict[str, str]:
    signature = SENDGRID_KEY.sign(b"%d" % int(at) + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Timestamp": str(int(at)),
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
    }


def der_text(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def sendgrid_agrees(headers: Mapping[str, str], body: bytes) -> bool:
    from sendgrid.helpers.eventwebhook import EventWebhook

    return EventWebhook(der_text(SENDGRID_KEY)).verify_signature(
        body.decode(),
        headers.get("X-Twilio-Email-Event-Webhook-Signature", ""),
        headers.get("X-Twilio-Email-Event-Webhook-Timestamp", ""),
    )


SENDGRID_PUBLIC: Final = der_text(SENDGRID_KEY)
SENDGRID_OTHER: Final = der_text(ec.generate_private_key(ec.SECP256R1()))
BASIC: Final = f"voice:{PLANTED}"
FORM: Final = (
    b"CallSid=CA1&To=%2B15550100&Tag=b&Tag=a&Tag=b&Empty=&Name=%C3%A9&CallStatus=completed"
)
XFCC: Final = f"Hash={'ab' * 32};URI=spiffe://example.com/crm"
FORM_TYPE: Final = "application/x-www-form-urlencoded"


def twilio_query(body: bytes) -> str:
    return f"bodySHA256={hashlib.sha256(body).hexdigest()}"


def twilio_json_headers(body: bytes, _: float) -> dict[str, str]:
    url = f"{URL}?{twilio_query(body)}"
    return {"X-Twilio-Signature": RequestValidator(PLANTED).compute_signature(url, {})}


def shared_key_headers(body: bytes, _: float) -> dict[str, str]:
    url = f"{URL}?{twilio_query(body)}"
    signature = RequestValidator(PLANTED).compute_signature(url, {}, "HMAC_SHA256")
    return {
        "X-Twilio-Signature": signature,
        "X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_SHA256",
    }


def twilio_json_agrees(headers: Mapping[str, str], body: bytes) -> bool:
    algorithm = get_signature_algorithm(headers.get("X-Twilio-Webhooks-Signature-Settings"))
    url = f"{URL}?{twilio_query(BODY)}"
    signature = headers["X-Twilio-Signature"]
    return bool(RequestValidator(PLANTED).validate(url, body.decode(), signature, algorithm))


def form_of(body: bytes) -> MultiDict[str]:
    return MultiDict(parse_qsl(body.decode(), keep_blank_values=True))


def twilio_form_headers(body: bytes, _: float) -> dict[str, str]:
    signature = RequestValidator(PLANTED).compute_signature(URL, form_of(body))
    return {"X-Twilio-Signature": signature, "Content-Type": FORM_TYPE}


def twilio_form_agrees(headers: Mapping[str, str], body: bytes) -> bool:
    signature = headers["X-Twilio-Signature"]
    return bool(RequestValidator(PLANTED).validate(URL, form_of(body), signature))


CASES: Final = [
    SignedCase(
        name="twilio, JSON",
        key="twilio",
        oracle="twilio.request_validator.RequestValidator",
        **secrets("auth_token"),
        query=twilio_query,
        headers=twilio_json_headers,
        agrees=twilio_json_agrees,
    ),
    SignedCase(
        name="twilio, JSON with a shared key",
        key="twilio",
        oracle="twilio.request_validator.RequestValidator",
        **secrets("auth_token"),
        query=twilio_query,
        headers=shared_key_headers,
        agrees=twilio_json_agrees,
    ),
    SignedCase(
        name="twilio, form",
        key="twilio",
        oracle="twilio.request_validator.RequestValidator",
        **secrets("auth_token"),
        body=lambda _: FORM,
        headers=twilio_form_headers,
        agrees=twilio_form_agrees,
    ),
    SignedCase(
        name="mtls, Envoy",
        key="mtls",
        oracle="published format",
        options={"uris": ("spiffe://example.com/crm",), "fingerprints": ("ab" * 32,)},
        wrong={"uris": ("spiffe://example.com/other",)},
        both={"uris": ("spiffe://example.com/other", "spiffe://example.com/crm")},
        environment={"trusted_proxies": Networks.parse("192.0.2.0/24")},
        headers=lambda *_: {"X-Forwarded-Client-Cert": XFCC},
        agrees=lambda headers, _: headers["X-Forwarded-Client-Cert"] == XFCC,
        signs_body=False,
    ),
    SignedCase(
        name="sns, version 2",
        key="sns",
        oracle="cryptography (RSA), published form of the text",
        options={"topics": (TOPIC,)},
        wrong={"topics": (TOPIC.replace("alarms", "other"),)},
        both={"topics": (TOPIC.replace("alarms", "other"), TOPIC)},
        environment={"fetch": fetch_sns_certificate},
        body=sns_notification,
        changed=SNS_CHANGES,
        headers=lambda *_: {"x-amz-sns-message-type": "Notification"},
        agrees=lambda _, body: sns_agrees(body),
        has_time=True,
        tolerance=7200.0,
        unsigned_headers=True,
    ),
    SignedCase(
        name="github",
        key="github",
        oracle="published vector (test_github.py) and algorithm",
        **secrets("secret"),
        headers=lambda body, _: {"X-Hub-Signature-256": f"sha256={hex_hmac(body)}"},
        agrees=same("X-Hub-Signature-256", lambda _, body: f"sha256={hex_hmac(body)}"),
    ),
    SignedCase(
        name="stripe",
        key="stripe",
        oracle="stripe.WebhookSignature",
        **secrets("secret"),
        headers=lambda body, at: {
            "Stripe-Signature": stripe.WebhookSignature.generate_signature_header(
                body.decode(), PLANTED, int(at)
            )
        },
        agrees=stripe_agrees,
        has_time=True,
    ),
    SignedCase(
        name="slack",
        key="slack",
        oracle="slack_sdk.signature.SignatureVerifier",
        **secrets("secret"),
        headers=slack_headers,
        agrees=slack_agrees,
        has_time=True,
    ),
    SignedCase(
        name="standard-webhooks",
        key="standard-webhooks",
        oracle="standardwebhooks.Webhook",
        **secrets("secret", WEBHOOK_SECRET, OTHER_WEBHOOK_SECRET),
        headers=standard_headers("webhook"),
        agrees=standard_agrees(Webhook),
        has_time=True,
    ),
    SignedCase(
        name="svix",
        key="svix",
        oracle="svix.webhooks.Webhook",
        **secrets("secret", WEBHOOK_SECRET, OTHER_WEBHOOK_SECRET),
        headers=standard_headers("svix"),
        agrees=standard_agrees(svix_webhook),
        has_time=True,
    ),
    SignedCase(
        name="standard-webhooks v1a",
        key="standard-webhooks",
        oracle="cryptography (Ed25519)",
        **secrets("secret", public_text(ED25519_KEY), public_text(Ed25519PrivateKey.generate())),
        headers=ed25519_headers,
        agrees=lambda headers, body: (
            headers["webhook-signature"]
            == ed25519_headers(body, float(headers["webhook-timestamp"]))["webhook-signature"]
        ),
        has_time=True,
    ),
    SignedCase(
        name="sendgrid",
        key="sendgrid",
        oracle="sendgrid.helpers.eventwebhook.EventWebhook",
        options={"public_key": SENDGRID_PUBLIC},
        wrong={"public_key": SENDGRID_OTHER},
        both={"public_key": (SENDGRID_OTHER, SENDGRID_PUBLIC)},
        headers=sendgrid_headers,
        agrees=sendgrid_agrees,
        has_time=True,
        tolerance=86400.0,
    ),
    SignedCase(
        name="pagerduty",
        key="pagerduty",
        oracle="published algorithm",
        **secrets("secret"),
        headers=lambda body, _: {"X-PagerDuty-Signature": f"v1={hex_hmac(body)}"},
        agrees=same("X-PagerDuty-Signature", lambda _, body: f"v1={hex_hmac(body)}"),
    ),
    SignedCase(
        name="shopify",
        key="shopify",
        oracle="published algorithm",
        **secrets("secret"),
        headers=lambda body, _: {"X-Shopify-Hmac-Sha256": base64_hmac(body)},
        agrees=same("X-Shopify-Hmac-Sha256", lambda _, body: base64_hmac(body)),
    ),
    SignedCase(
        name="sentry",
        key="sentry",
        oracle="published algorithm",
        **secrets("secret"),
        headers=lambda body, _: {"Sentry-Hook-Signature": hex_hmac(body)},
        agrees=same("Sentry-Hook-Signature", lambda _, body: hex_hmac(body)),
    ),
    SignedCase(
        name="grafana",
        key="grafana",
        oracle="published algorithm",
        **secrets("secret"),
        headers=lambda body, _: {"X-Grafana-Alerting-Signature": hex_hmac(body)},
        agrees=same("X-Grafana-Alerting-Signature", lambda _, body: hex_hmac(body)),
    ),
    SignedCase(
        name="grafana with time",
        key="grafana",
        oracle="published algorithm",
        **extended(secrets("secret"), timestamp="X-Grafana-Alerting-Timestamp"),
        headers=lambda body, at: {
            "X-Grafana-Alerting-Signature": hex_hmac(b"%d:" % int(at) + body),
            "X-Grafana-Alerting-Timestamp": str(int(at)),
        },
        agrees=same(
            "X-Grafana-Alerting-Signature",
            lambda headers, body: hex_hmac(
                headers["X-Grafana-Alerting-Timestamp"].encode() + b":" + body
            ),
        ),
        has_time=True,
    ),
    SignedCase(
        name="hmac as Slack",
        key="hmac",
        oracle="slack_sdk.signature.SignatureVerifier",
        **extended(
            secrets("secret"),
            header="X-Slack-Signature",
            prefix="v0=",
            signed="v0:{timestamp}:{body}",
            timestamp="X-Slack-Request-Timestamp",
        ),
        headers=slack_headers,
        agrees=slack_agrees,
        has_time=True,
    ),
    SignedCase(
        name="hmac of URL, method and header, sha512",
        key="hmac",
        oracle="hashlib, of the options",
        **extended(
            secrets("secret"),
            header="X-Signature",
            algorithm="sha512",
            signed="{method} {url} {header:X-Id} {body}",
        ),
        headers=lambda body, _: {
            "X-Signature": hex_hmac(
                b"POST https://events.example.com/in/source 7 " + body, "sha512"
            ),
            "X-Id": "7",
        },
        agrees=lambda headers, body: (
            headers["X-Signature"]
            == hex_hmac(b"POST https://events.example.com/in/source 7 " + body, "sha512")
        ),
    ),
    SignedCase(
        name="bearer",
        key="bearer",
        oracle="RFC 6750",
        **secrets("token"),
        headers=lambda *_: {"Authorization": f"Bearer {PLANTED}"},
        agrees=lambda headers, _: headers.get("Authorization") == f"Bearer {PLANTED}",
        signs_body=False,
    ),
    SignedCase(
        name="basic",
        key="basic",
        oracle="RFC 7617",
        **secrets("credentials", BASIC, f"voice:{OTHER}"),
        headers=lambda *_: {"Authorization": "Basic " + base64.b64encode(BASIC.encode()).decode()},
        agrees=lambda headers, _: (
            base64.b64decode(headers["Authorization"].split()[1]) == BASIC.encode()
        ),
        signs_body=False,
    ),
    SignedCase(
        name="api_key",
        key="api_key",
        oracle="the text itself",
        **extended(secrets("secret"), header="X-API-Key"),
        headers=lambda *_: {"X-API-Key": PLANTED},
        agrees=lambda headers, _: headers.get("X-API-Key") == PLANTED,
        signs_body=False,
    ),
]
