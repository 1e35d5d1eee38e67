"""Stripe's signature: an HMAC-SHA256 of ``<timestamp>.<body>``, in hex, in ``Stripe-Signature``.

The header has the time as ``t=`` and a ``v1=`` for each active secret: ``t=1492774577,v1=5257…``.
Other senders have the same form in another header.

Source: Stripe, "Receive Stripe events in your webhook endpoint", section "Verify webhook signatures
manually".
"""

from router.datatypes import Duration
from router.sources.contract import Refusal, RequestHead, VerifierEnvironment
from router.sources.freshness import check_tolerance
from router.sources.header_names import check_header_name
from router.sources.hmac_scheme import MAX_SIGNATURES, HmacScheme
from router.sources.hmac_verifier import Claim, HmacVerifier, claim_at, read_header
from router.sources.secret_config import SecretConfig
from router.sources.signed_text import SignedText


class StripeConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``stripe``; the secret is that of the endpoint."""

    header: str = "Stripe-Signature"
    """The header with the time and the signatures."""
    tolerance: Duration = Duration(300)
    """The most by which the signed time may differ from the router's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tolerance(self.tolerance)
        check_header_name("header", self.header)


class StripeVerifier(HmacVerifier):
    """Checks Stripe's signature and its time."""

    def __init__(self, config: StripeConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header=config.header,
            signed=SignedText.parse("{timestamp}.{body}"),
            prefix="v1=",
            tolerance=config.tolerance,
            place="the webhook endpoint on Stripe (its signing secret)",
        )
        super().__init__(scheme, config.secret, environment)

    def read_claim(self, head: RequestHead) -> Claim | Refusal:
        """Return what the header says, or why it cannot be read."""
        scheme = self._scheme
        text = read_header(head, scheme.header, scheme.place)
        if isinstance(text, Refusal):
            return text
        parts = [part.strip() for part in text.split(",")]
        timestamp = next((part[2:] for part in parts if part.startswith("t=")), "")
        signatures = [part for part in parts if part.startswith(scheme.prefix)]
        return claim_at(scheme.header, timestamp, tuple(signatures[:MAX_SIGNATURES]))
