"""The verifier that all senders with a shared secret extend."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

import msgspec

from router.datatypes import Secret
from router.sources.contract import (
    MAX_URLS,
    Refusal,
    RequestHead,
    Secrets,
    Verifier,
    VerifierEnvironment,
    secret_list,
)
from router.sources.freshness import check_age, read_time
from router.sources.hmac_scheme import (
    MAX_HEADER,
    MAX_SIGNATURES,
    HmacScheme,
    digest_of,
    is_one_of,
    text_key,
)
from router.sources.missing_header import missing_header_hint
from router.sources.signature_hints import HintBudget, Mismatch, explain_mismatch
from router.sources.signed_text import SignedRequest


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The signatures of a request, as they are written, and the time that is signed."""

    signatures: tuple[str, ...]
    timestamp: str = ""
    signed_at: float | None = None
    """The Unix seconds of the time; None if the scheme has none."""


class HmacVerifier(Verifier):
    """Checks an HMAC in a header. A subclass says where the request has which part."""

    def __init__(
        self,
        scheme: HmacScheme,
        secrets: Secrets,
        environment: VerifierEnvironment,
        key_of: Callable[[Secret], bytes] = text_key,
    ) -> None:
        self._scheme = scheme
        self._keys = [key_of(secret) for secret in secret_list(secrets) if secret]
        self._secrets = secret_list(secrets)
        self._others = environment.other_secrets
        self._key_of = key_of
        self._hints = HintBudget()

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without a signature that can be read."""
        claim = self.read_claim(head)
        return claim if isinstance(claim, Refusal) else None

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Compare the signatures with that of each secret, in constant time; then check the time."""
        claim = self.read_claim(head)
        if isinstance(claim, Refusal):
            return claim
        given = self.given_digests(claim)
        requests = self._requests(head, body, claim)
        digests = [
            digest_of(self._scheme, key, request) for key in self._keys for request in requests
        ]
        if not is_one_of(digests, given):
            return self._mismatch(head, claim, requests[0])
        if claim.signed_at is None:
            return None
        return check_age(head, claim.signed_at, self._scheme.tolerance)

    def read_claim(self, head: RequestHead) -> Claim | Refusal:
        """Return what the head says, or why it cannot be read."""
        scheme = self._scheme
        text = read_header(head, scheme.header, scheme.place)
        if isinstance(text, Refusal):
            return text
        parts = text.split(scheme.separator) if scheme.separator else [text]
        signatures = tuple(part.strip() for part in parts if part.strip())[:MAX_SIGNATURES]
        if not scheme.timestamp:
            return Claim(signatures=signatures)
        timestamp = read_header(head, scheme.timestamp, scheme.place)
        if isinstance(timestamp, Refusal):
            return timestamp
        return claim_at(scheme.timestamp, timestamp, signatures)

    def given_digests(self, claim: Claim) -> list[bytes]:
        """Return the bytes of the signatures that are written as the scheme says."""
        scheme = self._scheme
        read = [
            scheme.encoding.read(text.removeprefix(scheme.prefix))
            for text in claim.signatures
            if text.startswith(scheme.prefix)
        ]
        return [digest for digest in read if digest]

    def _requests(self, head: RequestHead, body: bytes, claim: Claim) -> Sequence[SignedRequest]:
        urls = head.urls[:MAX_URLS] if self._scheme.signed.names("url") else ()
        return [SignedRequest(head, body, claim.timestamp, url) for url in urls or ("",)]

    def _mismatch(self, head: RequestHead, claim: Claim, request: SignedRequest) -> Refusal:
        hint = ""
        if self._hints.take(head.received_at):
            hint = explain_mismatch(
                Mismatch(
                    scheme=self._scheme,
                    request=request,
                    signatures=claim.signatures,
                    keys=self._keys,
                    secrets=self._secrets,
                    others=[
                        (name, self._key_of(secret))
                        for name, secrets in self._others.items()
                        for secret in secrets
                    ],
                )
            )
        return Refusal(
            code="wrong_signature",
            reason=f"the signature in {self._scheme.header} does not match the request",
            hint=hint or f"compare the secret of the source with that of {self._scheme.place}",
        )


def read_header(head: RequestHead, name: str, place: str) -> str | Refusal:
    """Return a header that a signed request must have, without surrounding white space."""
    text = head.headers.get(name, "").strip()
    if not text:
        return Refusal(
            code="no_signature",
            reason=f"the header {name} is missing",
            hint=missing_header_hint(
                head, name, f"set the secret in {place}: without it the sender signs nothing"
            ),
            status=HTTPStatus.UNAUTHORIZED,
        )
    if len(text) > MAX_HEADER:
        return Refusal(
            code="malformed_signature",
            reason=f"the header {name} is longer than {MAX_HEADER} characters",
        )
    return text


def claim_at(where: str, timestamp: str, signatures: tuple[str, ...]) -> Claim | Refusal:
    """Return a claim with a time; a refusal if ``timestamp``, found in ``where``, is no time."""
    signed_at = read_time(timestamp)
    if signed_at is None:
        return Refusal(
            code="malformed_signature",
            reason=f"the time in {where} is neither Unix seconds nor RFC 3339",
        )
    return Claim(signatures=signatures, timestamp=timestamp, signed_at=signed_at)
