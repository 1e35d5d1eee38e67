"""SendGrid's signed events: ECDSA over ``<timestamp><body>``, checked by the account's public key.

The time is signed. SendGrid attempts an event for up to 24 hours, and does not say whether it signs
each attempt again; the default tolerance therefore is a day.

Source: SendGrid, "Getting Started with the Event Webhook Security Features", and its own library.
"""

from typing import ClassVar, Final

from router.datatypes import Duration
from router.sources.contract import (
    Refusal,
    RequestHead,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
)
from router.sources.freshness import check_age, check_tolerance
from router.sources.hmac_scheme import SignatureEncoding
from router.sources.hmac_verifier import Claim, claim_at, read_header
from router.sources.public_key import has_signed, read_p256_key
from router.sources.signature_hints import LARGEST_BODY, HintBudget, body_variants

_SIGNATURE: Final = "X-Twilio-Email-Event-Webhook-Signature"
_TIMESTAMP: Final = "X-Twilio-Email-Event-Webhook-Timestamp"
_PLACE: Final = "SendGrid's Mail Settings, Event Webhook (signature verification)"
_MAX_KEYS: Final = 10


class SendgridConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``sendgrid``."""

    short_key: ClassVar[str] = "public_key"
    # The point of P-256 whose x is the SHA-256 of "missing.invalid\x4fc", so that its private
    # key is unknown.
    stand_in: ClassVar[str] = (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+L3BbsF6RrZVRjbwRAFMdOZ8+hoihF8LI584O6D+dUcSjGHK+Oxyl3"
        "12qTXDv4UFMwvstOH0VHns2c9LIol0OA=="
    )

    public_key: str | tuple[str, ...]
    """The verification key; several while one is replaced."""
    tolerance: Duration = Duration(86400)
    """The most by which the signed time may differ from the router's."""

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        keys = _texts(self.public_key)
        if not 0 < len(keys) <= _MAX_KEYS:
            raise ValueError(f"public_key must have from 1 to {_MAX_KEYS} keys")
        for text in keys:
            try:
                read_p256_key(text)
            except ValueError as error:
                raise ValueError(
                    f"public_key {error}: copy the verification key from {_PLACE}"
                ) from None


class SendgridVerifier(Verifier):
    """Checks SendGrid's signature and its time."""

    def __init__(self, config: SendgridConfig, environment: VerifierEnvironment) -> None:
        del environment
        self._keys = [read_p256_key(text) for text in _texts(config.public_key)]
        self._tolerance = config.tolerance
        self._hints = HintBudget()

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without a signature that can be read."""
        claim = _read_claim(head)
        return claim if isinstance(claim, Refusal) else None

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Check the signature with each key; then the time."""
        claim = _read_claim(head)
        if isinstance(claim, Refusal):
            return claim
        if self._is_signed(claim, body):
            return check_age(head, claim.signed_at or 0.0, self._tolerance)
        return Refusal(
            code="wrong_signature",
            reason=f"the signature in {_SIGNATURE} does not match the request",
            hint=self._hint(head, claim, body),
        )

    def _is_signed(self, claim: Claim, body: bytes) -> bool:
        signature = SignatureEncoding.BASE64.read(claim.signatures[0])
        signed = claim.timestamp.encode("utf-8", "surrogateescape") + body
        return signature is not None and any(
            has_signed(key, signature, signed) for key in self._keys
        )

    def _hint(self, head: RequestHead, claim: Claim, body: bytes) -> str:
        if len(body) <= LARGEST_BODY and self._hints.take(head.received_at):
            for changed, words in body_variants(body):
                if self._is_signed(claim, changed):
                    return f"the signature fits {words}: a proxy in between changes bodies"
        return f"compare public_key with the verification key in {_PLACE}: each webhook has its own"


def _read_claim(head: RequestHead) -> Claim | Refusal:
    signature = read_header(head, _SIGNATURE, _PLACE)
    if isinstance(signature, Refusal):
        return signature
    timestamp = read_header(head, _TIMESTAMP, _PLACE)
    if isinstance(timestamp, Refusal):
        return timestamp
    return claim_at(_TIMESTAMP, timestamp, (signature,))


def _texts(keys: str | tuple[str, ...]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else keys
