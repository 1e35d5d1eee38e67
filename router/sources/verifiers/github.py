"""GitHub's signature: an HMAC-SHA256 of the body, in hex, in ``X-Hub-Signature-256``.

There is no timestamp: de-duplication by ``X-GitHub-Delivery`` is the protection against replays.

Source: GitHub, "Validating webhook deliveries".
"""

import hashlib
import hmac
from http import HTTPStatus

from router.datatypes import Secret
from router.sources.contract import (
    Refusal,
    RequestHead,
    Secrets,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
    secret_list,
)

_HEADER = "X-Hub-Signature-256"


class GithubConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``github``."""

    secret: Secrets
    """The secret of the webhook."""


class GithubVerifier(Verifier):
    """Checks GitHub's signature."""

    def __init__(self, config: GithubConfig, environment: VerifierEnvironment) -> None:
        del environment
        self._secrets = secret_list(config.secret)

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without a signature."""
        if _HEADER in head.headers:
            return None
        return Refusal(
            code="no_signature",
            reason=f"the header {_HEADER} is missing",
            hint="set the secret in the webhook's settings on GitHub",
            status=HTTPStatus.UNAUTHORIZED,
        )

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Compare the signature with that of each secret, in constant time."""
        given = head.headers[_HEADER].encode("utf-8", "surrogateescape")
        fits = [hmac.compare_digest(given, _signature(secret, body)) for secret in self._secrets]
        if any(fits):
            return None
        return Refusal(
            code="wrong_signature",
            reason="the signature does not match the body",
            hint="the secret of the webhook on GitHub differs from that of the source",
        )


def _signature(secret: Secret, body: bytes) -> bytes:
    key = secret.reveal().encode("utf-8", "surrogateescape")
    return b"sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest().encode()
