"""Standard Webhooks, which Svix and its customers send: ``webhook-id``, ``-timestamp``, ``-signature``.

A signature is ``v1,`` and the base64 of an HMAC-SHA256 of ``<id>.<timestamp>.<body>``, or ``v1a,``
and that of an Ed25519 signature of the same text. Several stand with spaces between them. Svix has
the same headers as ``svix-id`` and so on.

Source: Standard Webhooks specification, sections "Signature scheme" and "Verifying signatures".
"""

from typing import ClassVar, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router.datatypes import Duration, Secret
from router.sources.contract import (
    OptionWarning,
    Refusal,
    RequestHead,
    Verifier,
    VerifierEnvironment,
    secret_list,
)
from router.sources.freshness import check_age, check_tolerance
from router.sources.hmac_scheme import HmacScheme, SignatureEncoding, text_key
from router.sources.hmac_verifier import Claim, HmacVerifier, read_header
from router.sources.public_key import has_signed, read_ed25519_key
from router.sources.secret_config import SecretConfig
from router.sources.signed_text import SignedRequest, SignedText

_SECRET: Final = "whsec_"  # noqa: S105 - a prefix
_PUBLIC_KEY: Final = "whpk_"
_PRIVATE_KEY: Final = "whsk_"
_SIGNED_BY_KEY: Final = "v1a,"
_SHORTEST: Final = 24
"""Bytes of a secret that the specification demands."""


class StandardWebhooksConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``standard-webhooks``; a secret is ``whsec_…``, or a public key ``whpk_…``."""

    stand_in: ClassVar[str] = _SECRET + 32 * "A"

    tolerance: Duration = Duration(300)
    """The most by which the signed time may differ from the router's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tolerance(self.tolerance)
        for secret in secret_list(self.secret):
            _check(secret)

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        shared = [each for each in secret_list(self.secret) if not _is_public(each)]
        if all(len(_key(secret)) >= _SHORTEST for secret in shared):
            return ()
        return (
            OptionWarning(
                "secret",
                f"secret has fewer than {_SHORTEST} bytes, the least that Standard Webhooks allows",
                "take a random one of the sender, such as whsec_ and 32 characters",
            ),
        )


class StandardWebhooksVerifier(Verifier):
    """Checks the signatures of both versions, and their time."""

    def __init__(self, config: StandardWebhooksConfig, environment: VerifierEnvironment) -> None:
        self._standard, self._svix = (
            _OneFamily(family, config, environment) for family in ("webhook", "svix")
        )

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without a signature that can be read."""
        return self._family(head).check_head(head)

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Check the signatures with each public key and each secret; then the time."""
        return await self._family(head).check_body(head, body)

    def _family(self, head: RequestHead) -> "_OneFamily":
        is_svix = "svix-signature" in head.headers and "webhook-signature" not in head.headers
        return self._svix if is_svix else self._standard


class _OneFamily(HmacVerifier):
    """Reads the headers whose names begin with ``family``."""

    def __init__(
        self, family: str, config: StandardWebhooksConfig, environment: VerifierEnvironment
    ) -> None:
        secrets = secret_list(config.secret)
        scheme = HmacScheme(
            header=f"{family}-signature",
            signed=SignedText.parse(f"{{header:{family}-id}}.{{timestamp}}.{{body}}"),
            encoding=SignatureEncoding.BASE64,
            prefix="v1,",
            separator=" ",
            timestamp=f"{family}-timestamp",
            tolerance=config.tolerance,
            place="the endpoint at the sender (its signing secret)",
        )
        shared = tuple(each for each in secrets if not _is_public(each))
        super().__init__(scheme, shared, environment, _key)
        self._id = f"{family}-id"
        self._public_keys = [_public_key(each) for each in secrets if _is_public(each)]

    def read_claim(self, head: RequestHead) -> Claim | Refusal:
        """Return what the head says, or why it cannot be read."""
        message_id = read_header(head, self._id, self._scheme.place)
        return message_id if isinstance(message_id, Refusal) else super().read_claim(head)

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Check the signatures with each public key and each secret; then the time."""
        claim = self.read_claim(head)
        if isinstance(claim, Refusal):
            return claim
        if claim.signed_at is not None and self._is_signed(head, body, claim):
            return check_age(head, claim.signed_at, self._scheme.tolerance)
        return await super().check_body(head, body)

    def _is_signed(self, head: RequestHead, body: bytes, claim: Claim) -> bool:
        """Return whether one of the public keys fits a signature of version 1a."""
        given = [
            SignatureEncoding.BASE64.read(text.removeprefix(_SIGNED_BY_KEY))
            for text in claim.signatures
            if text.startswith(_SIGNED_BY_KEY)
        ]
        request = SignedRequest(head, body, claim.timestamp, "")
        signed = b"".join(self._scheme.signed.chunks(request)) if self._public_keys else b""
        return any(
            has_signed(key, signature, signed)
            for key in self._public_keys
            for signature in given
            if signature
        )


def _is_public(secret: Secret) -> bool:
    return secret.reveal().startswith(_PUBLIC_KEY)


def _public_key(secret: Secret) -> Ed25519PublicKey:
    return read_ed25519_key(secret.reveal().removeprefix(_PUBLIC_KEY))


def _key(secret: Secret) -> bytes:
    """Return the key of a secret, which is base64 with or without its prefix and its padding."""
    text = secret.reveal().removeprefix(_SECRET)
    return SignatureEncoding.BASE64.read(text + "=" * (-len(text) % 4)) or text_key(secret)


def _check(secret: Secret) -> None:
    """Raise ValueError for a secret that is no key."""
    text = secret.reveal()
    if text.startswith(_PRIVATE_KEY):
        raise ValueError(
            f"secret is the private key of the sender: take the one with {_PUBLIC_KEY}"
        )
    if _is_public(secret):
        try:
            _public_key(secret)
        except ValueError as error:
            raise ValueError(f"secret {error} after {_PUBLIC_KEY}") from None
    elif _key(secret) == text_key(secret):
        raise ValueError(
            f"secret must be base64 after {_SECRET}: copy it whole from the sender's endpoint"
        )
